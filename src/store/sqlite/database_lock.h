/*
 * An exclusive lock on a file of its own, which the kernel gives back however the process ends. The
 * file stays: to remove it would let two processes hold two files of one name.
 */
#ifndef FD_FILE_LOCK_H
#define FD_FILE_LOCK_H

#include "macros.h"

/* -EBUSY if it is held; `holder` then gets the process, or 0 if that is not known. */
int fd_file_lock_take(const char *path, int *ret, int *holder) FD_MUST_CHECK;

/* Nothing for -1. */
void fd_file_lock_release(int lock);

#endif
