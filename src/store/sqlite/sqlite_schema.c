#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "sqlite_backend.h"

/* ---- the backup ---- */

static int back_up(fd_sqlite_connection *connection, const char *path, uint32_t number) {
    FD_FREE char *name = NULL;
    if (asprintf(&name, "%s.before-%04u", path, number) < 0)
        return -ENOMEM;
    return fd_sqlite_copy(connection, name, true);
}

/* ---- migrations ---- */

static int stamp(fd_sqlite_connection *connection, uint32_t number) {
    char sql[96];
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %u",
                   FD_SQLITE_APPLICATION_ID, number);
    return fd_sqlite_execute(connection, sql);
}

/* Foreign keys are off while tables change, so what they say is looked up before the commit. */
static int check_foreign_keys(fd_sqlite_connection *connection) {
    char table[64];
    int r = fd_sqlite_query_text(connection, "PRAGMA foreign_key_check", table, sizeof(table));
    return r == 0 && table[0] != '\0' ? -EBADMSG : r;
}

static int apply(fd_sqlite_connection *connection, const char *given,
                 const fd_sqlite_migration *migration, fd_fault *fault) {
    int r = fd_sqlite_execute(connection, "BEGIN IMMEDIATE");
    if (r == 0)
        r = fd_sqlite_execute(connection, migration->sql);
    if (r == 0)
        r = check_foreign_keys(connection);
    if (r == 0)
        r = stamp(connection, migration->number);
    if (r == 0)
        r = fd_sqlite_execute(connection, "COMMIT");
    if (r < 0) {
        char doing[96];
        (void)snprintf(doing, sizeof(doing), "migration %u (%s) failed", migration->number,
                       migration->name);
        r = fd_sqlite_fault(connection, given, doing, r, fault);
        if (!sqlite3_get_autocommit(connection->database))
            (void)!fd_sqlite_execute(connection, "ROLLBACK"); /* closing would do it too */
    }
    return r;
}

int fd_sqlite_migrate(fd_sqlite_connection *connection, const char *path, const char *given,
                      uint32_t version, const fd_sqlite_migration *migrations, size_t n,
                      fd_fault *fault) {
    if (path && version > 0 && version < n) {
        int r = back_up(connection, path, version + 1);
        if (r < 0)
            return fd_sqlite_fault(connection, given, "cannot be backed up before its migration", r,
                                   fault);
    }
    for (size_t i = version; i < n; i++) {
        assert(migrations[i].number == i + 1);
        int r = apply(connection, given, &migrations[i], fault);
        if (r < 0)
            return r;
    }
    return 0;
}
