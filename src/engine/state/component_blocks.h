/*
 * Components in the store, in blocks: a start reads them in place of embeddings. A thread writes
 * the blocks of the inputs that serve, one after another, and deletes those of others. Only full
 * blocks are stored, and only where components are fewer than the numbers of an embedding. Of
 * replicas, the one that trains writes.
 *
 * Where the cosine of prompt and response matters, a block has the items' cosines behind their
 * components: they come from embeddings too.
 */
#ifndef FD_COMPONENT_BLOCKS_H
#define FD_COMPONENT_BLOCKS_H

#include "engine_options.h"
#include "item_components.h"
#include "macros.h"
#include "snapshot.h"

int fd_component_blocks_new(fd_engine *engine) FD_MUST_CHECK;
void fd_component_blocks_free(fd_engine *engine);

int fd_component_blocks_start(fd_engine *engine) FD_MUST_CHECK;
void fd_component_blocks_stop(fd_engine *engine);
void fd_component_blocks_on_commit(fd_engine *engine); /* a commit hook */

/* Fills the components of the first n stored items under a model's inputs: from blocks, and where
 * there are none, or damaged ones, from embeddings. -EBADMSG, -ECANCELED as fd_components_read. */
int fd_component_blocks_read(const fd_engine *engine, const fi_model *model, const char *inputs,
                             size_t n, const fd_going_on *going_on,
                             fd_growing_matrix *matrix) FD_MUST_CHECK;

/* Before any thread runs: the same for a snapshot of no items, NULL for none, with the cosines of
 * all items. */
int fd_component_blocks_replay(fd_engine *engine, fd_snapshot *snapshot) FD_MUST_CHECK;

#endif
