/* Whether a request may begin its work now, must wait, or is refused. */
#ifndef FD_REQUEST_LIMITS_H
#define FD_REQUEST_LIMITS_H

#include <stddef.h>

#include "api.h"
#include "limiter.h"
#include "request.h"
#include "router.h"
#include "transaction.h"

typedef struct fd_request_limits {
    fd_limiter limiters[FD_LIMITER_NONE];
    fd_limiter waits;      /* of clients that wait for events; nobody waits for it */
    size_t request_memory; /* most bytes of memory to read one body */
    size_t page_bytes;     /* most bytes of a list's rows */
    fd_metrics *metrics;
} fd_request_limits;

void fd_request_limits_open(fd_request_limits *limits, const fd_api_options *options,
                            fd_metrics *metrics);
void fd_request_limits_close(fd_request_limits *limits);

/* Counts a request that a limit refuses. `limit` is static text. */
void fd_request_limits_count_refused(const fd_request_limits *limits, const char *limit);

/* Enters the route's limiter; *ret is to be left, NULL if there is none. -EBUSY, -ECANCELED with a
 * response. */
int fd_request_limits_enter(fd_request_limits *limits, const fd_route *route,
                            const fd_request *request, fd_limiter **ret,
                            fd_response *response) FD_MUST_CHECK;

/* Runs the route's handler once the limiter lets it and there is memory, or responds why not. */
void fd_request_limits_run(fd_request_limits *limits, const fd_route *route,
                           const fd_request *request, fd_transaction *transaction,
                           fd_response *response);

#endif
