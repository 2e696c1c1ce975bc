/* A backup that takes the place of a database. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "database_lock.h"
#include "sqlite_backend.h"
#include "sqlite_store.h"

static void releasep(int *lock) {
    fd_file_lock_release(*lock);
}

/* The database and its log, or the journal of one that was just being made; without the one the
 * other is worth nothing, and beside another database it would be played into that. */
static const char *const parts[] = {"", "-wal", "-journal"};

/* asprintf that leaves NULL when it fails. */
static char *join(const char *path, const char *suffix) {
    char *joined = NULL;
    return asprintf(&joined, "%s%s", path, suffix) < 0 ? NULL : joined;
}

static void remove_with(const char *path, const char *const *suffixes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        FD_FREE char *name = join(path, suffixes[i]);
        if (name)
            (void)unlink(name);
    }
}

bool fd_sqlite_is_there(const char *path) {
    bool found = false;
    for (size_t i = 0; i < FD_LENGTH(parts); i++) {
        FD_FREE char *name = join(path, parts[i]);
        found = found || !name || access(name, F_OK) == 0;
    }
    return found;
}

/* A second name for what is there, before anything happens to the first. */
static int keep_aside(const char *path, char **ret) {
    char stamp[48];
    struct tm parts_of_time;
    time_t now = time(NULL);
    (void)gmtime_r(&now, &parts_of_time);
    (void)strftime(stamp, sizeof(stamp), ".before-restore-%Y%m%dT%H%M%SZ", &parts_of_time);
    FD_FREE char *kept = join(path, stamp);
    if (!kept)
        return -ENOMEM;
    for (size_t i = 0; i < FD_LENGTH(parts); i++) {
        FD_FREE char *from = join(path, parts[i]);
        FD_FREE char *to = join(kept, parts[i]);
        if (!from || !to)
            return -ENOMEM;
        if (link(from, to) < 0 && errno != ENOENT)
            return -errno;
    }
    *ret = FD_STEAL(kept);
    return 0;
}

/* ---- the copy ---- */

static int copy(const char *from, const char *to, fd_fault *fault) {
    FD_CLEANUP(fd_sqlite_disconnect) fd_sqlite_connection connection = {0};
    uint32_t version;
    int r = fd_sqlite_connect_reader(&connection, from);
    if (r < 0)
        return fd_sqlite_fault(&connection, from, "cannot be opened", r, fault);
    r = fd_sqlite_inspect(&connection, from, fd_sqlite_migration_count, &version, fault);
    if (r < 0)
        return r;
    if (version == 0)
        return fd_fault_set(fault, -EBADMSG, "", "%s is empty, no fisherd database", from);
    r = fd_sqlite_execute(&connection, "PRAGMA query_only = OFF");
    if (r == 0)
        r = fd_sqlite_copy(&connection, to, true);
    return r < 0 ? fd_sqlite_fault(&connection, from, "cannot be copied", r, fault) : 0;
}

/* It leaves one file, without a log: nothing of it is anywhere else when it gets its name. */
static int migrate(const char *path, const char *from, fd_fault *fault) {
    FD_CLEANUP(fd_sqlite_disconnect) fd_sqlite_connection connection = {0};
    uint32_t version;
    char mode[16] = "";
    int r = fd_sqlite_connect_writer(&connection, path);
    if (r < 0)
        return fd_sqlite_fault(&connection, path, "cannot be opened", r, fault);
    r = fd_sqlite_inspect(&connection, from, fd_sqlite_migration_count, &version, fault);
    if (r == 0)
        r = fd_sqlite_migrate(&connection, NULL, from, version, fd_sqlite_migrations,
                              fd_sqlite_migration_count, fault);
    if (r < 0)
        return r;
    r = fd_sqlite_query_text(&connection, "PRAGMA journal_mode = DELETE", mode, sizeof(mode));
    if (r == 0 && strcmp(mode, "delete") != 0)
        r = -EIO;
    return r < 0 ? fd_sqlite_fault(&connection, path, "cannot be written", r, fault) : 0;
}

static int look_at(const char *path, fd_store_visit *check, void *context, fd_fault *fault) {
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    int r = fd_store_open_sqlite_read_only(path, &store, fault);
    return r < 0 ? r : check(context, store);
}

/* ---- its place ---- */

/* A log that is not the file's own would be played into it: it leaves first. */
static int put_in_place(const char *fresh, const char *path) {
    static const char *const old[] = {"-wal", "-shm", "-journal"};
    remove_with(path, old, FD_LENGTH(old));
    int r = fd_sqlite_sync_folder_of(path);
    if (r == 0 && rename(fresh, path) < 0)
        r = -errno;
    return r < 0 ? r : fd_sqlite_sync_folder_of(path);
}

static int replace_by(const char *fresh, const char *path, char **ret_kept, fd_fault *fault) {
    FD_FREE char *kept = NULL;
    int r = fd_sqlite_is_there(path) ? keep_aside(path, &kept) : 0;
    if (r == 0)
        r = put_in_place(fresh, path);
    if (r < 0)
        return fd_fault_set(fault, r, "", "%s cannot be replaced: %s", path, strerror(-r));
    *ret_kept = FD_STEAL(kept);
    return 0;
}

int fd_store_restore_sqlite(const char *given, const char *from, bool replace,
                            fd_store_visit *check, void *context, char **ret_kept,
                            fd_fault *fault) {
    static const char *const leftovers[] = {"", "-wal", "-shm", "-journal"};
    FD_FREE char *real = realpath(given, NULL);
    const char *path = real ? real : given;
    FD_FREE char *source = NULL;
    FD_FREE char *fresh = join(path, ".restoring");
    FD_CLEANUP(releasep) int lock = -1;
    if (!fresh)
        return -ENOMEM;
    int r = fd_sqlite_resolve(from, &source, fault);
    if (r < 0)
        return r;
    if (strcmp(source, path) == 0)
        return fd_fault_set(fault, -EINVAL, "", "%s cannot be restored from itself", given);
    r = fd_sqlite_take_lock(path, given, &lock, fault);
    if (r < 0)
        return r;
    if (fd_sqlite_is_there(path) && !replace)
        return fd_fault_set(fault, -EEXIST, "", "%s is there already; --replace keeps it aside",
                            given);
    remove_with(fresh, leftovers, FD_LENGTH(leftovers)); /* of a restore that was cut off */
    r = copy(source, fresh, fault);
    if (r == 0)
        r = migrate(fresh, from, fault);
    if (r == 0)
        r = look_at(fresh, check, context, fault);
    if (r == 0)
        r = replace_by(fresh, path, ret_kept, fault);
    remove_with(fresh, leftovers, FD_LENGTH(leftovers));
    return r;
}
