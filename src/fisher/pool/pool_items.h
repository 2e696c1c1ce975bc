/* The items of a pool in the order in which a top-k search reads them. */
#ifndef FI_POOL_ITEMS_H
#define FI_POOL_ITEMS_H

#include "pool_top_k.h"

typedef struct fi_pool_items {
    size_t m;
    uint32_t *order;       /* [m] by reward, or by group for the scope within groups */
    float *ordered;        /* [m x h] whitened rows in that order; NULL if `whitened` has it */
    const float *whitened; /* [m x h] whitened rows in that order */
    float *squares;        /* [m] |u|^2 plus a margin for rounding; -INFINITY for a closed item */
    float *rising;         /* [m] exp(r), with the reward r counted from the middle of all */
    float *falling;        /* [m] exp(-r) */
    float *rewards;        /* [m] */
} fi_pool_items;

/* -ENOMEM; clear it in any case. */
int fi_pool_items_init(fi_pool_items *items, const fi_pool_top_k *query) FD_MUST_CHECK;
void fi_pool_items_clear(fi_pool_items *items);

/* Whether the keys need leverages. */
static inline bool fi_pool_needs_leverages(const fi_pool_top_k *query) {
    return query->key == FI_KEY_INFORMATION || query->key == FI_KEY_LEVERAGE;
}

#endif
