/* Some items, prompt by prompt, whose pairs in a scope are numbered. */
#ifndef FD_NUMBERED_POOL_H
#define FD_NUMBERED_POOL_H

#include "engine_options.h"
#include "macros.h"
#include "rng.h"
#include "select.h"
#include "snapshot.h"

typedef struct fd_numbered_pool {
    fi_scope scope;
    size_t n_items;
    uint32_t *items; /* [n_items] */
    size_t n_groups;
    size_t *first;    /* [n_groups + 1] first item of each group: the items of a prompt */
    uint64_t *before; /* [n_groups + 1] pairs in scope of the groups before each */
} fd_numbered_pool;

/* Draws prompts, and items of each, as the sampling says; all of them where it names no number. The
 * state lock is taken for a moment at a time. */
int fd_numbered_pool_draw(fd_engine *engine, const fd_snapshot *snapshot,
                          const fd_sampling *sampling, fd_rng *rng,
                          fd_numbered_pool *ret) FD_MUST_CHECK;
void fd_numbered_pool_clear(fd_numbered_pool *pool);

/* Pairs in scope. */
uint64_t fd_numbered_pool_count(const fd_numbered_pool *pool);

/* The pair with a number below their count. */
fi_pair fd_numbered_pool_pair(const fd_numbered_pool *pool, uint64_t number);

/* The pair with a number below size * (size - 1) / 2 of a list of items. */
fi_pair fd_pair_of_items(const uint32_t *items, size_t size, uint64_t number);

#endif
