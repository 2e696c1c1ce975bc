/* References to items in bodies: an id, {"id"}, or {"embedding", "prompt"?, "response"?,
 * "prompt_id"?, "scores"?} of an item that need not be stored. */
#ifndef FD_ITEM_REFERENCE_H
#define FD_ITEM_REFERENCE_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"
#include "json_path.h"
#include "macros.h"
#include "score.h"

/* An inline item with a response may lack its embedding: text_embeddings.h makes it of the texts,
 * or refuses it. The id, the texts and the names of scores are borrowed from the tree; the caller
 * clears the reference, after a failure too. -EINVAL with a fault, -ENOMEM. */
int fd_item_reference_read(const json_t *value, const fd_path *at, fd_item_reference *ret,
                           fd_fault *fault) FD_MUST_CHECK;

/* The bytes that counting the texts of n references may take. */
size_t fd_item_references_memory(const fd_item_reference *references, size_t n);

void fd_item_reference_clear(fd_item_reference *reference);

/* Clears n references, and frees the list itself. */
void fd_item_references_free(fd_item_reference *references, size_t n);

#endif
