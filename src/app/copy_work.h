/* A run of `fisherd copy`: its two stores, its transactions and its progress. */
#ifndef FD_COPY_WORK_H
#define FD_COPY_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"
#include "store.h"

typedef struct fd_copy {
    fd_store *from;
    fd_store *to;
    const char *from_name; /* for messages */
    const char *to_name;
    bool (*goes_on)(void); /* false: the run was interrupted */
    fd_fault *fault;
    const char *part; /* what is being copied or compared, for people */
    double start;     /* of the part; monotonic seconds */
    uint64_t before;  /* rows of it that the target had */
    double next_line; /* of the progress, where nobody watches */
} fd_copy;

/* Begins a part of which the target has `before` rows. */
void fd_copy_begin_part(fd_copy *copy, const char *part, uint64_t before);

/* Shows how far the part is: on a terminal each time, else now and then. UINT64_MAX: the total is
 * not known. */
void fd_copy_show(fd_copy *copy, uint64_t done, uint64_t total);

/* Writes to the target in a transaction: all that `write` writes, or nothing. -ECANCELED, before
 * anything, if the run was interrupted. */
int fd_copy_write(fd_copy *copy, int (*write)(const fd_copy *copy, const void *context),
                  const void *context) FD_MUST_CHECK;

#endif
