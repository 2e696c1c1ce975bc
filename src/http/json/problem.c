/* Responds with problem documents. */
#include "problem.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"

static const char no_space[] = "there is no space left to store this; nothing was changed";
static const char no_store[] = "the store cannot be read or written right now; nothing was changed";

static const struct {
    int error;
    unsigned status;
    const char *detail; /* for a failure without a fault */
} statuses[] = {
    {-EBADMSG, 400, "the body is not JSON"},
    {-EINVAL, 422, "the content is invalid"},
    {-EPERM, 403, "not allowed"},
    {-ENOENT, 404, "not found"},
    {-EEXIST, 409, "it conflicts with what is stored"},
    {-EMSGSIZE, 413, "the body is too large"},
    {-EPROTO, 502, "the embedder answered what cannot be used; nothing was changed"},
    {-EAGAIN, 503, "not possible right now"},
    {-EBUSY, 503, "busy; try again"},
    {-ESHUTDOWN, 503, "the daemon is stopping"},
    {-ECANCELED, 503,
     "stopped: the client no longer waits for the response, or the daemon is stopping"},
    {-ENOSPC, 507, no_space},
    {-EDQUOT, 507, no_space},
    {-EFBIG, 507, no_space},
    {-EIO, 503, no_store},
    {-ESTALE, 503, no_store},
    {-EROFS, 503, no_store},
    {-EACCES, 503, no_store},
    {-ENOMEM, 503, "there is not enough memory right now; nothing was changed"},
};

static json_t *errors_of(const fd_fault *fault) {
    return json_pack("[{s:s, s:s}]", "pointer", fault->pointer, "detail", fault->detail);
}

static void fill(fd_response *response, unsigned status, const char *detail, json_t *errors) {
    json_t *document =
        json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "about:blank", "title",
                  fd_response_reason(status), "status", (int)status, "detail", detail, "request_id",
                  response->request_id ? response->request_id : "");
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

void fd_problem(fd_response *response, unsigned status, const char *detail) {
    fill(response, status, detail, NULL);
}

void fd_problem_of(fd_response *response, int error, const fd_fault *fault) {
    unsigned status = 500;
    const char *detail = "the daemon failed; nothing was changed";
    /* A body that is not JSON always has a fault. Without one the store's content is damaged. */
    bool damaged = error == -EBADMSG && (!fault || fault->detail[0] == '\0');
    for (size_t i = 0; i < FD_LENGTH(statuses) && !damaged; i++) {
        if (statuses[i].error == error) {
            status = statuses[i].status;
            detail = statuses[i].detail;
        }
    }
    if (!fault || fault->detail[0] == '\0') {
        fill(response, status, detail, NULL);
        return;
    }
    bool points = fault->pointer[0] != '\0' || status == 400 || status == 409 || status == 422;
    fill(response, status, fault->detail, points ? errors_of(fault) : NULL);
}
