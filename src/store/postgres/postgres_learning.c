/*
 * The right to train: a row that says who has it until when, by the server's clock. A time that
 * lies too far ahead comes from another server, before a failover, and counts for nothing. Its
 * epoch counts the holders. A process that was stopped for a while, and goes on with a training,
 * finds another epoch there than its own.
 */
#include "postgres_learning.h"

#include <errno.h>
#include <string.h>

#include "thread.h"

int fd_postgres_hold_learning(fd_store *store, double seconds) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    FD_CLEANUP(PQclearp) PGresult *result = NULL;
    FD_LOCKED(&postgres->side_lock);
    fd_postgres_binding binding = {0};
    fd_postgres_bind_text(&binding, postgres->id);
    fd_postgres_bind_real(&binding, seconds);
    int r = fd_postgres_side_connect(postgres);
    if (r == 0)
        r = fd_postgres_run(&postgres->side, FD_PG_LEARNER_HOLD, &binding, &result);
    if (r < 0)
        return r == -EAGAIN ? -EIO : r;
    if (PQntuples(result) == 0)
        return 0;
    atomic_store(&postgres->epoch, fd_postgres_integer_at(result, 0, 0));
    return 1;
}

void fd_postgres_release_learning(fd_store *store) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    FD_LOCKED(&postgres->side_lock);
    fd_postgres_binding binding = {0};
    fd_postgres_bind_text(&binding, postgres->id);
    if (atomic_exchange(&postgres->epoch, 0) != 0 && fd_postgres_side_connect(postgres) == 0)
        (void)!fd_postgres_modify(&postgres->side, FD_PG_LEARNER_RELEASE, &binding);
}

/* The row stays locked until the end of the transaction, so that nobody takes the right before. A
 * process that never held it, such as one that copies a database, needs that nobody else does. */
int fd_postgres_check_right(fd_postgres_store *store) {
    FD_CLEANUP(PQclearp) PGresult *result = NULL;
    int r = fd_postgres_run(&store->writer, FD_PG_LEARNER_LOCK, NULL, &result);
    if (r < 0 || PQntuples(result) != 1)
        return r < 0 ? r : -EBADMSG;
    int64_t epoch = atomic_load(&store->epoch);
    bool is_mine = strcmp(PQgetvalue(result, 0, 0), store->id) == 0 &&
                   fd_postgres_integer_at(result, 0, 1) == epoch;
    bool is_free = fd_postgres_integer_at(result, 0, 2) != 0;
    bool has_it = epoch != 0 ? is_mine : is_free;
    return has_it ? 0 : -ECANCELED;
}

int fd_postgres_fence(fd_postgres_store *store) {
    int r = fd_postgres_check_right(store);
    store->is_fenced = r == -ECANCELED;
    return r;
}
