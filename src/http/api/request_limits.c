/* Whether a request may begin its work now, must wait for that, or is too much. */
#include <errno.h>
#include <unistd.h>

#include "json_read.h"
#include "problem.h"
#include "server_state.h"

/* A page of rows, as they are read, as a tree and as text. */
enum { LIST_MEMORY = 4 * FD_PAGE_BYTES };

static const char *const busy[] = {
#define GATE(identifier, name, at_once, queue, detail) detail,
#include "limiters.def"
#undef GATE
};

static unsigned processors(void) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

void fd_request_limits_open(fd_server *server) {
    const fd_server_options *options = &server->options;
    fd_metrics *metrics = fd_engine_metrics(server->engine);
#define GATE(identifier, name, at_once, queue, detail)                                             \
    fd_limiter_open(&server->gates[FD_LIMITER_##identifier], name,                                 \
                    options->at_once > 0 ? options->at_once : processors(), options->queue,        \
                    metrics);
#include "limiters.def"
#undef GATE
    server->memory.limit = options->memory;
    server->memory.metrics = metrics;
}

void fd_request_limits_close(fd_server *server) {
    for (size_t i = 0; i < FD_LENGTH(server->gates); i++)
        fd_limiter_close(&server->gates[i]);
}

void fd_request_limits_count_refused(fd_server *server, const char *limit) {
    fd_metrics_add(fd_engine_metrics(server->engine), FD_METRIC_REFUSED, limit, NULL, 1);
}

static bool needs_gate(const fd_route *route, const fd_request *request) {
    return route->gate != FD_LIMITER_NONE &&
           (route->gate != FD_LIMITER_UPLOADS || request->body_size > FD_MEMORY_BUDGET_SMALL);
}

/* False, with an answer, if the work would take more memory than there is for it. */
static bool has_memory(fd_server *server, const fd_route *route, const fd_request *request,
                       size_t *held, fd_response *response) {
    size_t needed = route->gate == FD_LIMITER_LISTS ? LIST_MEMORY : 0;
    if (request->body_size > FD_MEMORY_BUDGET_SMALL)
        needed = fd_json_size_estimate(request->body, request->body_size);
    if (needed > server->options.request_memory) {
        fd_request_limits_count_refused(server, "request_memory");
        fd_problem(request, response, 413, "to read the body takes more memory than a request may");
        return false;
    }
    if (needed > 0 && !fd_memory_budget_take(&server->memory, held, needed)) {
        fd_request_limits_count_refused(server, "memory");
        fd_problem(request, response, 503, "other requests take all the memory that there is");
        return false;
    }
    return true;
}

void fd_request_limits_run(fd_server *server, const fd_route *route, const fd_request *request,
                           size_t *held, fd_response *response) {
    bool is_gated = needs_gate(route, request);
    int r = is_gated ? fd_limiter_enter(&server->gates[route->gate], request->is_awaited,
                                        request->await_context)
                     : 0;
    if (r == -EBUSY) {
        fd_request_limits_count_refused(server, server->gates[route->gate].name);
        fd_problem(request, response, 503, busy[route->gate]);
    } else if (r < 0) {
        fd_problem_of(request, response, r, NULL);
    } else {
        if (has_memory(server, route, request, held, response))
            route->handler(request, response);
        if (is_gated)
            fd_limiter_leave(&server->gates[route->gate]);
    }
}
