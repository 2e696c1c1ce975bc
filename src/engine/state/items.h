/* Items: add and read. */
#ifndef FD_ITEMS_H
#define FD_ITEMS_H

#include "engine.h"

/* Adds items (index and created_ms are not looked at), all or none. Every dimension is that of the
 * first item ever added. */
int fd_engine_items_add(fd_engine *engine, const fd_item_row *items, size_t n, fd_added *ret,
                        fd_fault *fault) FD_MUST_CHECK;

/* In the order of arrival from index `first`, at most `limit`. */
int fd_engine_items_read(fd_engine *engine, uint32_t first, size_t limit, bool embeddings,
                         fd_item_visit *visit, void *context) FD_MUST_CHECK;

/* -ENOENT if no item has the id. */
int fd_engine_item_read(fd_engine *engine, const char *id, bool embedding, fd_item_visit *visit,
                        void *context) FD_MUST_CHECK;

#endif
