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
    fd_request_limits_open(&api->limits, options, fd_engine_metrics(engine));
    *ret = api;
    return 0;
}

void fd_api_close(fd_api *api) {
    fd_request_limits_close(&api->limits);
    free(api);
}

fd_server_hooks fd_api_hooks(fd_api *api) {
    return (fd_server_hooks){
        .context = api,
        .accept = fd_dispatch_accept,
        .piece = fd_dispatch_piece,
        .break_off = fd_dispatch_break_off,
        .run = fd_dispatch_run,
        .end = fd_dispatch_end,
        .refuse = fd_problem,
    };
}
