/* Files with secrets: keys and what is kept beside them. Nobody but their owner may read them. */
#ifndef FD_SECRET_H
#define FD_SECRET_H

#include <stddef.h>

#include "fault.h"
#include "macros.h"

/*
 * Where a secret is: where the option says, else among the credentials that systemd hands over
 * ($CREDENTIALS_DIRECTORY/name) if it is there, else at `otherwise`. The caller frees *ret.
 * -ENOMEM.
 */
int fd_secret_path(const char *option, const char *name, const char *otherwise,
                   char **ret) FD_MUST_CHECK;

/*
 * All of a regular file of at most `most` bytes, with a NUL after it, which the caller wipes and
 * frees. -ENOENT if there is none, -EACCES if others than its owner may read it, -EFBIG, -EINVAL if
 * it is no regular file: each with a fault. systemd's credentials may be readable by a group, for
 * that is how they show the rights of the service's user.
 */
int fd_secret_read(const char *path, size_t most, char **ret, size_t *ret_size,
                   fd_fault *fault) FD_MUST_CHECK;

/* Puts a file in the place of `path`, mode 0600: all of it is on disk, or what was there stays.
 * Where root writes, it belongs to whom the file before it, or else its folder, belongs to. */
int fd_secret_write(const char *path, const char *bytes, size_t size,
                    fd_fault *fault) FD_MUST_CHECK;

#endif
