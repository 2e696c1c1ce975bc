/* Opens the API and hands its hooks to the server. */
#include "api.h"

#include <errno.h>
#include <stdlib.h>

#include "dispatch.h"
#include "json_memory.h"
#include "problem.h"

int fd_api_open(const fd_api_options *options, fd_engine *engine, fd_api **ret) {
    fd_json_memory_open();
    fd_api *api = calloc(1, sizeof(*api));
    if (!api)
        return -ENOMEM;
    api->options = *options;
    api->engine = engine;
    api->memory =
        (fd_memory_budget){.limit = options->memory, .metrics = fd_engine_metrics(engine)};
    fd_request_limits_open(&api->limits, options, fd_engine_metrics(engine));
    fd_held_keys_open(&api->held_keys);
    int r = fd_embedding_worker_start(engine, options->embedder, options->score_metadata,
                                      &api->memory, &api->embedding_worker);
    if (r == 0)
        r = fd_re_embedding_worker_start(engine, options->embedder, &api->re_embedding_worker);
    if (r < 0) {
        fd_api_close(api);
        return r;
    }
    *ret = api;
    return 0;
}

fd_memory_budget *fd_api_memory(fd_api *api) {
    return &api->memory;
}

void fd_api_interrupt(fd_api *api) {
    fd_embedding_worker_interrupt(api->embedding_worker);
    fd_re_embedding_worker_interrupt(api->re_embedding_worker);
}

void fd_api_close(fd_api *api) {
    if (api->re_embedding_worker)
        fd_re_embedding_worker_stop(api->re_embedding_worker);
    if (api->embedding_worker)
        fd_embedding_worker_stop(api->embedding_worker);
    fd_held_keys_close(&api->held_keys);
    fd_request_limits_close(&api->limits);
    free(api);
}

/* The server refuses with 400 what is not HTTP, and with 503 what it has no memory for. */
static void refuse(fd_response *response, unsigned status, const char *detail) {
    if (status == 400)
        fd_problem_coded(response, FD_PROBLEM_MALFORMED_REQUEST, detail);
    else if (status == 503)
        fd_problem_coded(response, FD_PROBLEM_OVERLOADED, detail);
    else
        fd_problem(response, status, detail);
}

fd_server_hooks fd_api_hooks(fd_api *api) {
    return (fd_server_hooks){
        .context = api,
        .accept = fd_dispatch_accept,
        .piece = fd_dispatch_piece,
        .break_off = fd_dispatch_break_off,
        .run = fd_dispatch_run,
        .end = fd_dispatch_end,
        .refuse = refuse,
    };
}
