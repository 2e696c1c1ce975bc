#include "problem.h"

#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <string.h>

static const char no_room[] = "there is no room left to store this; nothing was changed";
static const char no_store[] = "the store cannot be read or written right now; nothing was changed";

static const struct {
    int error;
    unsigned status;
    const char *detail; /* for a failure that is ours to tell */
} statuses[] = {
    {-EBADMSG, 400, "the body is no JSON"},
    {-EINVAL, 422, "the content is wrong"},
    {-EPERM, 403, "not allowed"},
    {-ENOENT, 404, "there is no such thing"},
    {-EEXIST, 409, "it conflicts with what is there"},
    {-EMSGSIZE, 413, "the body is too large"},
    {-EAGAIN, 503, "not possible right now"},
    {-EBUSY, 503, "busy; try again"},
    {-ESHUTDOWN, 503, "the daemon is stopping"},
    {-ECANCELED, 503, "given up: nobody waits for the answer any more, or the daemon is stopping"},
    {-ENOSPC, 507, no_room},
    {-EDQUOT, 507, no_room},
    {-EFBIG, 507, no_room},
    {-EIO, 503, no_store},
    {-EROFS, 503, no_store},
    {-EACCES, 503, no_store},
    {-ENOMEM, 503, "there is no memory for it right now; nothing was changed"},
};

static json_t *errors_of(const fd_fault *fault) {
    return json_pack("[{s:s, s:s}]", "pointer", fault->pointer, "detail", fault->detail);
}

static void fill(const fd_request *request, fd_response *response, unsigned status,
                 const char *detail, json_t *errors) {
    json_t *document =
        json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "about:blank", "title",
                  MHD_get_reason_phrase_for(status), "status", (int)status, "detail", detail,
                  "request_id", request->request_id ? request->request_id : "");
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

void fd_problem(const fd_request *request, fd_response *response, unsigned status,
                const char *detail) {
    fill(request, response, status, detail, NULL);
}

void fd_problem_of(const fd_request *request, fd_response *response, int error,
                   const fd_fault *fault) {
    unsigned status = 500;
    const char *detail = "something failed here; nothing was changed";
    /* What is no JSON is always told by a fault; without one the store's content is damaged. */
    bool damaged = error == -EBADMSG && (!fault || fault->detail[0] == '\0');
    for (size_t i = 0; i < FD_LENGTH(statuses) && !damaged; i++) {
        if (statuses[i].error == error) {
            status = statuses[i].status;
            detail = statuses[i].detail;
        }
    }
    if (!fault || fault->detail[0] == '\0') {
        fill(request, response, status, detail, NULL);
        return;
    }
    bool points = fault->pointer[0] != '\0' || status == 400 || status == 409 || status == 422;
    fill(request, response, status, fault->detail, points ? errors_of(fault) : NULL);
}
