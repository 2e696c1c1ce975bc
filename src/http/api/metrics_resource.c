/* /metrics: figures in Prometheus' text format. */
#include <errno.h>
#include <stdio.h>

#include "handlers.h"
#include "problem.h"

void fd_metrics_page(const fd_request *request, fd_response *response) {
    FILE *out = open_memstream(&response->body, &response->size);
    if (!out) {
        fd_problem_of(response, -ENOMEM, NULL);
        return;
    }
    fd_metrics_print(fd_engine_metrics(request->engine), out);
    if (fclose(out) != 0) {
        fd_problem_of(response, -ENOMEM, NULL);
        return;
    }
    response->status = 200;
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
}
