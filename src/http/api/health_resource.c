/* /livez, /healthz and /readyz: liveness and readiness. */
#include <string.h>

#include "handlers.h"
#include "problem.h"

static void respond(fd_response *response, const char *text) {
    response->status = 200;
    response->body = strdup(text);
    response->size = response->body ? strlen(text) : 0;
}

void fd_livez(const fd_request *request, fd_response *response) {
    (void)request;
    respond(response, "{\"status\":\"ok\"}");
}

void fd_readyz(const fd_request *request, fd_response *response) {
    char reason[160];
    if (fd_engine_ready(request->engine, reason, sizeof(reason)) == 0)
        respond(response, "{\"status\":\"ready\"}");
    else
        fd_problem(response, 503, reason);
}
