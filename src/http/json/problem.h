/* Problem documents (RFC 9457): application/problem+json. */
#ifndef FD_PROBLEM_H
#define FD_PROBLEM_H

#include "fault.h"
#include "request.h"

/* One problem with a status of its own and a detail; no fault, no pointer. */
void fd_problem(const fd_request *request, fd_response *response, unsigned status,
                const char *detail);

/*
 * The answer to a failure of the codec or the engine: -EBADMSG (malformed JSON) 400, -EINVAL 422,
 * -EPERM 403, -ENOENT 404, -EEXIST 409, -EAGAIN, -EBUSY, -ESHUTDOWN, -EIO and -ENOMEM 503 with
 * Retry-After, -ENOSPC and its like 507, -EMSGSIZE 413, anything else 500. A fault with text gives
 * `detail` and, when it has a pointer or the status is 400, 409 or 422, `errors: [{pointer,
 * detail}]`; without one nothing of our internals is told.
 */
void fd_problem_of(const fd_request *request, fd_response *response, int error,
                   const fd_fault *fault);

#endif
