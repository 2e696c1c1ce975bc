/* Which embedder made the items' embeddings of their texts. */
#ifndef FD_EMBEDDER_RECORD_H
#define FD_EMBEDDER_RECORD_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "store_rows.h"

/* A copy in one block, which the caller frees; *ret is NULL where it is not known. -ENOMEM. */
int fd_engine_embedder(fd_engine *engine, fd_embedder_row **ret) FD_MUST_CHECK;

/* Stores it, unless one is stored already: -EEXIST if there are items then, or else it takes the
 * place of that one. -EINVAL with a fault if the items have another dimension. created_ms of the
 * row is ignored. */
int fd_engine_embedder_set(fd_engine *engine, const fd_embedder_row *row,
                           fd_fault *fault) FD_MUST_CHECK;

int fd_embedder_record_copy(const fd_embedder_row *row, fd_embedder_row **ret) FD_MUST_CHECK;

/* The one of the store, before any thread runs. -ENOMEM. */
int fd_embedder_record_replay(fd_engine *engine, const fd_embedder_row *row) FD_MUST_CHECK;

#endif
