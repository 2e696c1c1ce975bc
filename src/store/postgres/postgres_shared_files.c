/* Shared files in the database: reading them, and writing one in the place of a known version. */
#include "postgres_shared_files.h"

#include <errno.h>

#include "postgres_reading.h"
#include "thread.h"

int fd_postgres_shared_file_read(fd_store *store, const char *name, uint64_t known,
                                 fd_shared_file_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_SHARED_FILE_READ);
    fd_postgres_bind_text(&reading.binding, name);
    fd_postgres_bind_integer(&reading.binding, fd_postgres_clamp(known));
    int r = fd_postgres_reading_next(&reading);
    if (r <= 0)
        return r;
    fd_shared_file file = {
        .name = name,
        .version = (uint64_t)fd_postgres_integer_of(&reading, 0),
        .bytes = fd_postgres_text_of(&reading, 1),
        .size = fd_postgres_size_of(&reading, 1),
    };
    return visit(context, &file);
}

/* A transaction of its own, without the clock: whoever comes second finds another version. */
int fd_postgres_shared_file_write(fd_store *store, const char *name, const void *bytes, size_t size,
                                  uint64_t replaced) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    if (postgres->is_read_only)
        return -EROFS;
    FD_LOCKED(&postgres->side_lock);
    fd_postgres_binding binding = {0};
    fd_postgres_bind_text(&binding, name);
    fd_postgres_bind_bytes(&binding, bytes ? bytes : "", size);
    if (replaced > 0)
        fd_postgres_bind_integer(&binding, fd_postgres_clamp(replaced));
    int r = fd_postgres_side_connect(postgres);
    if (r == 0)
        r = fd_postgres_modify(&postgres->side,
                               replaced > 0 ? FD_PG_SHARED_FILE_WRITE : FD_PG_SHARED_FILE_ADD,
                               &binding);
    return r == 0 ? -EEXIST : r < 0 ? r : 0;
}
