/* Re-embedding by a program that has the store alone: each step in a transaction of its own. */
#include "re_embedding.h"

#include <errno.h>

/* ---- reading ---- */

int fd_re_embedding_read(fd_store *store, fd_re_embedding *ret) {
    *ret = (fd_re_embedding){0};
    return store->re_embedding ? store->re_embedding->read(store, ret) : 0;
}

int fd_re_embedding_coming(fd_store *store, fd_embedder_visit *visit, void *context) {
    return store->re_embedding ? store->re_embedding->coming(store, visit, context) : 0;
}

int fd_re_embedding_textless(fd_store *store, fd_item_visit *visit, void *context) {
    return store->re_embedding ? store->re_embedding->textless(store, visit, context) : -EOPNOTSUPP;
}

int fd_re_embedding_missing(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                            void *context) {
    return store->re_embedding ? store->re_embedding->missing(store, first, limit, visit, context)
                               : -EOPNOTSUPP;
}

int fd_re_embedding_vectors(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                            void *context) {
    return store->re_embedding ? store->re_embedding->vectors(store, first, limit, visit, context)
                               : -EOPNOTSUPP;
}

/* ---- writing ---- */

static int begin(fd_store *store) {
    return store->re_embedding ? store->operations->begin(store) : -EOPNOTSUPP;
}

/* Commits what was done since begin, or undoes it. */
static int end(fd_store *store, int r) {
    if (r >= 0)
        r = store->operations->commit(store);
    if (r < 0)
        store->operations->rollback(store);
    return r < 0 ? r : 0;
}

int fd_re_embedding_begin(fd_store *store, const fd_embedder_row *row) {
    int r = begin(store);
    return r < 0 ? r : end(store, store->re_embedding->begin(store, row));
}

int fd_re_embedding_abandon(fd_store *store) {
    int r = begin(store);
    return r < 0 ? r : end(store, store->re_embedding->abandon(store));
}

int fd_re_embedding_add(fd_store *store, const uint32_t *items, size_t n, const float *vectors,
                        size_t dimension) {
    int r = begin(store);
    return r < 0 ? r : end(store, store->re_embedding->add(store, items, n, vectors, dimension));
}

int fd_re_embedding_switch(fd_store *store) {
    int r = begin(store);
    return r < 0 ? r : end(store, store->re_embedding->finish(store));
}

int fd_re_embedding_clean(fd_store *store, size_t limit, uint64_t *ret_deleted) {
    *ret_deleted = 0;
    int r = begin(store);
    return r < 0 ? r : end(store, store->re_embedding->clean(store, limit, ret_deleted));
}
