/* Files with secrets, such as keys and tokens, that only their owner may read. */
#ifndef FD_SECRET_H
#define FD_SECRET_H

#include <stddef.h>

#include "fault.h"
#include "macros.h"

/*
 * The path of a secret: the option if it is not empty; else $CREDENTIALS_DIRECTORY/name, from
 * systemd, if that file exists; else `otherwise`. The caller frees *ret. -ENOMEM.
 */
int fd_secret_path(const char *option, const char *name, const char *otherwise,
                   char **ret) FD_MUST_CHECK;

/*
 * Reads a regular file of at most `most` bytes and adds a NUL. The caller wipes and frees *ret.
 * Errors, each with a fault: -ENOENT the file does not exist, -EACCES users other than its owner
 * have rights to it, -EFBIG it is larger, -EINVAL it is not a regular file. For a credential of
 * systemd the rights of its group do not matter: they are how systemd lets the service's user read
 * it.
 */
int fd_secret_read(const char *path, size_t most, char **ret, size_t *ret_size,
                   fd_fault *fault) FD_MUST_CHECK;

/* Replaces the file `path`, with mode 0600: either all of the new file is on disk, or the old one
 * stays. If root writes, the new file gets the owner of the old one, or else of the folder. */
int fd_secret_write(const char *path, const char *bytes, size_t size,
                    fd_fault *fault) FD_MUST_CHECK;

#endif
