/*
 * Re-embedding a database: vectors of another embedder, the coming one, are made beside those that
 * serve, and take their place all at once. A store that can do that has a table of operations; the
 * functions below are for a program that has the store alone.
 *
 * All return 0 or -errno, as the operations of store.h do.
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

typedef struct fd_re_embedding_operations {
    int (*read)(fd_store *store, fd_re_embedding *ret) FD_MUST_CHECK;

    /* The row of the coming embedder, if there is one. */
    int (*coming)(fd_store *store, fd_embedder_visit *visit, void *context) FD_MUST_CHECK;

    /* Visits the items without a response, in the order of their indices. */
    int (*textless)(fd_store *store, fd_item_visit *visit, void *context) FD_MUST_CHECK;

    /* Visits items from `first` that the coming embedder has not embedded, at most `limit`, with
     * id, prompt and response alone. */
    int (*missing)(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                   void *context) FD_MUST_CHECK;

    /* Visits vectors of the coming embedder in the order of their items, from `first`, at most
     * `limit`: index, embedding and dimension alone. */
    int (*vectors)(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                   void *context) FD_MUST_CHECK;

    /* All below are called inside begin and commit. Makes an embedder the coming one; what was made
     * by one before is left over. */
    int (*begin)(fd_store *store, const fd_embedder_row *row) FD_MUST_CHECK;

    /* Gives up the coming embedder. What it made is left over. */
    int (*abandon)(fd_store *store) FD_MUST_CHECK;

    /* Stores vectors of the coming embedder, [n x dimension], of items that have none. -EINVAL if
     * there is no coming embedder, or an item has a vector. */
    int (*add)(fd_store *store, const uint32_t *items, size_t n, const float *vectors,
               size_t dimension) FD_MUST_CHECK;

    /* Makes the coming embedder the one whose vectors serve, and rejects the models, which do not
     * know them. -EAGAIN, and nothing is written, unless every item has its vector. */
    int (*finish)(fd_store *store) FD_MUST_CHECK;

    /* Deletes at most `limit` vectors that are left over; *ret_deleted tells how many. */
    int (*clean)(fd_store *store, size_t limit, uint64_t *ret_deleted) FD_MUST_CHECK;
} fd_re_embedding_operations;

/* The same, where the store can do it; each that writes is a transaction of its own. A store that
 * cannot has nothing begun, and nothing can be begun: -EOPNOTSUPP. */
int fd_re_embedding_read(fd_store *store, fd_re_embedding *ret) FD_MUST_CHECK;
int fd_re_embedding_coming(fd_store *store, fd_embedder_visit *visit, void *context) FD_MUST_CHECK;
int fd_re_embedding_textless(fd_store *store, fd_item_visit *visit, void *context) FD_MUST_CHECK;
int fd_re_embedding_missing(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                            void *context) FD_MUST_CHECK;
int fd_re_embedding_vectors(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                            void *context) FD_MUST_CHECK;
int fd_re_embedding_begin(fd_store *store, const fd_embedder_row *row) FD_MUST_CHECK;
int fd_re_embedding_abandon(fd_store *store) FD_MUST_CHECK;
int fd_re_embedding_add(fd_store *store, const uint32_t *items, size_t n, const float *vectors,
                        size_t dimension) FD_MUST_CHECK;
int fd_re_embedding_switch(fd_store *store) FD_MUST_CHECK;
int fd_re_embedding_clean(fd_store *store, size_t limit, uint64_t *ret_deleted) FD_MUST_CHECK;

#endif
