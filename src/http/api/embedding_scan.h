/*
 * Reads the items of a request for scores without a tree, which costs more than scoring them. It
 * takes embeddings in base64 and nothing beside them, and leaves everything else to jansson.
 */
#ifndef FD_EMBEDDING_SCAN_H
#define FD_EMBEDDING_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "macros.h"
#include "score.h"

/* Starts as all zero. Owns everything. */
typedef struct fd_embedding_scan {
    fd_item_reference *items; /* [n] */
    size_t n;
    char *rest; /* the body as an object without its "items" */
    size_t rest_size;
} fd_embedding_scan;

/* Reads a body that begins with "items", of which there are at most `most`. False, with nothing
 * read, if it has another form or anything in it is wrong: it must be parsed as a whole. A lack of
 * memory counts as that too. */
bool fd_embedding_scan_read(const char *body, size_t size, size_t most,
                            fd_embedding_scan *ret) FD_MUST_CHECK;
void fd_embedding_scan_clear(fd_embedding_scan *scan);

/* Reads one such item, which is the whole text but for blanks. Otherwise as above. */
bool fd_embedding_scan_item(const char *text, size_t size, fd_item_reference *ret) FD_MUST_CHECK;

#endif
