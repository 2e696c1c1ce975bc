/* The database server's clock, as the local monotonic one and how far the other is ahead of it. */
#include "postgres_time.h"

#include "clock.h"

static int64_t milliseconds(double seconds) {
    return (int64_t)(seconds * 1e3);
}

/* The server looked at its clock between the question and the answer. What was known before stays,
 * if that agrees with it: otherwise the time would jump to and fro. */
void fd_postgres_note_time(fd_postgres_store *store, int64_t server_ms, double asked) {
    int64_t least = server_ms - milliseconds(fd_monotonic_seconds());
    int64_t most = server_ms - milliseconds(asked) + 1;
    int64_t known = atomic_load(&store->ahead_ms);
    if (known < least)
        atomic_store(&store->ahead_ms, least);
    else if (known > most)
        atomic_store(&store->ahead_ms, most);
}

int64_t fd_postgres_now_ms(fd_store *store) {
    return milliseconds(fd_monotonic_seconds()) +
           atomic_load(&fd_postgres_store_of(store)->ahead_ms);
}
