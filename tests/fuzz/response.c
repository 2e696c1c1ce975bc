/* Calls handlers of the API and checks that their responses are well-formed. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "json_tree.h"

/* A pointer or a detail that does not fit is cut. */
static bool was_cut(const char *text, size_t room) {
    return strlen(text) + 8 >= room;
}

void fuzz_check_fault(int result, const fd_fault *fault) {
    bool has_text =
        result == -EINVAL || result == -EBADMSG || result == -EEXIST || result == -ENOENT;
    assert((fault->detail[0] != '\0') == has_text);
    assert(fault->pointer[0] == '\0' || (has_text && fault->pointer[0] == '/'));
}

/* Reads the next step of a JSON pointer, without its escapes, and returns what follows. */
static const char *take_step(const char *pointer, char *step) {
    for (; *pointer && *pointer != '/'; pointer++) {
        char c = *pointer;
        if (c == '~') {
            c = *++pointer == '0' ? '~' : '/';
            assert(*pointer == '0' || *pointer == '1');
        }
        *step++ = c;
    }
    *step = '\0';
    return pointer;
}

/* Each step but the last leads to a value of the document; the last may name a missing one. */
static void check_pointer(const json_t *document, const char *pointer) {
    char step[sizeof(((fd_fault *)NULL)->pointer)];
    const json_t *at = document;
    while (*pointer) {
        assert(*pointer == '/');
        assert(json_is_object(at) || json_is_array(at));
        pointer = take_step(pointer + 1, step);
        at = json_is_object(at) ? json_object_get(at, step)
                                : json_array_get(at, strtoul(step, NULL, 10));
        assert(at || *pointer == '\0');
    }
}

static void check_problem(const json_t *problem, unsigned status, const json_t *document) {
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    assert(detail && detail[0] != '\0');
    assert(json_string_length(json_object_get(problem, "title")) > 0);
    assert(json_integer_value(json_object_get(problem, "status")) == (json_int_t)status);
    const json_t *errors = json_object_get(problem, "errors");
    size_t i;
    json_t *error;
    json_array_foreach(errors, i, error) {
        const char *pointer = json_string_value(json_object_get(error, "pointer"));
        assert(pointer);
        if (document && !was_cut(pointer, sizeof(((fd_fault *)NULL)->pointer)))
            check_pointer(document, pointer);
    }
}

void fuzz_check_response(const fd_response *response, const char *body, size_t size) {
    assert(response->status >= 200 && response->status < 500);
    assert(response->body);
    FD_JSON json_t *root = json_loadb(response->body, response->size, JSON_REJECT_DUPLICATES, NULL);
    assert(json_is_object(root));
    bool is_problem =
        response->content_type && strcmp(response->content_type, "application/problem+json") == 0;
    assert(is_problem == (response->status >= 400));
    if (!is_problem)
        return;
    FD_JSON json_t *document = json_loadb(body, size, 0, NULL);
    check_problem(root, response->status, document);
}

static bool has_memory(void *context, size_t bytes) {
    (void)context;
    return bytes < (size_t)1 << 30;
}

fd_response fuzz_call(fd_handler *handler, fd_engine *engine, const char *id, const uint8_t *body,
                      size_t size) {
    static const fd_identity admin = {.role = FD_ROLE_ADMIN, .token = "", .name = ""};
    const fd_request request = {
        .engine = engine,
        .identity = &admin,
        .version = "0",
        .id = id,
        .body = (const char *)body,
        .body_size = size,
        .page_bytes = FD_PAGE_BYTES,
        .take_memory = has_memory,
    };
    fd_response response = {.request_id = "fuzz"};
    handler(&request, &response);
    fuzz_check_response(&response, (const char *)body, size);
    return response;
}

int64_t fuzz_member(const fd_response *response, const char *name) {
    FD_JSON json_t *root = json_loadb(response->body, response->size, 0, NULL);
    const json_t *member = json_object_get(root, name);
    return json_is_integer(member) ? json_integer_value(member) : -1;
}
