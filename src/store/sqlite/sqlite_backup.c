/* Copies of a database while it is in use: for a migration that goes wrong, and on demand. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite_backend.h"

/* Steps of SQLite's machine between two questions whether to go on: well below a millisecond. */
enum { STEPS_AT_ONCE = 10000 };

static void closep(int *file) {
    if (*file >= 0)
        (void)close(*file);
}

int fd_sqlite_sync_folder_of(const char *path) {
    FD_FREE char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    FD_CLEANUP(closep) int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0 || fsync(folder) < 0 ? -errno : 0;
}

/* What a backup that was cut off has left is taken over; what one that runs is writing is not. The
 * lock is lost with the name: a file that was finished meanwhile is another's. */
static int take_over(const char *partial, int file) {
    struct stat here, there;
    if (flock(file, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (fstat(file, &here) < 0)
        return -errno;
    if (stat(partial, &there) < 0 || here.st_dev != there.st_dev || here.st_ino != there.st_ino)
        return -EBUSY;
    return ftruncate(file, 0) < 0 ? -errno : 0;
}

static int open_partial(const char *partial, int *ret) {
    int file = open(partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return -errno;
    int r = take_over(partial, file);
    if (r < 0)
        (void)close(file);
    else
        *ret = file;
    return r;
}

static int copy_into(fd_sqlite_connection *connection, const char *path) {
    char *sql = sqlite3_mprintf("VACUUM INTO %Q", path);
    if (!sql)
        return -ENOMEM;
    int r = fd_sqlite_execute(connection, sql);
    sqlite3_free(sql);
    return r;
}

static int name_it(const char *partial, const char *to, bool replace) {
    if (replace)
        return rename(partial, to) < 0 ? -errno : 0;
    if (link(partial, to) < 0)
        return -errno;
    (void)unlink(partial);
    return 0;
}

int fd_sqlite_copy(fd_sqlite_connection *connection, const char *to, bool replace) {
    FD_FREE char *partial = NULL;
    if (asprintf(&partial, "%s.partial", to) < 0)
        return -ENOMEM;
    if (!replace && fd_sqlite_is_there(to))
        return -EEXIST;
    FD_CLEANUP(closep) int file = -1;
    int r = open_partial(partial, &file);
    if (r < 0)
        return r;
    r = copy_into(connection, partial);
    if (r == 0 && fsync(file) < 0) /* SQLite does not sync it */
        r = -errno;
    if (r == 0)
        r = name_it(partial, to, replace);
    if (r < 0) {
        (void)unlink(partial);
        return r;
    }
    return fd_sqlite_sync_folder_of(to);
}

/* ---- on demand ---- */

struct asking {
    bool (*go_on)(void *context);
    void *context;
};

static int on_progress(void *context) {
    const struct asking *asking = context;
    return !asking->go_on(asking->context);
}

/* A connection that may write elsewhere, but neither write nor checkpoint this database. */
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

static int copy_fault(int error, const char *to, fd_fault *fault) {
    if (error == -EEXIST)
        return fd_fault_set(fault, error, "", "%s, or a log of it, is there already", to);
    if (error == -EBUSY)
        return fd_fault_set(fault, error, "", "a backup to %s is running", to);
    return fd_fault_set(fault, error, "", "%s cannot be written: %s", to, strerror(-error));
}

int fd_sqlite_back_up(fd_store *store, const char *to, bool (*go_on)(void *context), void *context,
                      fd_backup *ret, fd_fault *fault) {
    const char *path = ((fd_sqlite_store *)store)->path;
    FD_CLEANUP(fd_sqlite_disconnect) fd_sqlite_connection connection = {0};
    struct asking asking = {go_on, context};
    int r = connect_copier(&connection, path);
    if (r < 0)
        return fd_sqlite_fault(&connection, path, "cannot be read", r, fault);
    if (go_on)
        sqlite3_progress_handler(connection.database, STEPS_AT_ONCE, on_progress, &asking);
    r = fd_sqlite_copy(&connection, to, false);
    if (r == -EBADMSG)
        return fd_sqlite_fault(&connection, path, "damaged", r, fault);
    if (r == 0)
        r = measure(to, ret);
    return r < 0 ? copy_fault(r, to, fault) : 0;
}
