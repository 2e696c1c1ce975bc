/* The groups of the targets: the responses of a prompt, of which the best one is wanted. */
#ifndef FI_TARGET_GROUPS_H
#define FI_TARGET_GROUPS_H

#include "strategy.h"

typedef struct fi_target_groups {
    const fi_distinct_items *items; /* that the members are numbers of */
    fi_distinct_items *own;         /* NULL if those are the candidates' */
    size_t count;
    size_t *first;     /* [count + 1] the first member of each group */
    uint32_t *members; /* [first[count]] the item with the largest reward first, then the others */
} fi_target_groups;

/*
 * The groups of two or more items that the targets name, or else the candidates; 40 of them, drawn
 * at random, if there are more. Where no group has two items, each of 40 pairs is a group. A group
 * of more than 64 items is represented by 64 of them. -EINVAL for unknown items, -ENOMEM.
 */
int fi_target_groups_find(const fi_problem *problem, fi_target_groups *ret) FD_MUST_CHECK;
void fi_target_groups_clear(fi_target_groups *groups);

#endif
