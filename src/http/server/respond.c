/* Sends the response of a transaction, through libmicrohttpd or past it. */
#include "respond.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "connections.h"
#include "response_headers.h"
#include "server_state.h"

static const char static_failure[] =
    "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500,"
    "\"code\":\"internal\",\"detail\":\"there was no memory for the response\"}";

const char *fd_respond_route_name(const fd_transaction *transaction) {
    return transaction->route ? transaction->route : "other";
}

/* Before the response is sent, so that a client that has it finds it counted. */
static void count(const fd_transaction *transaction) {
    char status[8];
    const char *route = fd_respond_route_name(transaction);
    fd_metrics *metrics = transaction->server->metrics;
    (void)snprintf(status, sizeof(status), "%u", transaction->status);
    fd_metrics_add(metrics, FD_METRIC_REQUESTS, route, status, 1);
    fd_metrics_observe(metrics, FD_METRIC_REQUEST_SECONDS, route, NULL,
                       fd_monotonic_seconds() - transaction->start);
}

/* There was no memory for a body. */
static void ensure_body(fd_response *response) {
    if (!response->body)
        *response = (fd_response){.request_id = response->request_id,
                                  .status = 500,
                                  .content_type = "application/problem+json",
                                  .body = (char *)(uintptr_t)static_failure,
                                  .size = sizeof(static_failure) - 1,
                                  .closes = response->closes};
}

static void free_body(fd_response *response) {
    if (response->body != static_failure)
        free(response->body);
}

/* Takes the body. */
static enum MHD_Result queue(const fd_transaction *transaction, fd_response *response) {
    struct MHD_Response *queued = MHD_create_response_from_buffer(
        response->size, response->body,
        response->body == static_failure ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
    if (!queued) {
        free_body(response);
        return MHD_NO;
    }
    enum MHD_Result result = fd_response_headers_add(queued, response, &transaction->cors,
                                                     transaction->client.is_secure);
    if (result == MHD_YES)
        result = MHD_queue_response(transaction->connection, response->status, queued);
    MHD_destroy_response(queued);
    return result;
}

enum MHD_Result fd_respond(fd_transaction *transaction, fd_response *response) {
    ensure_body(response);
    response->closes |= transaction->closes;
    response->keep_alive = transaction->keeps ? transaction->server->options.idle_seconds : 0;
    transaction->status = response->status;
    transaction->response_size = response->size;
    count(transaction);
    if (fd_connection_respond_directly(transaction->connection, response, &transaction->cors,
                                       transaction->client.is_secure)) {
        free_body(response);
        return MHD_YES;
    }
    fd_connection_enter(transaction->connection, FD_ACTIVITY_SENDING);
    return queue(transaction, response);
}

enum MHD_Result fd_respond_refusal(fd_transaction *transaction, unsigned status,
                                   const char *detail) {
    fd_response response = {.request_id = transaction->request_id};
    transaction->server->hooks.refuse(&response, status, detail);
    response.closes = true;
    return fd_respond(transaction, &response);
}
