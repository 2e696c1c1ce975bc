/* What access keeps: a file with a secret, or, where replicas share a store, a shared file in it.
 */
#ifndef FD_KEPT_FILE_H
#define FD_KEPT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "fault.h"
#include "macros.h"
#include "store.h"

typedef struct fd_kept_file {
    char *name;      /* a path, or a name in the store */
    fd_store *store; /* borrowed; NULL: a file */
} fd_kept_file;

/* For messages: "%s%s". */
#define FD_KEPT_FILE_TITLE(file) ((file)->store ? "in the database, the file " : ""), (file)->name

/* Copies the name. -ENOMEM. */
int fd_kept_file_set(const char *name, fd_store *store, fd_kept_file *ret) FD_MUST_CHECK;
void fd_kept_file_clear(fd_kept_file *file);

/* Reads at most `most` bytes and adds a NUL, as fd_secret_read does; the caller wipes and frees
 * *ret. *ret_version is for writing it. -ENOENT: there is none. */
int fd_kept_file_read(const fd_kept_file *file, size_t most, char **ret, size_t *ret_size,
                      uint64_t *ret_version, fd_fault *fault) FD_MUST_CHECK;

/* Replaces the version that was read, or makes the file where that is 0. -EEXIST: somebody has
 * written it meanwhile; only of a shared file, since a lock guards the others. */
int fd_kept_file_write(const fd_kept_file *file, const char *bytes, size_t size, uint64_t replaced,
                       fd_fault *fault) FD_MUST_CHECK;

/* What shows that a file has changed; all zero where there is none. */
typedef struct fd_kept_state {
    uint64_t version; /* of a shared file */
    ino_t inode;      /* of a file, as the others */
    off_t size;
    struct timespec changed;
} fd_kept_state;

/* `before` is what a shared file is in while the store cannot be read. */
fd_kept_state fd_kept_file_state(const fd_kept_file *file, const fd_kept_state *before);
bool fd_kept_state_is_same(const fd_kept_state *one, const fd_kept_state *other);

#endif
