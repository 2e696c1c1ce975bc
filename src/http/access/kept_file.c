/* Reads and writes what access keeps, wherever it is. */
#include "kept_file.h"

#include <errno.h>
#include <string.h>

#include "secret.h"

int fd_kept_file_set(const char *name, fd_store *store, fd_kept_file *ret) {
    *ret = (fd_kept_file){strdup(name), store};
    return ret->name ? 0 : -ENOMEM;
}

void fd_kept_file_clear(fd_kept_file *file) {
    free(file->name);
    *file = (fd_kept_file){0};
}

/* ---- shared files ---- */

struct shared {
    size_t most;
    char *text; /* NULL: there is no file */
    size_t size;
    uint64_t version;
};

static int keep(void *context, const fd_shared_file *file) {
    struct shared *shared = context;
    if (file->size > shared->most)
        return -EFBIG;
    shared->text = malloc(file->size + 1);
    if (!shared->text)
        return -ENOMEM;
    if (file->size > 0)
        memcpy(shared->text, file->bytes, file->size);
    shared->text[file->size] = '\0';
    shared->size = file->size;
    shared->version = file->version;
    return 0;
}

static int read_shared(const fd_kept_file *file, size_t most, char **ret, size_t *ret_size,
                       uint64_t *ret_version, fd_fault *fault) {
    struct shared shared = {.most = most};
    const fd_store_operations *operations = file->store->operations;
    int r = operations->shared_file_read(file->store, file->name, 0, keep, &shared);
    if (r == 0 && !shared.text)
        r = -ENOENT;
    if (r < 0)
        return fd_fault_set(fault, r, "", "%s%s cannot be read: %s", FD_KEPT_FILE_TITLE(file),
                            strerror(-r));
    *ret = shared.text;
    *ret_size = shared.size;
    *ret_version = shared.version;
    return 0;
}

static int write_shared(const fd_kept_file *file, const char *bytes, size_t size, uint64_t replaced,
                        fd_fault *fault) {
    const fd_store_operations *operations = file->store->operations;
    int r = operations->shared_file_write(file->store, file->name, bytes, size, replaced);
    if (r == 0)
        return 0;
    return fd_fault_set(fault, r, "", "%s%s cannot be written: %s", FD_KEPT_FILE_TITLE(file),
                        r == -EEXIST ? "somebody has changed it meanwhile" : strerror(-r));
}

/* ---- both ---- */

int fd_kept_file_read(const fd_kept_file *file, size_t most, char **ret, size_t *ret_size,
                      uint64_t *ret_version, fd_fault *fault) {
    *ret_version = 0;
    return file->store ? read_shared(file, most, ret, ret_size, ret_version, fault)
                       : fd_secret_read(file->name, most, ret, ret_size, fault);
}

int fd_kept_file_write(const fd_kept_file *file, const char *bytes, size_t size, uint64_t replaced,
                       fd_fault *fault) {
    return file->store ? write_shared(file, bytes, size, replaced, fault)
                       : fd_secret_write(file->name, bytes, size, fault);
}

/* ---- changes ---- */

static int note_version(void *context, const fd_shared_file *file) {
    *(uint64_t *)context = file->version;
    return 0;
}

fd_kept_state fd_kept_file_state(const fd_kept_file *file, const fd_kept_state *before) {
    struct stat status;
    fd_kept_state state;
    memset(&state, 0, sizeof(state));
    if (file->store) {
        state.version = before->version;
        (void)!file->store->operations->shared_file_read(file->store, file->name, before->version,
                                                         note_version, &state.version);
    } else if (stat(file->name, &status) == 0) {
        state.inode = status.st_ino;
        state.size = status.st_size;
        state.changed = status.st_ctim;
    }
    return state;
}

bool fd_kept_state_is_same(const fd_kept_state *one, const fd_kept_state *other) {
    return one->version == other->version && one->inode == other->inode &&
           one->size == other->size && one->changed.tv_sec == other->changed.tv_sec &&
           one->changed.tv_nsec == other->changed.tv_nsec;
}
