/* Calls the handler of a streamed route with the pieces of its body. */
#include "stream_call.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "gzip_body.h"
#include "json_memory.h"
#include "memory_budget.h"
#include "problem.h"

struct fd_stream_call {
    const fd_route *route;
    fd_limiter *limiter; /* entered */
    fd_request request;
    fd_stream stream;
    fd_json_meter meter;
    fd_gzip_body *gzip;    /* NULL: the body is not compressed */
    fd_response *response; /* of the feeding that is going on */
};

static void call_handler(fd_stream_call *call, fd_stream_step step, fd_response *response) {
    call->stream.step = step;
    fd_json_meter_begin(&call->meter);
    call->route->handler(&call->request, response);
    fd_json_meter_end();
}

static bool is_gzip(const fd_transaction *transaction) {
    const char *encoding = fd_transaction_header(transaction, "Content-Encoding");
    return encoding && (strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0);
}

static int open_gzip(fd_stream_call *call, fd_transaction *transaction) {
    if (!is_gzip(transaction))
        return 0;
    return fd_transaction_take_memory(transaction, FD_GZIP_BODY_MEMORY)
               ? fd_gzip_body_open(&call->gzip)
               : -ENOMEM;
}

fd_stream_call *fd_stream_call_begin(fd_request_limits *limits, const fd_route *route,
                                     const fd_request *request, fd_transaction *transaction,
                                     fd_response *response) {
    fd_stream_call *call = calloc(1, sizeof(*call));
    int r =
        call ? fd_request_limits_enter(limits, route, request, &call->limiter, response) : -ENOMEM;
    if (r < 0) {
        if (r == -ENOMEM)
            fd_problem_of(response, r, NULL);
        free(call);
        return NULL;
    }
    call->route = route;
    call->request = *request;
    call->request.stream = &call->stream;
    call->meter = (fd_json_meter){.take = fd_transaction_take_memory,
                                  .context = transaction,
                                  .allowed = FD_MEMORY_BUDGET_SMALL};
    r = open_gzip(call, transaction);
    if (r < 0)
        fd_problem_of(response, r, NULL);
    else
        call_handler(call, FD_STREAM_BEGINS, response);
    if (response->status == 0)
        return call;
    fd_stream_call_free(call);
    return NULL;
}

static int feed_handler(void *context, const char *data, size_t size) {
    fd_stream_call *call = context;
    call->request.body = data;
    call->request.body_size = size;
    call_handler(call, FD_STREAM_PIECE, call->response);
    return call->response->status == 0 ? 0 : -ECANCELED;
}

/* What is wrong with compressed bytes; what was stored before is told by the handler. */
static void refuse_compressed(fd_stream_call *call, int error, fd_response *response) {
    if (error == -EMSGSIZE)
        fd_stream_call_end(call, 413, "the body grows too much when it is decompressed", response);
    else if (error == -EBADMSG)
        fd_stream_call_end(call, 400, "the body is not gzip, or is damaged", response);
    else
        fd_stream_call_end(call, 503, "there is not enough memory right now", response);
}

bool fd_stream_call_feed(fd_stream_call *call, const char *data, size_t size,
                         fd_response *response) {
    call->response = response;
    int r = call->gzip ? fd_gzip_body_feed(call->gzip, data, size, feed_handler, call)
                       : feed_handler(call, data, size);
    if (r < 0 && response->status == 0)
        refuse_compressed(call, r, response);
    return r == 0;
}

void fd_stream_call_end(fd_stream_call *call, unsigned status, const char *detail,
                        fd_response *response) {
    if (status == 0 && call->gzip && fd_gzip_body_end(call->gzip) < 0) {
        status = 400;
        detail = "the body ends before its compressed data does";
    }
    call->request.body = "";
    call->request.body_size = 0;
    call->stream.status = status;
    call->stream.detail = detail;
    call_handler(call, status == 0 ? FD_STREAM_ENDS : FD_STREAM_BREAKS_OFF, response);
}

void fd_stream_call_free(fd_stream_call *call) {
    if (call->stream.free)
        call->stream.free(call->stream.state);
    if (call->gzip)
        fd_gzip_body_close(call->gzip);
    if (call->limiter)
        fd_limiter_leave(call->limiter);
    free(call);
}
