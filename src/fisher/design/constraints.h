/*
 * The constraints of a batch: limits per item and per group, and no near-copies.
 *
 * A strategy offers candidates in the order in which it would take them, and takes those that are
 * accepted. An item or a group that has reached its limit is closed, and its pairs are refused for
 * good. A near-copy of a pair in the batch asks nearly the same question. It is deferred: it may
 * enter once no other candidate is left.
 */
#ifndef FI_CONSTRAINTS_H
#define FI_CONSTRAINTS_H

#include <stdbool.h>

#include "distinct_items.h"
#include "macros.h"

typedef struct fi_constraints fi_constraints;

typedef struct fi_limits {
    size_t per_item;        /* pairs of the batch; 0: any number */
    size_t per_group;       /* pairs of the batch; 0: any number */
    const uint32_t *groups; /* of the rows that distinct->rows names; NULL: none */
    bool defer_copies;
    double copy_distance; /* a share of the length of the difference; 0: the same two items */
} fi_limits;

/* The distinct items stay the caller's until the constraints are freed; their pairs are ignored.
 * -ENOMEM. */
int fi_constraints_new(const fi_distinct_items *distinct, const fi_limits *limits,
                       fi_constraints **ret) FD_MUST_CHECK;
void fi_constraints_free(fi_constraints *constraints);
FD_DEFINE_CLEANUP(fi_constraints, fi_constraints_free)

typedef enum fi_verdict { FI_ACCEPTED, FI_CLOSED, FI_DEFERRED } fi_verdict;

/* Offers candidate `index` with its pair of distinct items. -ENOMEM. */
int fi_constraints_offer(fi_constraints *constraints, uint32_t index, fi_pair pair,
                         fi_verdict *ret) FD_MUST_CHECK;

/* Whether a limit closes the pair, or an item of it. */
bool fi_constraints_is_closed(const fi_constraints *constraints, fi_pair pair);
bool fi_constraints_is_item_closed(const fi_constraints *constraints, uint32_t item);

/* Removes a pair from the batch. */
void fi_constraints_withdraw(fi_constraints *constraints, fi_pair pair);

typedef struct fi_deferred_pair {
    uint32_t index;
    fi_pair pair;
} fi_deferred_pair;

/* Accepts the next deferred pair that is not closed. *ret_any is false if there is none. -ENOMEM.
 */
int fi_constraints_next_deferred(fi_constraints *constraints, fi_deferred_pair *ret,
                                 bool *ret_any) FD_MUST_CHECK;

/* Fills a batch up to k with deferred pairs. The batch is one of indices or one of pairs; the other
 * is NULL. -ENOMEM. */
int fi_constraints_fill(fi_constraints *constraints, size_t k, uint32_t *indices, fi_pair *pairs,
                        size_t *count) FD_MUST_CHECK;

#endif
