/* Runs handlers within the limiters and the memory budget. */
#include "request_limits.h"

#include <errno.h>
#include <unistd.h>

#include "json_memory.h"
#include "json_size_estimate.h"
#include "memory_budget.h"
#include "problem.h"

/* A page of rows is there as it is read, as a tree and as text. */
enum { COPIES_OF_A_PAGE = 4 };

/* The share of the memory budget that the rows of a page may take. */
enum { PAGE_SHARE = 32 };

static const char *const busy[] = {
#define LIMITER(identifier, name, at_once, queue, busy) busy,
#include "limiters.def"
#undef LIMITER
};

static unsigned processors(void) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

void fd_request_limits_open(fd_request_limits *limits, const fd_api_options *options,
                            fd_metrics *metrics) {
    limits->request_memory = options->request_memory;
    limits->page_bytes = options->memory / PAGE_SHARE;
    if (limits->page_bytes > FD_PAGE_BYTES)
        limits->page_bytes = FD_PAGE_BYTES;
    limits->metrics = metrics;
#define LIMITER(identifier, name, at_once, queue, busy)                                            \
    fd_limiter_open(&limits->limiters[FD_LIMITER_##identifier], name,                              \
                    options->at_once > 0 ? options->at_once : processors(), options->queue,        \
                    metrics);
#include "limiters.def"
#undef LIMITER
    fd_limiter_open(&limits->waits, "waits", options->waiting_clients, 0, metrics);
}

void fd_request_limits_close(fd_request_limits *limits) {
    fd_limiter_close(&limits->waits);
    for (size_t i = 0; i < FD_LENGTH(limits->limiters); i++)
        fd_limiter_close(&limits->limiters[i]);
}

void fd_request_limits_count_refused(const fd_request_limits *limits, const char *limit) {
    fd_metrics_add(limits->metrics, FD_METRIC_REFUSED, limit, NULL, 1);
}

static bool needs_limiter(const fd_route *route, const fd_request *request) {
    return route->limiter != FD_LIMITER_NONE &&
           (route->limiter != FD_LIMITER_UPLOADS || request->body_size > FD_MEMORY_BUDGET_SMALL);
}

/* The bytes that the work takes at least, as far as they are known before it begins. False, with a
 * response, if they are not left. */
static bool take_memory(const fd_request_limits *limits, const fd_route *route,
                        const fd_request *request, fd_transaction *transaction, size_t *ret,
                        fd_response *response) {
    size_t needed = route->limiter == FD_LIMITER_LISTS ? COPIES_OF_A_PAGE * limits->page_bytes : 0;
    if (request->body_size > FD_MEMORY_BUDGET_SMALL)
        needed = fd_json_estimate(request->body, request->body_size).memory;
    if (needed > limits->request_memory) {
        fd_request_limits_count_refused(limits, "request_memory");
        fd_problem_coded(response, FD_PROBLEM_NEEDS_TOO_MUCH_MEMORY,
                         "reading the body would take more memory than a request may use");
        return false;
    }
    *ret = needed;
    if (needed > 0 && !fd_transaction_take_memory(transaction, needed)) {
        fd_problem_coded(response, FD_PROBLEM_OVERLOADED,
                         "other requests use all of the memory for requests");
        return false;
    }
    return true;
}

/* Runs the handler, with all JSON that it reads and writes counted. */
static void work(const fd_request_limits *limits, const fd_route *route, const fd_request *request,
                 fd_transaction *transaction, fd_response *response) {
    size_t taken = 0;
    if (!take_memory(limits, route, request, transaction, &taken, response))
        return;
    fd_json_meter meter = {.take = fd_transaction_take_memory,
                           .context = transaction,
                           .allowed = taken + FD_MEMORY_BUDGET_SMALL};
    fd_json_meter_begin(&meter);
    route->handler(request, response);
    fd_json_meter_end();
}

int fd_request_limits_enter(fd_request_limits *limits, const fd_route *route,
                            const fd_request *request, fd_limiter **ret, fd_response *response) {
    fd_limiter *limiter = needs_limiter(route, request) ? &limits->limiters[route->limiter] : NULL;
    int r = limiter ? fd_limiter_enter(limiter, request->is_awaited, request->await_context) : 0;
    if (r == -EBUSY) {
        fd_request_limits_count_refused(limits, limiter->name);
        fd_problem_coded(response, FD_PROBLEM_OVERLOADED, busy[route->limiter]);
    } else if (r < 0) {
        fd_problem_of(response, r, NULL);
    } else {
        *ret = limiter;
    }
    return r;
}

void fd_request_limits_run(fd_request_limits *limits, const fd_route *route,
                           const fd_request *request, fd_transaction *transaction,
                           fd_response *response) {
    fd_limiter *limiter;
    if (fd_request_limits_enter(limits, route, request, &limiter, response) < 0)
        return;
    work(limits, route, request, transaction, response);
    if (limiter)
        fd_limiter_leave(limiter);
}
