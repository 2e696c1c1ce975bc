/*
 * The thread that keeps the blocks of components of the inputs that serve in the store, a block or
 * a few at a time. Of replicas, the one that trains does.
 */
#ifndef FD_BLOCK_KEEPER_H
#define FD_BLOCK_KEEPER_H

#include "engine_options.h"
#include "macros.h"
#include "snapshot.h"

int fd_block_keeper_new(fd_engine *engine) FD_MUST_CHECK;
void fd_block_keeper_free(fd_engine *engine);

/* Before any thread runs: fills the components of a snapshot of no items, NULL for none, and notes
 * which blocks there are. Errors of fd_component_blocks_replay. */
int fd_block_keeper_replay(fd_engine *engine, fd_snapshot *snapshot) FD_MUST_CHECK;

int fd_block_keeper_start(fd_engine *engine) FD_MUST_CHECK;
void fd_block_keeper_stop(fd_engine *engine);
void fd_block_keeper_on_commit(fd_engine *engine); /* a commit hook */

#endif
