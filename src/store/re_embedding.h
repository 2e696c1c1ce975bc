/*
 * Re-embedding a database: vectors of another embedder, the coming one, are made beside those that
 * serve, and take their place all at once. Only for a store in an SQLite database.
 *
 * Functions return 0 or -errno, as the store's operations do, and each that writes is a transaction
 * of its own.
 */
#ifndef FD_RE_EMBEDDING_H
#define FD_RE_EMBEDDING_H

#include "store.h"

typedef struct fd_re_embedding {
    bool is_begun; /* there is a coming embedder */
    uint64_t items;
    uint64_t made; /* items with its vectors */
    uint64_t left; /* vectors that neither serve nor are to come */
} fd_re_embedding;

int fd_re_embedding_read(fd_store *store, fd_re_embedding *ret) FD_MUST_CHECK;

/* The row of the coming embedder, if there is one. */
int fd_re_embedding_coming(fd_store *store, fd_embedder_visit *visit, void *context) FD_MUST_CHECK;

/* Makes an embedder the coming one. What was made by one before is left over. */
int fd_re_embedding_begin(fd_store *store, const fd_embedder_row *row) FD_MUST_CHECK;

/* Gives up the coming embedder. What it made is left over. */
int fd_re_embedding_abandon(fd_store *store) FD_MUST_CHECK;

/* Visits the items without a response, in the order of their indices. */
int fd_re_embedding_textless(fd_store *store, fd_item_visit *visit, void *context) FD_MUST_CHECK;

/* Visits items from `first` that the coming embedder has not embedded, at most `limit`, with id,
 * prompt and response alone. */
int fd_re_embedding_missing(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                            void *context) FD_MUST_CHECK;

/* Stores vectors of the coming embedder, [n x dimension], of items that have none. */
int fd_re_embedding_add(fd_store *store, const uint32_t *items, size_t n, const float *vectors,
                        size_t dimension) FD_MUST_CHECK;

/* Makes the coming embedder the one whose vectors serve, and rejects the models, which do not know
 * them. -EAGAIN unless every item has its vector. */
int fd_re_embedding_switch(fd_store *store) FD_MUST_CHECK;

/* Deletes at most `limit` vectors that are left over; *ret_deleted tells how many. */
int fd_re_embedding_clean(fd_store *store, size_t limit, uint64_t *ret_deleted) FD_MUST_CHECK;

#endif
