/* Reads a checkpoint into an engine that has no rows yet. */
#ifndef FD_CHECKPOINT_READ_H
#define FD_CHECKPOINT_READ_H

#include "checkpoint_format.h"
#include "engine_options.h"
#include "macros.h"

/* The proofs that the store has: of each the history had as many rows as its checkpoint. */
typedef struct fd_checkpoint_proofs {
    size_t count;
    const unsigned char *bytes; /* [count x FD_CHECKPOINT_PROOF] */
} fd_checkpoint_proofs;

/* Called for each thousand rows or so. */
typedef void fd_checkpoint_step(void *context);

/* -ENOENT: there is none. -EBADMSG with a reason: it is none of this store, of these options, of
 * this program, or is damaged; then the tables may hold a part of it. */
int fd_checkpoint_read(fd_engine *engine, const fd_checkpoint_proofs *proofs,
                       fd_checkpoint_step *step, void *context,
                       const char **ret_reason) FD_MUST_CHECK;

#endif
