/* Prepared statements: binding their parameters and running them. */
#include "sqlite_statement.h"

#include <errno.h>
#include <stdbool.h>

static const char *const texts[] = {
#define X(identifier, sql) [FD_SQL_##identifier] = sql,
#include "sqlite_statements.def"
#undef X
};

int fd_sqlite_prepare(fd_sqlite_connection *connection) {
    for (size_t i = 0; i < FD_SQL_COUNT; i++) {
        int result =
            sqlite3_prepare_v3(connection->database, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &connection->statements[i], NULL);
        if (result != SQLITE_OK)
            return fd_sqlite_error(connection->database, result);
    }
    return 0;
}

int fd_sqlite_step(fd_sqlite_connection *connection, fd_sqlite_statement identifier) {
    errno = 0;
    int result = sqlite3_step(connection->statements[identifier]);
    if (result == SQLITE_ROW)
        return 1;
    int r = fd_sqlite_error(connection->database, result);
    fd_sqlite_reset(connection, identifier);
    return r;
}

void fd_sqlite_reset(fd_sqlite_connection *connection, fd_sqlite_statement identifier) {
    (void)sqlite3_reset(connection->statements[identifier]); /* repeats the result of the step */
}

int fd_sqlite_run(fd_sqlite_connection *connection, fd_sqlite_statement identifier) {
    int r = fd_sqlite_step(connection, identifier);
    if (r <= 0)
        return r;
    fd_sqlite_reset(connection, identifier);
    return 0;
}

/* ---- parameters ---- */

fd_sqlite_binding fd_sqlite_bind(fd_sqlite_connection *connection, fd_sqlite_statement identifier) {
    return (fd_sqlite_binding){.statement = connection->statements[identifier]};
}

void fd_sqlite_bind_text(fd_sqlite_binding *binding, const char *text) {
    if (binding->result == SQLITE_OK)
        binding->result =
            sqlite3_bind_text(binding->statement, ++binding->parameter, text, -1, SQLITE_STATIC);
}

void fd_sqlite_bind_integer(fd_sqlite_binding *binding, int64_t value) {
    if (binding->result == SQLITE_OK)
        binding->result = sqlite3_bind_int64(binding->statement, ++binding->parameter, value);
}

void fd_sqlite_bind_real(fd_sqlite_binding *binding, double value) {
    if (binding->result == SQLITE_OK)
        binding->result = sqlite3_bind_double(binding->statement, ++binding->parameter, value);
}

void fd_sqlite_bind_blob(fd_sqlite_binding *binding, const void *bytes, size_t size) {
    if (binding->result == SQLITE_OK)
        binding->result = sqlite3_bind_blob64(binding->statement, ++binding->parameter, bytes, size,
                                              SQLITE_STATIC);
}

int fd_sqlite_bound(const fd_sqlite_binding *binding) {
    return fd_sqlite_error(sqlite3_db_handle(binding->statement), binding->result);
}

/* ---- changes ---- */

int fd_sqlite_modify(fd_sqlite_connection *connection, fd_sqlite_statement identifier,
                     const fd_sqlite_binding *binding) {
    int r = fd_sqlite_bound(binding);
    if (r == 0)
        r = fd_sqlite_run(connection, identifier);
    return r < 0 ? r : sqlite3_changes(connection->database) > 0;
}

int fd_sqlite_compare(fd_sqlite_connection *connection, fd_sqlite_statement identifier,
                      const fd_sqlite_binding *binding, int64_t *ret_second) {
    int r = fd_sqlite_bound(binding);
    if (r == 0)
        r = fd_sqlite_step(connection, identifier);
    if (r <= 0)
        return r < 0 ? r : -EBADMSG; /* an index has the id, but its table has no such row */
    sqlite3_stmt *statement = connection->statements[identifier];
    bool same = sqlite3_column_int(statement, 0) != 0;
    *ret_second = sqlite3_column_int64(statement, 1);
    fd_sqlite_reset(connection, identifier);
    return same ? 0 : -EEXIST;
}
