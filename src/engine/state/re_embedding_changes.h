/* The changes that a re-embedding makes before the switch: they wait for the writer, and alter
 * nothing that serves. Who embeds is no matter of the engine. */
#ifndef FD_RE_EMBEDDING_CHANGES_H
#define FD_RE_EMBEDDING_CHANGES_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "re_embedding.h"

/* Makes an embedder the coming one; created_ms of the row is ignored. With a fault: -EOPNOTSUPP the
 * store cannot do it; -EEXIST there are no items, or some without a response. */
int fd_engine_re_embedding_begin(fd_engine *engine, const fd_embedder_row *row,
                                 fd_fault *fault) FD_MUST_CHECK;
int fd_engine_re_embedding_abandon(fd_engine *engine) FD_MUST_CHECK;

/* As the store's operations. */
int fd_engine_re_embedding_add(fd_engine *engine, const uint32_t *items, size_t n,
                               const float *vectors, size_t dimension) FD_MUST_CHECK;
int fd_engine_re_embedding_clean(fd_engine *engine, size_t limit,
                                 uint64_t *ret_deleted) FD_MUST_CHECK;
int fd_engine_re_embedding_read(fd_engine *engine, fd_re_embedding *ret) FD_MUST_CHECK;
int fd_engine_re_embedding_missing(fd_engine *engine, uint32_t first, size_t limit,
                                   fd_item_visit *visit, void *context) FD_MUST_CHECK;

/* A copy of the coming embedder in one block, which the caller frees; NULL without one. */
int fd_engine_re_embedding_coming(fd_engine *engine, fd_embedder_row **ret) FD_MUST_CHECK;

#endif
