/* The schema of a database: reading its number, and applying the migrations above it. */
#include "sqlite_schema.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "sqlite_copy.h"
#include "sqlite_paths.h"

/* ---- which schema a file has ---- */

int fd_sqlite_inspect(fd_sqlite_connection *connection, const char *given, size_t newest,
                      uint32_t *ret, fd_fault *fault) {
    int64_t application = 0, version = 0, tables = 0;
    int r = fd_sqlite_query_integer(connection, "PRAGMA application_id", &application);
    if (r == 0)
        r = fd_sqlite_query_integer(connection, "PRAGMA user_version", &version);
    if (r == 0)
        r = fd_sqlite_query_integer(connection, "SELECT count(*) FROM sqlite_schema", &tables);
    if (r == -EBADMSG)
        return fd_sqlite_fault(connection, given, "not a fisherd database, or damaged", r, fault);
    if (r == -EROFS)
        return fd_fault_set(fault, -EACCES, "",
                            "%s cannot be read: its log (%s-wal, -shm) cannot be created", given,
                            given);
    if (r < 0)
        return fd_sqlite_fault(connection, given, "cannot be read", r, fault);

    bool empty = application == 0 && version == 0 && tables == 0;
    if (!empty && (application != FD_SQLITE_APPLICATION_ID || version <= 0))
        return fd_fault_set(fault, -EBADMSG, "", "%s is an SQLite database, but not fisherd's",
                            given);
    if ((uint64_t)version > newest)
        return fd_fault_set(fault, -EPROTONOSUPPORT, "",
                            "%s has schema %lld, newer than this program, which knows up to %zu",
                            given, (long long)version, newest);
    *ret = (uint32_t)version;
    return 0;
}

int fd_sqlite_connect_inspected(fd_sqlite_connection *connection, const char *path,
                                const char *given, size_t newest, uint32_t *ret, fd_fault *fault) {
    int r = fd_sqlite_connect_reader(connection, path);
    if (r == -EBADMSG)
        return fd_sqlite_fault(connection, given, "not a fisherd database, or damaged", r, fault);
    if (r < 0)
        return fd_sqlite_fault(connection, given, "cannot be opened", r, fault);
    return fd_sqlite_inspect(connection, given, newest, ret, fault);
}

/* ---- migrations ---- */

static int copy_before(fd_sqlite_connection *connection, const char *path, uint32_t number) {
    char suffix[24];
    (void)snprintf(suffix, sizeof(suffix), ".before-%04u", number);
    FD_FREE char *name = fd_sqlite_join(path, suffix);
    return name ? fd_sqlite_copy(connection, name, true) : -ENOMEM;
}

static int stamp(fd_sqlite_connection *connection, uint32_t number) {
    char sql[96];
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %u",
                   FD_SQLITE_APPLICATION_ID, number);
    return fd_sqlite_execute(connection, sql);
}

/* Foreign keys are off while tables change, so they are checked before the commit. */
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
            (void)!fd_sqlite_execute(connection, "ROLLBACK"); /* closing does it too */
    }
    return r;
}

int fd_sqlite_migrate(fd_sqlite_connection *connection, const char *path, const char *given,
                      uint32_t version, const fd_sqlite_migration *migrations, size_t n,
                      fd_fault *fault) {
    if (path && version > 0 && version < n) {
        int r = copy_before(connection, path, version + 1);
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
