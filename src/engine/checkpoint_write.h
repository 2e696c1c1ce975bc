/* Writes a checkpoint. */
#ifndef FD_CHECKPOINT_WRITE_H
#define FD_CHECKPOINT_WRITE_H

#include <stdbool.h>

#include "checkpoint_format.h"
#include "engine_options.h"
#include "macros.h"

/* The rows that a checkpoint holds, and the proof that the store has them. */
typedef struct fd_checkpoint_moment {
    size_t items, revisions;
    unsigned char proof[FD_CHECKPOINT_PROOF];
} fd_checkpoint_moment;

/* Copies some rows at a time under the state lock, while more are added. -ECANCELED: `go_on`, which
 * is called now and then unless it is NULL, returned false. *ret_bytes: the size of the file. */
int fd_checkpoint_write(fd_engine *engine, const fd_checkpoint_moment *moment,
                        bool (*go_on)(fd_engine *engine), uint64_t *ret_bytes) FD_MUST_CHECK;

#endif
