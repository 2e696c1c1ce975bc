/* Items: add and read. */
#ifndef FD_ITEMS_H
#define FD_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "embedding_job_rows.h"
#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "store_rows.h"

/* Adds all items or none; `index` and `created_ms` of the rows are ignored. All embeddings have the
 * dimension of the first item ever added. -EINVAL with a fault for another dimension, -EEXIST for
 * an id that is taken by other content. Scores of a row are set, also for an item that is there
 * already, except those for new items; -EINVAL with a fault for one name too many. */
int fd_engine_items_add(fd_engine *engine, const fd_item_row *items, size_t n, fd_added *ret,
                        fd_fault *fault) FD_MUST_CHECK;

/* The same for the items of an embedding job, which ends in the same transaction: an item is there
 * if and only if the job is done. -ECANCELED if it has ended already. A row without a sequence is
 * of a request that is answered at once, and is added. */
int fd_engine_items_add_of_job(fd_engine *engine, const fd_item_row *items, size_t n,
                               const fd_embedding_job_row *job, fd_added *ret,
                               fd_fault *fault) FD_MUST_CHECK;

/* Reads items in the order of arrival, from index `first`, at most `limit`. */
int fd_engine_items_read(fd_engine *engine, uint32_t first, size_t limit, bool embeddings,
                         fd_item_visit *visit, void *context) FD_MUST_CHECK;

/* The same of one prompt's items. None is visited where there is no such prompt. */
int fd_engine_prompt_items_read(fd_engine *engine, const char *prompt_id, uint32_t first,
                                size_t limit, bool embeddings, fd_item_visit *visit,
                                void *context) FD_MUST_CHECK;

/* -ENOENT if no item has the id. */
int fd_engine_item_read(fd_engine *engine, const char *id, bool embedding, fd_item_visit *visit,
                        void *context) FD_MUST_CHECK;

/* Whether an item has the id. */
bool fd_engine_item_exists(fd_engine *engine, const char *id);

#endif
