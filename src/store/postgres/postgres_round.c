/* Sends statements together, and takes their results. */
#include "postgres_round.h"

#include <assert.h>

fd_postgres_binding *fd_postgres_round_add(fd_postgres_round *round,
                                           fd_postgres_statement statement) {
    assert(round->n < FD_POSTGRES_ROUND_MAX);
    round->statements[round->n] = statement;
    return &round->bindings[round->n++];
}

static int enter(fd_postgres_connection *connection, const fd_postgres_round *round) {
    int r = 0;
    for (size_t i = 0; i < round->n && r == 0; i++)
        r = fd_postgres_prepare(connection, round->statements[i], &round->bindings[i]);
    return r < 0 ? r : fd_postgres_enter(connection);
}

static int send(fd_postgres_connection *connection, const fd_postgres_round *round) {
    int r = 0;
    for (size_t i = 0; i < round->n && r == 0; i++)
        r = fd_postgres_send(connection, round->statements[i], &round->bindings[i]);
    int last = fd_postgres_sent(connection);
    return r < 0 ? r : last;
}

int fd_postgres_round_run(fd_postgres_connection *connection, const fd_postgres_round *round,
                          fd_postgres_round_visit *visit, void *context) {
    int r = enter(connection, round);
    if (r < 0)
        return r;
    r = send(connection, round);
    for (size_t i = 0; i < round->n && r == 0; i++) {
        FD_CLEANUP(PQclearp) PGresult *result = NULL;
        r = fd_postgres_take(connection, &result);
        if (r == 0)
            r = visit(context, round->statements[i], &result);
    }
    int left = fd_postgres_leave(connection);
    return r < 0 ? r : left;
}
