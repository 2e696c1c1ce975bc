/*
 * All pairs of a pool's items without a list of them. The items stand in the order of their groups,
 * so that the partners of an item among those after it are one range: those of its group, those
 * behind its group, or both.
 */
#ifndef FI_POOL_VIEW_H
#define FI_POOL_VIEW_H

#include "constraints.h"

struct fi_pool_view {
    const fi_pool *pool;
    fi_distinct_items *distinct; /* the items in their order; no pairs */
    uint32_t *group_ends;        /* [m] the item behind the last of each one's group */
    uint64_t *before;            /* [m + 1] pairs in scope whose first item comes before each */
    size_t n_excluded;
    uint64_t *excluded; /* [n_excluded] keys of pairs in scope that are none, ascending, distinct */
    uint64_t n_pairs;   /* in scope and not excluded */
    bool weigh_alike;   /* no pair's v reaches the floor: choose as if all were 1 */
};

FD_DEFINE_CLEANUP(fi_pool_view, fi_pool_view_free)

static inline uint64_t fi_pair_key(fi_pair pair) {
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it loses the cast */
    return (uint64_t)pair.a << 32 | pair.b;
}

/* Items whose pairs with item i > are in scope: first … last - 1, each after i. */
static inline uint32_t fi_partners_first(const fi_pool_view *view, uint32_t item) {
    return view->pool->scope == FI_SCOPE_ACROSS ? view->group_ends[item] : item + 1;
}

static inline uint32_t fi_partners_last(const fi_pool_view *view, uint32_t item) {
    return view->pool->scope == FI_SCOPE_WITHIN ? view->group_ends[item]
                                                : (uint32_t)view->distinct->n_items;
}

/* keys [n] ascending */
bool fi_key_is_among(uint64_t key, const uint64_t *keys, size_t n);
void fi_sort_keys(uint64_t *keys, size_t n);

/* The pair with a number below before[m]; excluded ones count. */
fi_pair fi_pool_pair(const fi_pool_view *view, uint64_t number);

/* information += sum of v d d' over the pairs, or of d d' where `unit`. */
int fi_pool_add_information(const fi_pool_view *view, bool unit,
                            fi_information *information) FD_MUST_CHECK;

/* Pairs with a smaller gap in reward than each of k pairs: ranks [k]. -ECANCELED, -ENOMEM. */
int fi_pool_entropy_ranks(const fi_pool_view *view, const fi_selection_options *options, size_t k,
                          const fi_pair *pairs, uint64_t *ranks) FD_MUST_CHECK;

#endif
