/* Adds items of which some come with texts and without an embedding. */
#ifndef FD_TEXT_ITEMS_H
#define FD_TEXT_ITEMS_H

#include <stddef.h>

#include "fault.h"
#include "macros.h"
#include "request.h"
#include "store_rows.h"

/* Adds all items or none, as fd_engine_items_add_of_job does (`job` may be NULL); first makes the
 * embeddings that are missing, as fd_text_embeddings_of_items does, and takes memory for counting
 * the texts. Faults point into
 * "/items". The caller frees the embeddings of the rows, after a failure too. */
int fd_text_items_add(const fd_request *request, fd_item_row *rows, size_t n,
                      const fd_embedding_job_row *job, fd_added *ret,
                      fd_fault *fault) FD_MUST_CHECK;

#endif
