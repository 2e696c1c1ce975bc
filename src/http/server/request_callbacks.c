/* Takes each request through its steps: headers, body, run, response. libmicrohttpd calls these. */
#include "request_callbacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "compression.h"
#include "connections.h"
#include "forwarded_client.h"
#include "log.h"
#include "receive_hook.h"
#include "request_body.h"
#include "request_target.h"
#include "respond.h"
#include "server_state.h"
#include "thread.h"
#include "transaction.h"

void *fd_request_begin(void *context, const char *target, struct MHD_Connection *connection) {
    fd_transaction *transaction =
        fd_connection_is_known(connection) ? calloc(1, sizeof(*transaction)) : NULL;
    char *path = transaction ? fd_request_target_path(target) : NULL;
    if (!path) {
        free(transaction);
        return NULL;
    }
    transaction->path = path;
    transaction->server = context;
    transaction->connection = connection;
    transaction->start = fd_monotonic_seconds();
    fd_connection_enter(connection, FD_ACTIVITY_ARRIVING);
    return transaction;
}

static void read_headers(fd_transaction *transaction) {
    const fd_server *server = transaction->server;
    const char *length = fd_transaction_header(transaction, "Content-Length");
    fd_request_id_choose(fd_transaction_header(transaction, "X-Request-Id"),
                         transaction->request_id);
    transaction->client =
        fd_forwarded_client(&server->trusted, transaction->connection, server->options.is_secure);
    transaction->content_length = length ? strtoull(length, NULL, 10) : 0;
    transaction->is_chunked = fd_transaction_header(transaction, "Transfer-Encoding") != NULL;
    transaction->has_body = transaction->content_length > 0 || transaction->is_chunked;
    /* We go on in HTTP/1.1. A client that did not expect that might send the body in another way.
     */
    transaction->closes =
        transaction->has_body && fd_transaction_header(transaction, "Upgrade") != NULL;
}

static void count_running(fd_transaction *transaction) {
    FD_LOCKED(&transaction->server->lock);
    if (transaction->is_running)
        return;
    transaction->is_running = true;
    transaction->running = ++transaction->server->running;
}

/* ---- streamed bodies ---- */

static void break_off(void *context, unsigned status) {
    fd_transaction *transaction = context;
    const fd_server_hooks *hooks = &transaction->server->hooks;
    fd_response response = {.request_id = transaction->request_id};
    hooks->break_off(hooks->context, transaction, status, &response);
    response.closes = true;
    enum MHD_Result sent = fd_respond(transaction, &response); /* directly, so there is no other */
    (void)sent;
}

/* It counts as running from its headers on, so that a stop waits until it is broken off. */
static void begin_stream(fd_transaction *transaction) {
    count_running(transaction);
    fd_connection_begin_stream(transaction->connection, break_off, transaction);
}

static enum MHD_Result take_piece(fd_transaction *transaction, const char *data, size_t size) {
    const fd_server_hooks *hooks = &transaction->server->hooks;
    fd_response response = {.request_id = transaction->request_id};
    if (transaction->is_refused)
        return MHD_YES;
    fd_connection_take_piece(transaction->connection, size);
    bool goes_on = hooks->piece(hooks->context, transaction, data, size, &response);
    fd_connection_await_piece(transaction->connection);
    if (goes_on)
        return MHD_YES;
    response.closes = true;
    transaction->is_refused =
        fd_receive_hook_has_all(fd_connection_receive_hook(transaction->connection));
    if (!transaction->is_refused)
        return fd_respond(transaction, &response);
    transaction->refusal = response; /* libmicrohttpd still hands on what it has read */
    return MHD_YES;
}

/* ---- the headers ---- */

static bool asks_to_close(const fd_transaction *transaction) {
    const char *connection = fd_transaction_header(transaction, "Connection");
    return connection && strcasestr(connection, "close");
}

static enum MHD_Result accept_request(fd_transaction *transaction, const char *method,
                                      const char *version) {
    const fd_server_hooks *hooks = &transaction->server->hooks;
    transaction->is_accepted = true;
    if (!fd_receive_hook_begin(fd_connection_receive_hook(transaction->connection))) {
        fd_log(FD_LOG_ERROR, "request-not-checked", FD_STR("method", method));
        return MHD_NO; /* closes the connection */
    }
    (void)snprintf(transaction->method, sizeof(transaction->method), "%s", method);
    read_headers(transaction);
    transaction->keeps = strcmp(version, "HTTP/1.1") == 0 && !asks_to_close(transaction);
    fd_response response = {.request_id = transaction->request_id};
    bool is_accepted = hooks->accept(hooks->context, transaction, &response);
    if (is_accepted && transaction->is_streamed)
        begin_stream(transaction);
    return is_accepted ? MHD_YES : fd_respond(transaction, &response);
}

/* ---- the body ---- */

/* libmicrohttpd sends a response only when it has the whole body. A refusal does not wait for
 * that. */
static enum MHD_Result take_body(fd_transaction *transaction, const char *data, size_t size) {
    fd_request_body_append(transaction, data, size);
    if (transaction->body_error == 0 ||
        fd_receive_hook_has_all(fd_connection_receive_hook(transaction->connection)))
        return MHD_YES;
    fd_request_body_free(transaction);
    return fd_respond_refusal(transaction, transaction->body_error,
                              fd_request_body_error(transaction));
}

static void uncount_running(const fd_transaction *transaction) {
    fd_server *server = transaction->server;
    FD_LOCKED(&server->lock);
    if (!transaction->is_running)
        return;
    server->running--;
    if (server->is_draining)
        (void)pthread_cond_broadcast(&server->changed);
}

static enum MHD_Result run(fd_transaction *transaction) {
    fd_server *server = transaction->server;
    count_running(transaction);
    fd_connection_enter(transaction->connection, FD_ACTIVITY_RUNNING);
    if (transaction->is_refused) {
        transaction->is_refused = false;
        return fd_respond(transaction, &transaction->refusal);
    }
    if (transaction->body_error != 0)
        return fd_respond_refusal(transaction, transaction->body_error,
                                  fd_request_body_error(transaction));
    fd_response response = {.request_id = transaction->request_id};
    server->hooks.run(server->hooks.context, transaction, &response);
    fd_request_body_free(transaction);
    if (response.size > FD_MEMORY_BUDGET_SMALL)
        fd_memory_budget_add(server->memory, &transaction->memory, response.size);
    fd_compression_apply(transaction, &response);
    return fd_respond(transaction, &response);
}

enum MHD_Result fd_request_continue(void *context, struct MHD_Connection *connection,
                                    const char *path, const char *method, const char *version,
                                    const char *data, size_t *size, void **state) {
    fd_transaction *transaction = *state;
    (void)context;
    (void)connection;
    (void)path; /* decoded, so that a slash in a segment looks like one between segments */

    if (!transaction)
        return MHD_NO; /* there was no memory for it */
    if (!transaction->is_accepted)
        return accept_request(transaction, method, version);
    size_t arrived = *size;
    if (arrived == 0)
        return run(transaction);
    *size = 0;
    if (transaction->status != 0)
        return MHD_YES;
    return transaction->is_streamed ? take_piece(transaction, data, arrived)
                                    : take_body(transaction, data, arrived);
}

static void log_request(const fd_transaction *transaction) {
    bool is_failure = transaction->status >= 500 && transaction->status != 503;
    fd_log(is_failure ? FD_LOG_ERROR : FD_LOG_DEBUG, "request",
           FD_STR("route", fd_respond_route_name(transaction)),
           FD_STR("method", transaction->method), FD_INT("status", transaction->status),
           FD_REAL("ms", 1e3 * (fd_monotonic_seconds() - transaction->start)),
           FD_INT("bytes", transaction->response_size), FD_STR("client", transaction->client.text),
           FD_STR("request_id", transaction->request_id));
}

void fd_request_end(void *context, struct MHD_Connection *connection, void **state,
                    enum MHD_RequestTerminationCode code) {
    fd_transaction *transaction = *state;
    (void)context;
    (void)code;
    if (!transaction)
        return;
    const fd_server_hooks *hooks = &transaction->server->hooks;
    if (transaction->is_streamed)
        fd_connection_end_stream(connection);
    if (transaction->is_refused)
        free(transaction->refusal.body);
    fd_connection_enter(connection, FD_ACTIVITY_QUIET);
    fd_receive_hook_end(fd_connection_receive_hook(connection));
    if (transaction->status != 0)
        log_request(transaction);
    uncount_running(transaction);
    hooks->end(hooks->context, transaction);
    fd_request_body_free(transaction);
    free(transaction->path);
    free(transaction);
    *state = NULL;
}
