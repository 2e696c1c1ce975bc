/* Backups on demand: a copy of a database in use, by a connection of its own. */
#include "sqlite_backup.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "sqlite_backend.h"
#include "sqlite_copy.h"
#include "sqlite_counts.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

/* Steps of SQLite's machine between two calls of go_on: well below a millisecond. */
enum { STEPS_BETWEEN_CALLS = 10000 };

struct progress {
    bool (*go_on)(void *context);
    void *context;
};

/* SQLite stops when this returns 1. */
static int on_progress(void *context) {
    const struct progress *progress = context;
    return !progress->go_on(progress->context);
}

/* A connection that may write other files, but neither writes nor checkpoints this database. */
static int connect_copier(fd_sqlite_connection *connection, const char *path) {
    int r = fd_sqlite_connect_reader(connection, path);
    return r < 0 ? r : fd_sqlite_execute(connection, "PRAGMA query_only = OFF");
}

static int measure(const char *path, fd_backup *ret) {
    FD_CLEANUP(fd_sqlite_disconnect) fd_sqlite_connection connection = {0};
    struct stat about;
    int r = fd_sqlite_connect_reader(&connection, path);
    if (r == 0)
        r = fd_sqlite_prepare(&connection);
    if (r == 0)
        r = fd_sqlite_read_counts(&connection, &ret->counts);
    if (r == 0 && stat(path, &about) < 0)
        r = -errno;
    if (r == 0)
        ret->bytes = (uint64_t)about.st_size;
    return r;
}

/* How the names end of files that belong to a database or to a copy that is being made. A backup
 * under such a name would be taken for the file of the database whose name it begins with: for its
 * log, which SQLite applies, or for its tokens, without which nobody has access. */
static int refuse_name(const char *to, fd_fault *fault) {
    static const char *const endings[] = {
        "-wal",      "-shm",        "-journal",        ".lock",    ".tokens",   ".token-key",
        ".sessions", ".checkpoint", ".checkpoint.new", ".partial", ".restoring"};
    const char *name = strrchr(to, '/') ? strrchr(to, '/') + 1 : to;
    for (size_t i = 0; i < FD_LENGTH(endings); i++) {
        size_t length = strlen(to), ending = strlen(endings[i]);
        if (length >= ending && strcmp(to + length - ending, endings[i]) == 0)
            return fd_fault_set(fault, -EINVAL, "",
                                "the name of a backup must not end in %s, as the name of another "
                                "file of a database does",
                                endings[i]);
    }
    if (strstr(name, ".before-"))
        return fd_fault_set(fault, -EINVAL, "",
                            "the name of a backup must not contain .before-, as the names of the "
                            "copies before a migration or a restore do");
    return 0;
}

static int copy_fault(int error, const char *to, fd_fault *fault) {
    if (error == -EEXIST)
        return fd_fault_set(fault, error, "", "%s or its log already exists", to);
    if (error == -EBUSY)
        return fd_fault_set(fault, error, "", "another backup to %s is running", to);
    if (error == -EPERM)
        return fd_fault_set(fault, error, "", "%s.partial is no backup; it is unchanged", to);
    return fd_fault_set(fault, error, "", "%s cannot be written: %s", to, strerror(-error));
}

int fd_sqlite_back_up(fd_store *store, const char *to, bool (*go_on)(void *context), void *context,
                      fd_backup *ret, fd_fault *fault) {
    const char *path = fd_sqlite_store_of(store)->path;
    FD_CLEANUP(fd_sqlite_disconnect) fd_sqlite_connection connection = {0};
    struct progress progress = {go_on, context};
    int r = refuse_name(to, fault);
    if (r < 0)
        return r;
    /* What is at the path may be another database, next to the log of this one. */
    r = fd_sqlite_present(store);
    if (r < 0)
        return fd_fault_set(fault, r, "", "%s was removed, moved or replaced", path);
    r = connect_copier(&connection, path);
    if (r < 0)
        return fd_sqlite_fault(&connection, path, "cannot be read", r, fault);
    if (go_on)
        sqlite3_progress_handler(connection.database, STEPS_BETWEEN_CALLS, on_progress, &progress);
    r = fd_sqlite_copy(&connection, to, false);
    if (r == -EBADMSG)
        return fd_sqlite_fault(&connection, path, "damaged", r, fault);
    if (r == 0)
        r = measure(to, ret);
    return r < 0 ? copy_fault(r, to, fault) : 0;
}
