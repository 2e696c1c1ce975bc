/*
 * Components in the store, in blocks: a start reads them in place of embeddings. Only full blocks
 * are stored, and only where components are fewer than the numbers of an embedding: others would
 * save nothing.
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

enum { FD_BLOCK_ROWS = 2048, FD_BLOCK_NAME_SIZE = FD_INPUTS_NAME_SIZE + 7 };

/* What the blocks of some inputs are like. */
typedef struct fd_block_layout {
    char name[FD_BLOCK_NAME_SIZE]; /* of their inputs, in the store */
    size_t width;                  /* of the components */
    bool has_cosines;
} fd_block_layout;

/* Of a model and the name of its inputs. */
fd_block_layout fd_block_layout_of(const fd_engine *engine, const fi_model *model,
                                   const char *inputs);

/* Whether components of the model's inputs are stored. */
bool fd_has_blocks(const fi_model *model);

/* Fills the components of the first n stored items under a model's inputs: from blocks, and where
 * there are none, or damaged ones, from embeddings. -EBADMSG, -ECANCELED as fd_components_read. */
int fd_component_blocks_read(const fd_engine *engine, const fi_model *model, const char *inputs,
                             size_t n, const fd_going_on *going_on,
                             fd_growing_matrix *matrix) FD_MUST_CHECK;

/* Before any thread runs: the same for a snapshot of no items, NULL for none, with the cosines of
 * all items. *ret_blocks: the first blocks, which need not be written. */
int fd_component_blocks_replay(fd_engine *engine, fd_snapshot *snapshot,
                               uint32_t *ret_blocks) FD_MUST_CHECK;

/* The bytes of a block, which the caller frees; cosines are those of `texts`. -ENOMEM. */
int fd_component_block_make(const fd_block_layout *layout, uint32_t number,
                            const fd_growing_matrix *components, const fd_growing_matrix *texts,
                            void **ret_bytes, size_t *ret_size) FD_MUST_CHECK;

#endif
