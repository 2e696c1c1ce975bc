/* Responds with problem documents. */
#include "problem.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"

static const char no_space[] = "there is no space left to store this; nothing was changed";
static const char no_store[] = "the store cannot be read or written right now; nothing was changed";

static const struct {
    const char *code;
    unsigned status;
} codes[] = {
#define CODE(identifier, code, status, meaning) {code, status},
#include "problem_codes.def"
#undef CODE
};

static const struct {
    int error;
    fd_problem_code code;
    const char *detail; /* for a failure without a fault */
} failures[] = {
    {-EBADMSG, FD_PROBLEM_MALFORMED_JSON, "the body is not JSON"},
    {-EINVAL, FD_PROBLEM_INVALID_CONTENT, "the content is invalid"},
    {-EPERM, FD_PROBLEM_FORBIDDEN, "not allowed"},
    {-ENOENT, FD_PROBLEM_NOT_FOUND, "not found"},
    {-EEXIST, FD_PROBLEM_CONFLICT, "it conflicts with what is stored"},
    {-EMSGSIZE, FD_PROBLEM_BODY_TOO_LARGE, "the body is too large"},
    {-EPROTO, FD_PROBLEM_EMBEDDER_FAILED,
     "the embedder answered what cannot be used; nothing was changed"},
    {-EAGAIN, FD_PROBLEM_NOT_READY, "not possible right now"},
    {-EBUSY, FD_PROBLEM_OVERLOADED, "busy; try again"},
    {-ESHUTDOWN, FD_PROBLEM_STOPPING, "the daemon is stopping"},
    {-ECANCELED, FD_PROBLEM_STOPPING,
     "stopped: the client no longer waits for the response, or the daemon is stopping"},
    {-ENOSPC, FD_PROBLEM_NO_SPACE, no_space},
    {-EDQUOT, FD_PROBLEM_NO_SPACE, no_space},
    {-EFBIG, FD_PROBLEM_NO_SPACE, no_space},
    {-EIO, FD_PROBLEM_STORE_UNAVAILABLE, no_store},
    {-ESTALE, FD_PROBLEM_STORE_UNAVAILABLE, no_store},
    {-EROFS, FD_PROBLEM_STORE_UNAVAILABLE, no_store},
    {-EACCES, FD_PROBLEM_STORE_UNAVAILABLE, no_store},
    {-ENOMEM, FD_PROBLEM_OUT_OF_MEMORY,
     "there is not enough memory right now; nothing was changed"},
};

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* What the place of a fault says beyond the error. */
static fd_problem_code narrow(fd_problem_code code, const fd_fault *fault) {
    if (code == FD_PROBLEM_CONFLICT && ends_with(fault->pointer, "/id"))
        return FD_PROBLEM_ID_TAKEN;
    if (code == FD_PROBLEM_FORBIDDEN && ends_with(fault->pointer, "/annotator"))
        return FD_PROBLEM_OTHER_ANNOTATOR;
    return code;
}

static int add_error(json_t *errors, const char *pointer, const char *detail) {
    return json_array_append_new(errors,
                                 json_pack("{s:s, s:s}", "pointer", pointer, "detail", detail));
}

static json_t *errors_of(const fd_fault *fault) {
    json_t *errors = json_array();
    int r = add_error(errors, fault->pointer, fault->detail);
    for (size_t i = 0; fault->more && i < fault->more->n && r == 0; i++)
        r = add_error(errors, fault->more->list[i].pointer, fault->more->list[i].detail);
    if (r < 0)
        json_decref(FD_STEAL(errors));
    return errors;
}

static void fill(fd_response *response, unsigned status, const char *code, const char *detail,
                 json_t *errors) {
    json_t *document =
        json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "type", "about:blank", "title",
                  fd_response_reason(status), "status", (int)status, "code", code, "detail", detail,
                  "request_id", response->request_id ? response->request_id : "");
    if (errors)
        (void)json_object_set_new(document, "errors", errors);
    free(response->body);
    response->body = document ? json_dumps(document, JSON_COMPACT) : NULL;
    response->size = response->body ? strlen(response->body) : 0;
    response->status = status;
    response->content_type = "application/problem+json";
    if (status == 503)
        response->retry_after = 1;
    json_decref(document);
}

void fd_problem_coded(fd_response *response, fd_problem_code code, const char *detail) {
    fill(response, codes[code].status, codes[code].code, detail, NULL);
}

void fd_problem(fd_response *response, unsigned status, const char *detail) {
    const char *code = codes[FD_PROBLEM_INTERNAL].code;
    for (size_t i = FD_LENGTH(codes); i-- > 0;)
        if (codes[i].status == status)
            code = codes[i].code;
    fill(response, status, code, detail, NULL);
}

void fd_problem_of(fd_response *response, int error, const fd_fault *fault) {
    fd_problem_code code = FD_PROBLEM_INTERNAL;
    const char *detail = "the daemon failed; nothing was changed";
    /* A body that is not JSON always has a fault. Without one the store's content is damaged. */
    bool damaged = error == -EBADMSG && (!fault || fault->detail[0] == '\0');
    for (size_t i = 0; i < FD_LENGTH(failures) && !damaged; i++) {
        if (failures[i].error == error) {
            code = failures[i].code;
            detail = failures[i].detail;
        }
    }
    if (!fault || fault->detail[0] == '\0') {
        fd_problem_coded(response, code, detail);
        return;
    }
    code = narrow(code, fault);
    unsigned status = codes[code].status;
    bool points = fault->pointer[0] != '\0' || status == 400 || status == 409 || status == 422;
    fill(response, status, codes[code].code, fault->detail, points ? errors_of(fault) : NULL);
}
