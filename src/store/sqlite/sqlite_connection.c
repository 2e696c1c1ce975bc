/* Connections to an SQLite database: their settings, SQL that runs once, and errors. */
#include "sqlite_connection.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---- errors ---- */

int fd_sqlite_error(sqlite3 *database, int result) {
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_TOOBIG:
        return -EFBIG;
    case SQLITE_CORRUPT: /* SQLite also says this when the disk fails to read a page */
        return errno == EIO ? -EIO : -EBADMSG;
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_CONSTRAINT:
        return -EINVAL;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
        return -EACCES;
    case SQLITE_INTERRUPT:
        return -ECANCELED;
    case SQLITE_IOERR:
        break;
    default:
        return -EIO;
    }
    if (result == SQLITE_IOERR_NOMEM)
        return -ENOMEM;
    /* SQLite 3.40 does not keep the system's error of a commit, but errno still has it. */
    int system_error = database ? sqlite3_system_errno(database) : 0;
    if (system_error == 0)
        system_error = errno;
    bool full = system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG;
    return full ? -system_error : -EIO;
}

static int error_of(const fd_sqlite_connection *connection, int result) {
    return fd_sqlite_error(connection->database, result);
}

int fd_sqlite_fault(const fd_sqlite_connection *connection, const char *path, const char *doing,
                    int error, fd_fault *fault) {
    int result = connection->database ? sqlite3_errcode(connection->database) : SQLITE_OK;
    const char *reason = fd_sqlite_error(connection->database, result) < 0
                             ? sqlite3_errmsg(connection->database)
                             : strerror(-error);
    return fd_fault_set(fault, error, "", "%s: %s: %s", path, doing, reason);
}

/* ---- connections ---- */

static int open_connection(fd_sqlite_connection *connection, const char *path, int flags) {
    int result = sqlite3_open_v2(path, &connection->database,
                                 flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    sqlite3 *database = connection->database;
    if (result == SQLITE_OK)
        result = sqlite3_busy_timeout(database, FD_SQLITE_BUSY_MILLISECONDS);
    if (result == SQLITE_OK)
        result = sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (result != SQLITE_OK)
        return error_of(connection, result);
    return fd_sqlite_execute(connection, "PRAGMA cell_size_check = ON");
}

int fd_sqlite_connect_writer(fd_sqlite_connection *connection, const char *path) {
    int r = open_connection(connection, path, SQLITE_OPEN_READWRITE);
    if (r < 0)
        return r;
    /* Without the right to write, SQLite opens the file for reading only. */
    if (sqlite3_db_readonly(connection->database, "main") == 1)
        return -EACCES;
    char mode[16];
    r = fd_sqlite_query_text(connection, "PRAGMA journal_mode = WAL", mode, sizeof(mode));
    if (r == 0 && strcmp(mode, "wal") != 0)
        r = -EOPNOTSUPP; /* the file system has no shared memory */
    if (r < 0)
        return r;
    /* temp_store: what undoes one list of a transaction is kept in memory, not in a file that each
     * transaction makes. cache_size: 16 MiB, since ids are spread over all pages of an index.
     * secure_delete: Debian's SQLite overwrites what is deleted, so that taking away a block of
     * components would write as much as adding one. */
    return fd_sqlite_execute(connection, "PRAGMA synchronous = FULL;"
                                         "PRAGMA journal_size_limit = 67108864;"
                                         "PRAGMA temp_store = MEMORY;"
                                         "PRAGMA secure_delete = FAST;"
                                         "PRAGMA cache_size = -16384");
}

int fd_sqlite_connect_reader(fd_sqlite_connection *connection, const char *path) {
    int r = open_connection(connection, path, SQLITE_OPEN_READONLY);
    if (r < 0)
        return r;
    /* SQLite 3.40 can damage a file that two connections checkpoint: only the writer does it. */
    r = error_of(connection, sqlite3_db_config(connection->database,
                                               SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL));
    if (r < 0)
        return r;
    return fd_sqlite_execute(connection, "PRAGMA query_only = ON");
}

int fd_sqlite_roll_back_journal(const char *path) {
    FD_CLEANUP(fd_sqlite_disconnect) fd_sqlite_connection connection = {0};
    int64_t unused;
    int r = open_connection(&connection, path, SQLITE_OPEN_READWRITE);
    if (r == 0) /* the first read rolls back */
        r = fd_sqlite_query_integer(&connection, "PRAGMA user_version", &unused);
    return r == -ENOMEM ? r : 0;
}

void fd_sqlite_disconnect(fd_sqlite_connection *connection) {
    for (size_t i = 0; i < FD_SQL_COUNT; i++)
        (void)sqlite3_finalize(connection->statements[i]);
    (void)sqlite3_close(connection->database);
    *connection = (fd_sqlite_connection){0};
}

/* ---- statements that run once ---- */

int fd_sqlite_execute(fd_sqlite_connection *connection, const char *sql) {
    errno = 0;
    return error_of(connection, sqlite3_exec(connection->database, sql, NULL, NULL, NULL));
}

int fd_sqlite_query_text(fd_sqlite_connection *connection, const char *sql, char *text,
                         size_t size) {
    FD_CLEANUP(fd_sqlite_finalizep) sqlite3_stmt *statement = NULL;
    errno = 0;
    int result = sqlite3_prepare_v2(connection->database, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    text[0] = '\0';
    if (result != SQLITE_ROW)
        return error_of(connection, result);
    const unsigned char *found = sqlite3_column_text(statement, 0);
    if (!found)
        return sqlite3_errcode(connection->database) == SQLITE_NOMEM ? -ENOMEM : 0;
    (void)snprintf(text, size, "%s", (const char *)found);
    return 0;
}

int fd_sqlite_query_integer(fd_sqlite_connection *connection, const char *sql, int64_t *ret) {
    char text[24];
    int r = fd_sqlite_query_text(connection, sql, text, sizeof(text));
    *ret = strtoll(text, NULL, 10);
    return r;
}
