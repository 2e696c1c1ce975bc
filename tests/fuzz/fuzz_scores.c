/* POST /v1/score: a body that is read without a tree gives what the tree gives, and JSON lines give
 * a line for each. The first byte chooses. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "json_tree.h"

enum { PADDING = 1100 }; /* so that the body is long enough to be read without a tree */

static void compare_readers(fd_engine *engine, const uint8_t *body, size_t size) {
    FD_FREE uint8_t *padded = malloc(size + PADDING);
    assert(padded);
    memcpy(padded, body, size);
    memset(padded + size, ' ', PADDING);
    fd_response with_tree = fuzz_call(fd_score_post, engine, NULL, body, size);
    fd_response without = fuzz_call(fd_score_post, engine, NULL, padded, size + PADDING);
    assert(with_tree.status == without.status);
    if (with_tree.status == 200)
        assert(with_tree.size == without.size &&
               memcmp(with_tree.body, without.body, without.size) == 0);
    free(with_tree.body);
    free(without.body);
}

static bool has_memory(void *context, size_t bytes) {
    (void)context;
    return bytes < (size_t)1 << 30;
}

static bool is_awaited(void *context) {
    (void)context;
    return true;
}

/* Lines that are not blank. */
static size_t count_lines(const char *text, size_t size) {
    size_t lines = 0;
    bool is_blank = true;
    for (size_t i = 0; i <= size; i++) {
        if (i == size || text[i] == '\n') {
            lines += is_blank ? 0 : 1;
            is_blank = true;
        } else if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') {
            is_blank = false;
        }
    }
    return lines;
}

static void check_lines(fd_engine *engine, const uint8_t *body, size_t size) {
    static const fd_identity admin = {.role = FD_ROLE_ADMIN, .token = "", .name = ""};
    const fd_request request = {
        .engine = engine,
        .identity = &admin,
        .version = "0",
        .body = (const char *)body,
        .body_size = size,
        .has_lines = true,
        .take_memory = has_memory,
        .is_awaited = is_awaited,
    };
    fd_response response = {.request_id = "fuzz"};
    fd_score_post(&request, &response);
    assert(response.status == 200);
    size_t lines = 0;
    for (size_t at = 0; at < response.size; lines++) {
        const char *start = response.body + at;
        const char *end = memchr(start, '\n', response.size - at);
        assert(end);
        FD_JSON json_t *line =
            json_loadb(start, (size_t)(end - start), JSON_REJECT_DUPLICATES, NULL);
        assert(json_is_object(json_object_get(line, "error")) ||
               json_is_number(json_object_get(line, "reward")));
        at = (size_t)(end - response.body) + 1;
    }
    assert(lines == count_lines((const char *)body, size));
    free(response.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fd_engine *engine;
    if (!engine) {
        fuzz_be_quiet();
        engine = fuzz_engine_open();
    }
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        compare_readers(engine, data + 1, size - 1);
    else
        check_lines(engine, data + 1, size - 1);
    return 0;
}
