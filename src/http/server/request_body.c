/* Collects the body of a request. */
#include "request_body.h"

#include <stdlib.h>
#include <string.h>

#include "server_state.h"

enum { ROOM_MIN = 4096 };

/* Memory is taken for the bytes that have arrived, not for those that Content-Length promises. */
static bool make_room(fd_transaction *transaction, size_t needed) {
    fd_server *server = transaction->server;
    size_t room = 2 * needed < ROOM_MIN ? ROOM_MIN : 2 * needed;
    if (room > transaction->body_limit)
        room = transaction->body_limit;
    if (room <= transaction->body_room)
        return true;
    if (room > FD_MEMORY_BUDGET_SMALL &&
        !fd_memory_budget_take(server->memory, &transaction->memory,
                               room - transaction->body_room)) {
        fd_metrics_add(server->metrics, FD_METRIC_REFUSED, "memory", NULL, 1);
        return false;
    }
    char *grown = realloc(transaction->body, room);
    if (!grown)
        return false;
    transaction->body = grown;
    transaction->body_room = room;
    return true;
}

void fd_request_body_append(fd_transaction *transaction, const char *data, size_t size) {
    size_t needed = transaction->body_size + size;
    if (transaction->body_error != 0)
        return;
    if (needed > transaction->body_limit)
        transaction->body_error = 413;
    else if (needed > transaction->body_room && !make_room(transaction, needed))
        transaction->body_error = 503;
    if (transaction->body_error != 0)
        return;
    memcpy(transaction->body + transaction->body_size, data, size);
    transaction->body_size = needed;
}

void fd_request_body_free(fd_transaction *transaction) {
    fd_memory_budget_give_back(transaction->server->memory, &transaction->memory);
    free(transaction->body);
    transaction->body = NULL;
}

const char *fd_request_body_error(const fd_transaction *transaction) {
    return transaction->body_error == 413 ? "the body is too large"
                                          : "there is no memory for the body";
}
