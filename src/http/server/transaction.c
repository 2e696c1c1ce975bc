/* What the layer above the server may ask of a transaction. */
#include "transaction.h"

#include <microhttpd.h>
#include <poll.h>

#include "connections.h"
#include "server_state.h"
#include "thread.h"

const char *fd_transaction_header(const fd_transaction *transaction, const char *name) {
    return MHD_lookup_connection_value(transaction->connection, MHD_HEADER_KIND, name);
}

const char *fd_transaction_cookie(const fd_transaction *transaction, const char *name) {
    return MHD_lookup_connection_value(transaction->connection, MHD_COOKIE_KIND, name);
}

struct visitor {
    bool (*visit)(void *context, const char *name, const char *value);
    void *context;
};

static enum MHD_Result on_parameter(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value) {
    const struct visitor *visitor = context;
    (void)kind;
    return visitor->visit(visitor->context, name, value ? value : "") ? MHD_YES : MHD_NO;
}

void fd_transaction_query(const fd_transaction *transaction,
                          bool (*visit)(void *context, const char *name, const char *value),
                          void *context) {
    struct visitor visitor = {visit, context};
    (void)MHD_get_connection_values(transaction->connection, MHD_GET_ARGUMENT_KIND, on_parameter,
                                    &visitor);
}

bool fd_transaction_has_slot(const fd_transaction *transaction) {
    return fd_connection_has_slot(transaction->connection);
}

bool fd_transaction_take_memory(void *context, size_t bytes) {
    fd_transaction *transaction = context;
    fd_server *server = transaction->server;
    if (fd_memory_budget_take(server->memory, &transaction->memory, bytes))
        return true;
    fd_metrics_add(server->metrics, FD_METRIC_REFUSED, "memory", NULL, 1);
    return false;
}

void fd_transaction_give_back_memory(fd_transaction *transaction, size_t bytes) {
    fd_memory_budget_give_back_some(transaction->server->memory, &transaction->memory, bytes);
}

static bool is_stopping(fd_server *server) {
    FD_LOCKED(&server->lock);
    return server->is_stopping;
}

bool fd_transaction_is_awaited(void *context) {
    const fd_transaction *transaction = context;
    if (is_stopping(transaction->server))
        return false;
    /* Reading would find bytes that the client sent before it closed; POLLRDHUP does not. */
    struct pollfd client = {.fd = fd_connection_socket(transaction->connection),
                            .events = POLLRDHUP};
    return poll(&client, 1, 0) <= 0;
}
