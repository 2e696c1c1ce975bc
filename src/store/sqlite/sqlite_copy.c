/* Copies of a database, written to TO.partial and renamed when they are whole and on disk. */
#include "sqlite_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "sqlite_paths.h"

/* Whether a file is what a copy that was cut off may leave: nothing, a database, or one whose first
 * page was not written yet. Another file, or one with a second name, is somebody else's. */
static bool is_copy(int file, const struct stat *about) {
    static const char magic[16] = "SQLite format 3", empty[16];
    char start[16] = "";
    return S_ISREG(about->st_mode) && about->st_nlink == 1 &&
           pread(file, start, sizeof(start), 0) >= 0 &&
           (memcmp(start, magic, sizeof(magic)) == 0 || memcmp(start, empty, sizeof(empty)) == 0);
}

/* Takes over the partial file of a copy that was cut off, but not that of a copy that is running:
 * that one holds the lock. After locking, the name may belong to another file, because the other
 * copy has finished. */
static int take_over(const char *partial, int file) {
    struct stat here, there;
    if (flock(file, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (fstat(file, &here) < 0)
        return -errno;
    if (stat(partial, &there) < 0 || here.st_dev != there.st_dev || here.st_ino != there.st_ino)
        return -EBUSY;
    if (!is_copy(file, &here))
        return -EPERM;
    return ftruncate(file, 0) < 0 ? -errno : 0;
}

static int open_partial(const char *partial, int *ret) {
    int file = open(partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (file < 0)
        return -errno;
    int r = take_over(partial, file);
    if (r < 0)
        (void)close(file);
    else
        *ret = file;
    return r;
}

static int vacuum_into(fd_sqlite_connection *connection, const char *path) {
    char *sql = sqlite3_mprintf("VACUUM INTO %Q", path);
    if (!sql)
        return -ENOMEM;
    int r = fd_sqlite_execute(connection, sql);
    sqlite3_free(sql);
    return r;
}

static int give_name(const char *partial, const char *to, bool replace) {
    if (replace)
        return rename(partial, to) < 0 ? -errno : 0;
    if (link(partial, to) < 0)
        return -errno;
    (void)unlink(partial);
    return 0;
}

int fd_sqlite_copy(fd_sqlite_connection *connection, const char *to, bool replace) {
    FD_FREE char *partial = fd_sqlite_join(to, ".partial");
    if (!partial)
        return -ENOMEM;
    if (!replace && fd_sqlite_exists(to))
        return -EEXIST;
    FD_CLOSE int file = -1;
    int r = open_partial(partial, &file);
    if (r < 0)
        return r;
    r = vacuum_into(connection, partial);
    if (r == 0 && fsync(file) < 0) /* SQLite does not sync it */
        r = -errno;
    if (r == 0)
        r = give_name(partial, to, replace);
    if (r < 0) {
        (void)unlink(partial);
        return r;
    }
    return fd_sqlite_sync_folder_of(to);
}
