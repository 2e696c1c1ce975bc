/* Restoring: a migrated and checked copy of a backup replaces a database, which is kept aside. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "database_lock.h"
#include "descriptor.h"
#include "file_owner.h"
#include "sqlite_copy.h"
#include "sqlite_paths.h"
#include "sqlite_schema.h"
#include "sqlite_store.h"

/* Gives the database a second name, before anything happens to the first one. */
static int keep_aside(const char *path, char **ret) {
    char stamp[48];
    struct tm utc;
    time_t now = time(NULL);
    (void)gmtime_r(&now, &utc);
    (void)strftime(stamp, sizeof(stamp), ".before-restore-%Y%m%dT%H%M%SZ", &utc);
    FD_FREE char *kept = fd_sqlite_join(path, stamp);
    if (!kept)
        return -ENOMEM;
    for (size_t i = 0; i < FD_SQLITE_PARTS; i++) {
        FD_FREE char *from = fd_sqlite_join(path, fd_sqlite_parts[i]);
        FD_FREE char *to = fd_sqlite_join(kept, fd_sqlite_parts[i]);
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
    int r = fd_sqlite_connect_inspected(&connection, from, from, fd_sqlite_migration_count,
                                        &version, fault);
    if (r < 0)
        return r;
    if (version == 0)
        return fd_fault_set(fault, -EBADMSG, "", "%s is empty, not a fisherd database", from);
    r = fd_sqlite_execute(&connection, "PRAGMA query_only = OFF");
    if (r == 0)
        r = fd_sqlite_copy(&connection, to, true);
    return r < 0 ? fd_sqlite_fault(&connection, from, "cannot be copied", r, fault) : 0;
}

/* Leaves one file without a log, so that the file is complete when it is renamed. */
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

static int check_copy(const char *path, fd_store_visit *check, void *context, fd_fault *fault) {
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    int r = fd_store_open_sqlite_read_only(path, &store, fault);
    return r < 0 ? r : check(context, store);
}

/* ---- replacing ---- */

/* The daemon that had the database must be able to open the new one. */
static int take_over_rights(const char *fresh, const char *path, fd_fault *fault) {
    struct stat old, here;
    bool replaces = stat(path, &old) == 0;
    FD_CLOSE int file = open(fresh, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    int r = file < 0 || fstat(file, &here) < 0 ? -errno : fd_file_owner_like(file, path);
    if (r == 0 && replaces && geteuid() != 0 &&
        (old.st_uid != here.st_uid || old.st_gid != here.st_gid) &&
        fchown(file, old.st_uid, old.st_gid) < 0)
        r = -errno;
    if (r == 0 && replaces && fchmod(file, old.st_mode & 0777) < 0)
        r = -errno;
    if (r == 0 && fsync(file) < 0)
        r = -errno;
    if (r < 0 && replaces)
        return fd_fault_set(fault, r, "",
                            "the copy cannot get the owner %u:%u and the rights of %s: %s; nothing "
                            "was restored",
                            (unsigned)old.st_uid, (unsigned)old.st_gid, path, strerror(-r));
    if (r < 0)
        return fd_fault_set(fault, r, "", "the copy cannot get the owner of the folder of %s: %s",
                            path, strerror(-r));
    return 0;
}

/* The old log goes first: SQLite would apply it to the new file. */
static int put_in_place(const char *fresh, const char *path) {
    fd_sqlite_remove_log(path);
    int r = fd_sqlite_sync_folder_of(path);
    if (r == 0 && rename(fresh, path) < 0)
        r = -errno;
    return r < 0 ? r : fd_sqlite_sync_folder_of(path);
}

static int replace_by(const char *fresh, const char *path, char **ret_kept, fd_fault *fault) {
    FD_FREE char *kept = NULL;
    int r = fd_sqlite_exists(path) ? keep_aside(path, &kept) : 0;
    if (r == 0)
        r = put_in_place(fresh, path);
    if (r < 0)
        return fd_fault_set(fault, r, "", "%s cannot be replaced: %s", path, strerror(-r));
    *ret_kept = FD_STEAL(kept);
    return 0;
}

static bool is_same_file(const char *one, const char *other) {
    struct stat a, b;
    return strcmp(one, other) == 0 || (stat(one, &a) == 0 && stat(other, &b) == 0 &&
                                       a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

int fd_store_restore_sqlite(const char *given, const char *from, bool replace,
                            fd_store_visit *check, void *context, char **ret_kept,
                            fd_fault *fault) {
    FD_FREE char *real = realpath(given, NULL);
    const char *path = real ? real : given;
    FD_FREE char *source = NULL;
    FD_FREE char *fresh = fd_sqlite_join(path, ".restoring");
    FD_CLEANUP(fd_database_lock_release) fd_database_lock lock = FD_DATABASE_NOT_LOCKED;
    if (!fresh)
        return -ENOMEM;
    int r = fd_sqlite_real_path(from, &source, fault);
    if (r < 0)
        return r;
    if (is_same_file(source, path))
        return fd_fault_set(fault, -EINVAL, "", "%s cannot be restored from itself", given);
    r = fd_database_lock_take(path, given, &lock, fault);
    if (r < 0)
        return r;
    if (fd_sqlite_exists(path) && !replace)
        return fd_fault_set(fault, -EEXIST, "", "%s already exists; --replace keeps it aside",
                            given);
    fd_sqlite_remove(fresh); /* left by a restore that was cut off */
    r = copy(source, fresh, fault);
    if (r == 0)
        r = migrate(fresh, from, fault);
    if (r == 0)
        r = check_copy(fresh, check, context, fault);
    if (r == 0)
        r = take_over_rights(fresh, path, fault);
    if (r == 0)
        r = replace_by(fresh, path, ret_kept, fault);
    fd_sqlite_remove(fresh);
    return r;
}
