/*
 * What a batch still admits. A strategy offers its candidates in the order in which it would take
 * them, and takes those that are admitted.
 *
 * An item, or a group, that reached its limit is closed: its pairs are refused for good. A
 * difference nearly that of one in the batch, or its opposite, asks nearly the same question: it is
 * put off, and comes to its turn when nothing else is left.
 */
#ifndef FI_CONSTRAINTS_H
#define FI_CONSTRAINTS_H

#include "design_private.h"

typedef struct fi_constraints fi_constraints;

typedef struct fi_limits {
    size_t per_item;        /* 0: any number */
    size_t per_group;       /* 0: any number */
    const uint32_t *groups; /* of the rows that distinct->rows names; NULL: none */
    bool put_copies_off;
    double copy_distance; /* a share of the length of the difference; 0: the same two items */
} fi_limits;

/* The distinct items must outlive it; of the distinct its pairs are not used. */
int fi_constraints_new(const fi_distinct_items *distinct, const fi_limits *limits,
                       fi_constraints **ret) FD_MUST_CHECK;
void fi_constraints_free(fi_constraints *admission);
FD_DEFINE_CLEANUP(fi_constraints, fi_constraints_free)

typedef enum fi_verdict { FI_ACCEPTED, FI_CLOSED, FI_DEFERRED } fi_verdict;

/* Offers candidate `index`, the pair of the items a and b. -ENOMEM. */
int fi_constraints_offer(fi_constraints *admission, uint32_t index, fi_pair pair,
                         fi_verdict *ret) FD_MUST_CHECK;

/* Without admitting it: whether an item of the pair is closed. */
bool fi_constraints_is_closed(const fi_constraints *admission, fi_pair pair);
bool fi_constraints_is_item_closed(const fi_constraints *admission, uint32_t item);

/* Takes a pair out of the batch again. */
void fi_constraints_withdraw(fi_constraints *admission, fi_pair pair);

/* One that was put off. */
typedef struct fi_deferred_pair {
    uint32_t index;
    fi_pair pair;
} fi_deferred_pair;

/* Admits the next of those that were put off and are not closed; false when there is none. */
int fi_constraints_next_deferred(fi_constraints *admission, fi_deferred_pair *ret,
                                 bool *ret_any) FD_MUST_CHECK;

/* Admits those until there are k, and appends them to a batch of indices or to one of pairs; the
 * other is NULL. */
int fi_constraints_fill(fi_constraints *admission, size_t k, uint32_t *indices, fi_pair *pairs,
                        size_t *count) FD_MUST_CHECK;

#endif
