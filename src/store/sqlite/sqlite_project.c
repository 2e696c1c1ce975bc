/* The project's settings in the database: adding a version, and reading the newest or all. */
#include "sqlite_project.h"

#include <errno.h>

#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

int fd_sqlite_project_add(fd_store *store, const fd_project_row *row) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_PROJECT_ADD);
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(row->version));
    fd_sqlite_bind_text(&binding, row->author);
    fd_sqlite_bind_integer(&binding, row->created_ms);
    fd_sqlite_bind_text(&binding, row->settings);
    int r = fd_sqlite_modify(writer, FD_SQL_PROJECT_ADD, &binding);
    return r == 0 ? -EEXIST : r < 0 ? r : 0;
}

static int read_versions(fd_store *store, fd_sqlite_statement identifier, fd_project_visit *visit,
                         void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, identifier);
    int r = 0;
    while (r == 0) {
        r = fd_sqlite_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_project_row row = {
            .version = (uint64_t)fd_sqlite_integer_at(&reading, 0),
            .author = fd_sqlite_text_at(&reading, 1),
            .created_ms = fd_sqlite_integer_at(&reading, 2),
            .settings = fd_sqlite_text_at(&reading, 3),
        };
        r = fd_sqlite_row_result(&reading, row.version > 0 && row.settings);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_sqlite_project_read(fd_store *store, fd_project_visit *visit, void *context) {
    return read_versions(store, FD_SQL_PROJECT_READ, visit, context);
}

int fd_sqlite_project_versions_read(fd_store *store, fd_project_visit *visit, void *context) {
    return read_versions(store, FD_SQL_PROJECT_VERSIONS_READ, visit, context);
}
