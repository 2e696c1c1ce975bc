/* Problem documents (RFC 9457): application/problem+json. */
#ifndef FD_PROBLEM_H
#define FD_PROBLEM_H

#include "fault.h"
#include "response.h"

/* The rows of problem_codes.def. */
typedef enum fd_problem_code {
#define CODE(identifier, code, status, meaning) FD_PROBLEM_##identifier,
#include "problem_codes.def"
#undef CODE
} fd_problem_code;

/* Responds with a problem that has the code, its status, and this detail, and no pointer. */
void fd_problem_coded(fd_response *response, fd_problem_code code, const char *detail);

/* The same for a status, with its first code. */
void fd_problem(fd_response *response, unsigned status, const char *detail);

/*
 * Responds to a failure. -EBADMSG (malformed JSON) is 400, -EINVAL 422, -EPERM 403, -ENOENT 404,
 * -EEXIST 409, -EMSGSIZE 413, -EPROTO 502, -EAGAIN, -EBUSY, -ECANCELED, -ESHUTDOWN, -EIO and
 * -ENOMEM 503 with Retry-After, -ENOSPC and its like 507, anything else 500. A fault with text
 * gives the `detail` and, when it has a pointer or the status is 400, 409 or 422, `errors:
 * [{pointer, detail}]` with the faults that it collected. Without one the detail is a general one,
 * and tells nothing internal.
 */
void fd_problem_of(fd_response *response, int error, const fd_fault *fault);

#endif
