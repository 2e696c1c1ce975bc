/* Sorts the items of the targets by their groups, and draws some of the groups. */
#include "target_groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "random_draw.h"

enum { GROUPS_MAX = 40, MEMBERS_MAX = 64 };

void fi_target_groups_clear(fi_target_groups *groups) {
    fi_distinct_items_free(groups->own);
    free(groups->first);
    free(groups->members);
    *groups = (fi_target_groups){0};
}

/* ---- groups as they are ---- */

typedef struct grouped {
    uint32_t group, item;
} grouped;

static int compare_grouped(const void *a, const void *b) {
    const grouped *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Runs of the sorted items. */
typedef struct run {
    size_t first, count;
} run;

/* Lists the runs of two items or more of one group. */
static size_t list_runs(const grouped *sorted, size_t n, run *runs) {
    size_t count = 0;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && sorted[end].group == sorted[i].group; end++)
            continue;
        if (sorted[i].group != FI_NO_GROUP && end - i > 1)
            runs[count++] = (run){i, end - i};
    }
    return count;
}

/* ---- the groups that are taken ---- */

static double reward_of(const fi_target_groups *groups, uint32_t item) {
    return (double)groups->items->rewards[groups->items->rows[item]];
}

/* Adds a group, with its best item first. */
static void add_group(fi_target_groups *groups, const uint32_t *items, size_t count) {
    uint32_t *members = groups->members + groups->first[groups->count];
    size_t best = 0;
    for (size_t i = 0; i < count; i++) {
        members[i] = items[i];
        best = reward_of(groups, items[i]) > reward_of(groups, items[best]) ? i : best;
    }
    members[best] = members[0];
    members[0] = items[best];
    groups->first[groups->count + 1] = groups->first[groups->count] + count;
    groups->count++;
}

/* Adds one run; of a long one, some of its items. */
static int add_run(const fi_problem *problem, const grouped *sorted, run of,
                   fi_target_groups *groups) {
    FD_FREE uint32_t *drawn = calloc(of.count, sizeof(*drawn));
    uint32_t items[MEMBERS_MAX] = {0};
    size_t count = of.count < MEMBERS_MAX ? of.count : MEMBERS_MAX;
    if (!drawn)
        return -ENOMEM;
    fi_shuffle_front(problem->rng, of.count, of.count > MEMBERS_MAX ? count : 0, drawn);
    for (size_t i = 0; i < count; i++)
        items[i] = sorted[of.first + drawn[i]].item;
    add_group(groups, items, count);
    return 0;
}

static int add_runs(const fi_problem *problem, const uint32_t *of_rows, fi_target_groups *groups) {
    size_t n = groups->items->n_items, count;
    FD_FREE grouped *sorted = calloc(n + 1, sizeof(*sorted));
    FD_FREE run *runs = calloc(n + 1, sizeof(*runs));
    FD_FREE uint32_t *drawn = calloc(n + 1, sizeof(*drawn));
    if (!sorted || !runs || !drawn)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        sorted[i] = (grouped){of_rows[groups->items->rows[i]], (uint32_t)i};
    qsort(sorted, n, sizeof(*sorted), compare_grouped);
    count = list_runs(sorted, n, runs);
    size_t taken = count < GROUPS_MAX ? count : GROUPS_MAX;
    fi_shuffle_front(problem->rng, count, count > GROUPS_MAX ? taken : 0, drawn);
    int r = 0;
    for (size_t i = 0; i < taken && r == 0; i++)
        r = add_run(problem, sorted, runs[drawn[i]], groups);
    return r;
}

static int add_pairs(const fi_problem *problem, fi_target_groups *groups) {
    size_t n = groups->items->n_pairs, taken = n < GROUPS_MAX ? n : GROUPS_MAX;
    FD_FREE uint32_t *drawn = calloc(n + 1, sizeof(*drawn));
    if (!drawn)
        return -ENOMEM;
    fi_shuffle_front(problem->rng, n, n > GROUPS_MAX ? taken : 0, drawn);
    for (size_t i = 0; i < taken; i++) {
        fi_pair pair = groups->items->pairs[drawn[i]];
        add_group(groups, (uint32_t[]){pair.a, pair.b}, 2);
    }
    return 0;
}

int fi_target_groups_find(const fi_problem *problem, fi_target_groups *ret) {
    const fi_candidates *given = problem->options->targets;
    FD_CLEANUP(fi_target_groups_clear) fi_target_groups groups = {.items = problem->distinct};
    groups.first = calloc(GROUPS_MAX + 1, sizeof(*groups.first));
    groups.members = calloc((size_t)GROUPS_MAX * MEMBERS_MAX, sizeof(*groups.members));
    int r = groups.first && groups.members ? 0 : -ENOMEM;
    if (r == 0 && given) {
        r = fi_distinct_items_new(given, &groups.own);
        groups.items = groups.own;
    }
    const uint32_t *of_rows = given ? given->groups : problem->groups;
    if (r == 0 && of_rows)
        r = add_runs(problem, of_rows, &groups);
    if (r == 0 && groups.count == 0)
        r = add_pairs(problem, &groups);
    if (r)
        return r;
    *ret = groups;
    memset(&groups, 0, sizeof(groups));
    return 0;
}
