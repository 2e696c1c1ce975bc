/*
 * The checkpoint: a file with what a replay makes of the first rows of the store, so that the next
 * start reads only the rows after them. It may be deleted at any time.
 *
 * Whether the store has the rows that a checkpoint was made of is proved by the store itself:
 * before a checkpoint is written the store gets a random proof, in a transaction of its own. The
 * history is append-only, so a store with the proof has all rows from before it. A restored backup
 * has other proofs, or those of its past.
 */
#ifndef FD_CHECKPOINT_H
#define FD_CHECKPOINT_H

#include <stdbool.h>

#include "checkpoint_read.h"
#include "engine_options.h"
#include "macros.h"
#include "store_rows.h"

int fd_checkpoint_new(fd_engine *engine) FD_MUST_CHECK;
void fd_checkpoint_free(fd_engine *engine);

/* Before any thread runs, and before the engine has rows: reads the checkpoint, if there is one
 * that fits the store. *ret: it did, and the tables hold its rows. Otherwise a line of the log says
 * why.
 */
int fd_checkpoint_restore(fd_engine *engine, const fd_counts *counts, fd_checkpoint_step *step,
                          void *context, bool *ret) FD_MUST_CHECK;

/* The writer's hook: has one written once there are enough new rows. */
void fd_checkpoint_on_commit(fd_engine *engine);

int fd_checkpoint_start(fd_engine *engine) FD_MUST_CHECK;

/* After the writer has stopped: writes a last one if that is quick. */
void fd_checkpoint_stop(fd_engine *engine);

#endif
