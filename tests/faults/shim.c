/* An SQLite file system over the usual one, and wrapped system calls, with hooks around each call.
 */
#include "shim.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
#define X(identifier, name) [SHIM_##identifier] = name,
    SHIM_CALLS
#undef X
};

const char *shim_call_name(shim_call call) {
    return names[call];
}

static const shim_hooks *hooks;
static sqlite3_vfs *real;

typedef struct shim_file {
    sqlite3_file base;
    sqlite3_file *file; /* of the real file system, in the memory after this */
    const char *path;
    bool entry_not_synced;
} shim_file;

static int before(const shim_event *event) {
    return hooks && hooks->before ? hooks->before(hooks->context, event) : SQLITE_OK;
}

static int after(const shim_event *event, int result) {
    if (hooks && hooks->after && result == SQLITE_OK)
        hooks->after(hooks->context, event);
    return result;
}

/* Runs a call of the real file system unless it is to fail. */
#define AROUND(event, call)                                                                        \
    __extension__({                                                                                \
        int result_ = before(event);                                                               \
        result_ == SQLITE_OK ? after(event, call) : result_;                                       \
    })

static shim_file *shim_of(sqlite3_file *file) {
    return (shim_file *)file;
}

static sqlite3_file *real_of(sqlite3_file *file) {
    return shim_of(file)->file;
}

/* ---- files ---- */

static int file_close(sqlite3_file *file) {
    sqlite3_file *closing = real_of(file);
    return closing->pMethods ? closing->pMethods->xClose(closing) : SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 offset) {
    shim_event event = {
        .call = SHIM_READ, .path = shim_of(file)->path, .size = (size_t)size, .offset = offset};
    return AROUND(&event, real_of(file)->pMethods->xRead(real_of(file), bytes, size, offset));
}

static int file_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset) {
    shim_event event = {.call = SHIM_WRITE,
                        .path = shim_of(file)->path,
                        .bytes = bytes,
                        .size = (size_t)size,
                        .offset = offset};
    return AROUND(&event, real_of(file)->pMethods->xWrite(real_of(file), bytes, size, offset));
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 length) {
    shim_event event = {.call = SHIM_TRUNCATE, .path = shim_of(file)->path, .length = length};
    return AROUND(&event, real_of(file)->pMethods->xTruncate(real_of(file), length));
}

static int file_sync(sqlite3_file *file, int flags) {
    (void)flags;
    shim_event event = {.call = SHIM_SYNC,
                        .path = shim_of(file)->path,
                        .sync_folder = shim_of(file)->entry_not_synced};
    int result = AROUND(&event, SQLITE_OK);
    if (result == SQLITE_OK)
        shim_of(file)->entry_not_synced = false;
    return result;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    shim_event event = {.call = SHIM_SIZE, .path = shim_of(file)->path};
    return AROUND(&event, real_of(file)->pMethods->xFileSize(real_of(file), size));
}

static int file_lock(sqlite3_file *file, int level) {
    shim_event event = {.call = SHIM_LOCK, .path = shim_of(file)->path};
    return AROUND(&event, real_of(file)->pMethods->xLock(real_of(file), level));
}

static int file_unlock(sqlite3_file *file, int level) {
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *result) {
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), result);
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int file_sector_size(sqlite3_file *file) {
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_characteristics(sqlite3_file *file) {
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int region, int size, int extend,
                        void volatile **memory) {
    shim_event event = {.call = SHIM_SHARED_MEMORY, .path = shim_of(file)->path};
    return AROUND(&event,
                  real_of(file)->pMethods->xShmMap(real_of(file), region, size, extend, memory));
}

static int file_shm_lock(sqlite3_file *file, int offset, int n, int flags) {
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *file) {
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int delete_it) {
    return real_of(file)->pMethods->xShmUnmap(real_of(file), delete_it);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

/* ---- the file system ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                    int *ret_flags) {
    static const int logs = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    (void)vfs;
    shim_file *shim = shim_of(file);
    *shim = (shim_file){.file = (sqlite3_file *)(shim + 1), .path = path ? path : ""};
    bool creates = (flags & SQLITE_OPEN_CREATE) != 0;
    shim_event event = {.call = SHIM_OPEN, .path = shim->path, .creates = creates};
    int result = AROUND(&event, real->xOpen(real, path, shim->file, flags, ret_flags));
    if (result == SQLITE_OK) {
        shim->base.pMethods = &methods;
        shim->entry_not_synced = creates && (flags & logs) != 0; /* as SQLite's own does */
    }
    return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder) {
    (void)vfs;
    shim_event event = {.call = SHIM_DELETE, .path = path, .sync_folder = sync_folder != 0};
    return AROUND(&event, real->xDelete(real, path, 0));
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret) {
    (void)vfs;
    shim_event event = {.call = SHIM_ACCESS, .path = path};
    return AROUND(&event, real->xAccess(real, path, flags, ret));
}

void shim_install(void) {
    static sqlite3_vfs shim;
    if (real)
        return;
    real = sqlite3_vfs_find(NULL);
    shim = *real;
    shim.zName = "shim";
    shim.szOsFile = (int)sizeof(shim_file) + real->szOsFile;
    shim.xOpen = vfs_open;
    shim.xDelete = vfs_delete;
    shim.xAccess = vfs_access;
    if (sqlite3_vfs_register(&shim, 1) != SQLITE_OK)
        abort();
}

void shim_set_hooks(const shim_hooks *given) {
    hooks = given;
}

/* ---- system calls of the store itself ---- */

int __real_rename(const char *from, const char *to);
int __real_link(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_fsync(int file);
int __wrap_rename(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_unlink(const char *path);

static int around_system(const shim_event *event, int (*call)(const shim_event *event)) {
    if (before(event) != SQLITE_OK) {
        errno = EIO;
        return -1;
    }
    int result = call ? call(event) : 0;
    if (result == 0)
        (void)after(event, SQLITE_OK);
    return result;
}

int __wrap_fsync(int file) {
    char link[32], path[PATH_MAX];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    path[length > 0 ? length : 0] = '\0';
    return around_system(&(shim_event){.call = SHIM_SYNC, .path = path}, NULL);
}

static int do_rename(const shim_event *event) {
    return __real_rename(event->path, event->to);
}

int __wrap_rename(const char *from, const char *to) {
    return around_system(&(shim_event){.call = SHIM_RENAME, .path = from, .to = to}, do_rename);
}

static int do_link(const shim_event *event) {
    return __real_link(event->path, event->to);
}

int __wrap_link(const char *from, const char *to) {
    return around_system(&(shim_event){.call = SHIM_LINK, .path = from, .to = to}, do_link);
}

static int do_unlink(const shim_event *event) {
    return __real_unlink(event->path);
}

int __wrap_unlink(const char *path) {
    return around_system(&(shim_event){.call = SHIM_DELETE, .path = path}, do_unlink);
}
