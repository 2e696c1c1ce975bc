/* Copies a project from one store to another, and compares them. */
#ifndef FD_COPY_RUN_H
#define FD_COPY_RUN_H

#include "copy_work.h"

/* What was copied. */
typedef struct fd_copied {
    fd_counts counts;
    uint64_t scores;
    uint64_t assignments;
    uint64_t jobs; /* with the rows of their items */
} fd_copied;

/* -EINVAL, with a fault, unless the target is empty, or holds an unfinished copy of this source.
 * Changes nothing. */
int fd_copy_check_target(const fd_copy *copy, fd_store *to) FD_MUST_CHECK;

/* Copies what the target lacks. The target is marked as unfinished first. -ECANCELED: the run was
 * interrupted. */
int fd_copy_all(fd_copy *copy) FD_MUST_CHECK;

/* Reads both again. -EBADMSG, with a fault that names the part, if they differ. */
int fd_copy_compare(fd_copy *copy, fd_copied *ret) FD_MUST_CHECK;

/* Marks the target as complete. */
int fd_copy_finish(const fd_copy *copy) FD_MUST_CHECK;

#endif
