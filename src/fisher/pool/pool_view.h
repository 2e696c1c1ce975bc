/*
 * The inside of fi_pool_view. Items are in the order of their groups, so the partners of an item
 * among the items after it are one range: those of its group, those after its group, or both.
 */
#ifndef FI_POOL_VIEW_H
#define FI_POOL_VIEW_H

#include <fisher/pool.h>

#include "distinct_items.h"
#include "macros.h"

struct fi_pool_view {
    const fi_pool *pool;
    fi_distinct_items *distinct; /* the items in their order, without pairs */
    uint32_t *group_ends;        /* [m] the first item after the group of each item */
    uint64_t *before;            /* [m + 1] pairs in scope whose first item comes before each */
    size_t n_excluded;
    uint64_t *excluded; /* [n_excluded] keys of the excluded pairs in scope, ascending, each once */
    uint64_t n_pairs;   /* in scope and not excluded */
    bool weigh_alike;   /* no pair's v reaches FI_WEIGHT_FLOOR: choose as if each were 1 */
};

FD_DEFINE_CLEANUP(fi_pool_view, fi_pool_view_free)

/* The partners of an item among the items after it: first … last - 1. */
static inline uint32_t fi_partners_first(const fi_pool_view *view, uint32_t item) {
    return view->pool->scope == FI_SCOPE_ACROSS ? view->group_ends[item] : item + 1;
}

static inline uint32_t fi_partners_last(const fi_pool_view *view, uint32_t item) {
    return view->pool->scope == FI_SCOPE_WITHIN ? view->group_ends[item]
                                                : (uint32_t)view->distinct->n_items;
}

/* The pair with a number below before[m]. Excluded pairs have numbers too. */
fi_pair fi_pool_pair(const fi_pool_view *view, uint64_t number);

#endif
