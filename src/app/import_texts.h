/* `fisherd import` of items without a file of embeddings: their texts are embedded. */
#ifndef FD_IMPORT_TEXTS_H
#define FD_IMPORT_TEXTS_H

#include <stdbool.h>

#include "fault.h"
#include "macros.h"
#include "options.h"
#include "store.h"

typedef struct fd_import_texts fd_import_texts;

/* Opens the embedder that the options describe, and reads which items the database has. -EINVAL
 * with a fault if there is no embedder and one is needed; what fd_embedder_open says. */
int fd_import_texts_open(const fd_options *options, fd_store *store, bool needs_embedder,
                         fd_import_texts **ret, fd_fault *fault) FD_MUST_CHECK;
void fd_import_texts_close(fd_import_texts *texts);
FD_DEFINE_CLEANUP(fd_import_texts, fd_import_texts_close)

bool fd_import_texts_has_embedder(const fd_import_texts *texts);
size_t fd_import_texts_dimension(const fd_import_texts *texts); /* of the items; 0: not known */

/* Whether an item with the id is there, and its index. */
bool fd_import_texts_find(const fd_import_texts *texts, const char *id, uint32_t *ret_index);

/*
 * Sets the embeddings of n rows, which stay valid until the next call. An item that is stored gets
 * its stored one; the texts of the others are embedded, with the embedder's retries. With a fault:
 * -EINVAL for a row without a response, whose place *ret_place tells (SIZE_MAX: of no row), and for
 * another dimension than that of the items; -EEXIST for another embedder than theirs; what
 * fd_embedder_embed says.
 */
int fd_import_texts_embed(fd_import_texts *texts, fd_item_row *rows, size_t n, size_t *ret_place,
                          fd_fault *fault) FD_MUST_CHECK;

/* Inside the transaction: stores which embedder it was, if that is not stored yet. */
int fd_import_texts_store(fd_import_texts *texts) FD_MUST_CHECK;

/* Once rows are committed under `indices` [n], or as if they were. */
int fd_import_texts_note(fd_import_texts *texts, const fd_item_row *rows, const uint32_t *indices,
                         size_t n) FD_MUST_CHECK;

#endif
