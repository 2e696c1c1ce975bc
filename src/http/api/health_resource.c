#include <string.h>

#include "problem.h"

static void answer(fd_response *response, const char *text) {
    response->status = 200;
    response->body = strdup(text);
    response->size = response->body ? strlen(text) : 0;
}

void fd_livez(const fd_request *request, fd_response *response) {
    (void)request;
    answer(response, "{\"status\":\"ok\"}");
}

void fd_readyz(const fd_request *request, fd_response *response) {
    char reason[160];
    if (fd_engine_ready(request->engine, reason, sizeof(reason)) == 0)
        answer(response, "{\"status\":\"ready\"}");
    else
        fd_problem(request, response, 503, reason);
}
