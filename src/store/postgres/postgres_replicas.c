/* The replicas of a store: writing the own row, without the clock, and reading all. */
#include "postgres_replicas.h"

#include <errno.h>

#include "postgres_reading.h"
#include "thread.h"

int fd_postgres_replica_write(fd_store *store, const fd_replica_row *row) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    FD_LOCKED(&postgres->side_lock);
    fd_postgres_binding binding = {0};
    fd_postgres_bind_text(&binding, postgres->id);
    fd_postgres_bind_text(&binding, row->url);
    fd_postgres_bind_integer(&binding, atomic_load(&postgres->known_tick));
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(row->prepared));
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(row->serving));
    int r = fd_postgres_side_connect(postgres);
    if (r == 0)
        r = fd_postgres_modify(&postgres->side, FD_PG_REPLICA_WRITE, &binding);
    if (r >= 0)
        r = fd_postgres_modify(&postgres->side, FD_PG_REPLICAS_PRUNE, NULL);
    return r < 0 ? r : 0;
}

void fd_postgres_position(fd_store *store, const char **ret_id, uint64_t *ret_tick,
                          uint64_t *ret_newest) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    int64_t tick = atomic_load(&postgres->known_tick);
    int64_t heard_of = atomic_load(&postgres->follower.heard_of);
    *ret_id = postgres->id;
    *ret_tick = (uint64_t)tick;
    *ret_newest = (uint64_t)(heard_of > tick ? heard_of : tick);
}

int fd_postgres_replicas_read(fd_store *store, double seconds, fd_replica_visit *visit,
                              void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_REPLICAS_READ);
    fd_postgres_bind_real(&reading.binding, seconds);
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_replica_row row = {
            .id = fd_postgres_text_of(&reading, 0),
            .url = fd_postgres_text_of(&reading, 1),
            .seen_ms = fd_postgres_integer_of(&reading, 2),
            .tick = (uint64_t)fd_postgres_integer_of(&reading, 3),
            .prepared = (uint64_t)fd_postgres_integer_of(&reading, 4),
            .serving = (uint64_t)fd_postgres_integer_of(&reading, 5),
            .is_learner = fd_postgres_integer_of(&reading, 6) != 0,
        };
        r = visit(context, &row);
    }
    return r;
}
