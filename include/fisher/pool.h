/*
 * All pairs of some items, without a list of them.
 *
 * n items have n (n - 1) / 2 pairs: 100,000 items have five billion. What is computed over a pool
 * is the same as over the full list, in memory that does not grow with the number of pairs.
 */
#ifndef FISHER_POOL_H
#define FISHER_POOL_H

#include <fisher/information.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fi_scope {
    FI_SCOPE_WITHIN, /* two items of one group */
    FI_SCOPE_ACROSS, /* two items of different groups */
    FI_SCOPE_ANY,    /* any two items */
} fi_scope;

/* The names of the scopes, with a prompt as the group: "in_prompt", "cross_prompt", "any", NULL. */
extern const char *const fi_scope_names[];
int fi_scope_parse(const char *name, fi_scope *ret) FI_MUST_CHECK; /* -EINVAL */

/* The arrays belong to the caller. In a pair (a, b), a comes before b in the order of the groups
 * and, within a group, of the rows. */
typedef struct fi_pool {
    size_t n_items;
    size_t n_features;      /* h */
    const float *features;  /* [n_items x h] */
    const float *rewards;   /* [n_items] = features beta */
    const uint32_t *groups; /* [n_items] the prompt of each item; NULL is allowed for any scope */
    fi_scope scope;
    size_t n_members;
    const uint32_t *members; /* [n_members] rows of the items that take part, each once */
    size_t n_excluded;
    const fi_pair *excluded; /* [n_excluded] pairs to leave out, in either order */
} fi_pool;

/* The pairs of a pool in their order. The caller frees the view, and keeps the pool and its arrays
 * until then. */
typedef struct fi_pool_view fi_pool_view;

/* -EINVAL for sizes out of bounds, unknown rows, a member that is named twice, or a scope that
 * needs groups and has none; -ENOMEM. */
int fi_pool_view_new(const fi_pool *pool, fi_pool_view **ret) FI_MUST_CHECK;
void fi_pool_view_free(fi_pool_view *view); /* NULL is allowed */

/* The number of pairs that are in scope and not excluded. */
uint64_t fi_pool_view_count(const fi_pool_view *view);

/* information += sum over the pairs of the pool of v d d', or of d d' if `unit`. -EINVAL for
 * features of another width and as fi_pool_view_new, -ENOMEM. */
int fi_information_add_pool(fi_information *information, const fi_pool *pool,
                            bool unit) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
