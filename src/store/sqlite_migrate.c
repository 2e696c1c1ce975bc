#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sqlite_private.h"

static void closep(int *file) {
    if (*file >= 0)
        (void)close(*file);
}

/* ---- the backup ---- */

static int sync_folder_of(const char *path) {
    FD_FREE char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    FD_CLEANUP(closep) int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 || fsync(folder) < 0 ? -errno : 0;
}

static int copy_into(fd_sqlite_connection *connection, const char *path) {
    char *sql = sqlite3_mprintf("VACUUM INTO %Q", path);
    if (!sql)
        return -ENOMEM;
    int r = fd_sqlite_execute(connection, sql);
    sqlite3_free(sql);
    return r;
}

/* The copy gets its name once it is whole and on disk. SQLite does not sync it. */
static int back_up_as(fd_sqlite_connection *connection, const char *name, const char *partial) {
    if (unlink(partial) < 0 && errno != ENOENT)
        return -errno;
    FD_CLEANUP(closep) int file = open(partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return -errno;
    int r = copy_into(connection, partial);
    if (r == 0 && (fsync(file) < 0 || rename(partial, name) < 0))
        r = -errno;
    if (r < 0) {
        (void)unlink(partial);
        return r;
    }
    return sync_folder_of(name);
}

static int back_up(fd_sqlite_connection *connection, const char *path, uint32_t number) {
    FD_FREE char *name = NULL;
    FD_FREE char *partial = NULL;
    if (asprintf(&name, "%s.before-%04u", path, number) < 0)
        return -ENOMEM;
    if (asprintf(&partial, "%s.partial", name) < 0)
        return -ENOMEM;
    return back_up_as(connection, name, partial);
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
    if (version > 0 && version < n) {
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
