/* Keeps a batch within its limits, and finds near-copies of its pairs with a hash table. */
#include "constraints.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "array.h"

/* The cell that a difference falls into, by the logarithm of its length and by its projection in
 * units of that length. Cells are as wide as the copy distance, so copies are in the same cell or
 * in neighbours. */
typedef struct cell {
    int64_t length;
    int64_t projection;
} cell;

/* The cell of a member that was withdrawn. No difference falls into it. */
#define NOWHERE ((cell){INT64_MAX, INT64_MAX})

/* A pair of the batch. */
typedef struct member {
    fi_pair pair;
    double length;
    double projection; /* |w' d| for one fixed w of length 1 */
    cell cell;
    uint32_t next; /* the next member of its chain, plus one; 0: none */
} member;

struct fi_constraints {
    const fi_distinct_items *distinct;
    fi_limits limits;
    uint32_t *item_uses;  /* [m] */
    uint32_t *group_uses; /* [n_groups] */
    size_t count, capacity;
    member *members;
    size_t n_chains;  /* a power of two, or 0 */
    uint32_t *chains; /* the first member of each, plus one; 0: none */
    size_t n_deferred, deferred_capacity, next_deferred;
    fi_deferred_pair *deferred;
    double *difference; /* [h] of the pair that was measured last */
};

static uint32_t group_of(const fi_constraints *constraints, uint32_t item) {
    return constraints->limits.groups
               ? constraints->limits.groups[constraints->distinct->rows[item]]
               : FI_NO_GROUP;
}

static size_t count_groups(const fi_constraints *constraints) {
    size_t count = 0;
    for (uint32_t i = 0; i < constraints->distinct->n_items; i++) {
        uint32_t group = group_of(constraints, i);
        if (group != FI_NO_GROUP && group >= count)
            count = (size_t)group + 1;
    }
    return count;
}

int fi_constraints_new(const fi_distinct_items *distinct, const fi_limits *limits,
                       fi_constraints **ret) {
    FD_CLEANUP(fi_constraints_freep) fi_constraints *constraints = calloc(1, sizeof(*constraints));
    if (!constraints)
        return -ENOMEM;
    constraints->distinct = distinct;
    constraints->limits = *limits;
    if (limits->per_group == 0)
        constraints->limits.groups = NULL;
    constraints->item_uses = calloc(distinct->n_items + 1, sizeof(*constraints->item_uses));
    constraints->group_uses =
        calloc(count_groups(constraints) + 1, sizeof(*constraints->group_uses));
    constraints->difference = calloc(distinct->n_features, sizeof(*constraints->difference));
    if (!constraints->item_uses || !constraints->group_uses || !constraints->difference)
        return -ENOMEM;
    *ret = FD_STEAL(constraints);
    return 0;
}

void fi_constraints_free(fi_constraints *constraints) {
    if (!constraints)
        return;
    free(constraints->item_uses);
    free(constraints->group_uses);
    free(constraints->members);
    free(constraints->chains);
    free(constraints->deferred);
    free(constraints->difference);
    free(constraints);
}

/* ---- limits ---- */

bool fi_constraints_is_item_closed(const fi_constraints *constraints, uint32_t item) {
    const fi_limits *limits = &constraints->limits;
    if (limits->per_item > 0 && constraints->item_uses[item] >= limits->per_item)
        return true;
    uint32_t group = group_of(constraints, item);
    return group != FI_NO_GROUP && constraints->group_uses[group] >= limits->per_group;
}

bool fi_constraints_is_closed(const fi_constraints *constraints, fi_pair pair) {
    return fi_constraints_is_item_closed(constraints, pair.a) ||
           fi_constraints_is_item_closed(constraints, pair.b);
}

/* `change` is 1, or UINT32_MAX to take 1 away. */
static void count_uses(fi_constraints *constraints, fi_pair pair, uint32_t change) {
    constraints->item_uses[pair.a] += change;
    constraints->item_uses[pair.b] += change;
    uint32_t a = group_of(constraints, pair.a), b = group_of(constraints, pair.b);
    if (a != FI_NO_GROUP)
        constraints->group_uses[a] += change;
    if (b != FI_NO_GROUP && b != a)
        constraints->group_uses[b] += change;
}

/* ---- copies ---- */

static uint32_t *chain_of(const fi_constraints *constraints, cell at) {
    uint64_t hash = ((uint64_t)at.length * 0x9e3779b97f4a7c15u) ^ (uint64_t)at.projection;
    hash *= 0xff51afd7ed558ccdu;
    return &constraints->chains[(hash >> 32) & (constraints->n_chains - 1)];
}

static cell cell_of(const fi_constraints *constraints, double length, double projection) {
    double distance = fmax(constraints->limits.copy_distance, 1e-6);
    double width = -log1p(-distance);
    if (length == 0.0)
        return (cell){INT64_MIN / 2, 0};
    double row = floor(log(length) / width);
    /* Columns are measured in units of the least length of the row. */
    return (cell){(int64_t)row, (int64_t)floor(projection / (distance * exp(row * width)))};
}

/* Measures the difference of a pair, and leaves it in `difference`. */
static member measure(const fi_constraints *constraints, fi_pair pair) {
    size_t h = constraints->distinct->n_features;
    double square = 0.0, projection = 0.0;
    fi_distinct_items_difference(constraints->distinct, pair, 1.0, constraints->difference);
    for (size_t j = 0; j < h; j++) {
        double number = constraints->difference[j];
        square += number * number;
        /* The signs come from multiples of the golden ratio. Any direction far from the axes is
         * as good. */
        projection += (uint32_t)(j * 2654435769u) >> 31 ? number : -number;
    }
    member measured = {
        .pair = pair, .length = sqrt(square), .projection = fabs(projection) / sqrt((double)h)};
    measured.cell = cell_of(constraints, measured.length, measured.projection);
    return measured;
}

/* Whether |d - c| or |d + c| is at most `limit`, where d is the measured difference and c that of
 * another pair. The first few numbers nearly always rule it out. */
static bool is_near(const fi_constraints *constraints, fi_pair other, double limit) {
    const fi_distinct_items *distinct = constraints->distinct;
    size_t h = distinct->n_features;
    const float *a = distinct->features + distinct->rows[other.a] * h;
    const float *b = distinct->features + distinct->rows[other.b] * h;
    double apart = 0.0, opposite = 0.0;
    for (size_t j = 0; j < h; j++) {
        double number = (double)a[j] - (double)b[j];
        double minus = constraints->difference[j] - number,
               plus = constraints->difference[j] + number;
        apart += minus * minus;
        opposite += plus * plus;
        if (apart > limit * limit && opposite > limit * limit)
            return false;
    }
    return true;
}

static bool is_same(fi_pair x, fi_pair y) {
    return (x.a == y.a && x.b == y.b) || (x.a == y.b && x.b == y.a);
}

static bool is_copy_of(const fi_constraints *constraints, const member *offered,
                       const member *other) {
    double limit = constraints->limits.copy_distance * offered->length;
    if (is_same(other->pair, offered->pair))
        return true;
    return constraints->limits.copy_distance > 0.0 &&
           fabs(other->projection - offered->projection) <= limit &&
           fabs(other->length - offered->length) <= limit &&
           is_near(constraints, other->pair, limit);
}

/* Whether a near-copy is among the members of one row of cells. */
static bool is_in_row(const fi_constraints *constraints, const member *offered, int64_t row) {
    double distance = fmax(constraints->limits.copy_distance, 1e-6);
    double limit = distance * offered->length;
    double unit = distance * exp((double)row * -log1p(-distance));
    int64_t first = offered->cell.projection, last = first;
    if (offered->length > 0.0) { /* the cells of the row with projections within the limit */
        first = (int64_t)floor((offered->projection - limit) / unit);
        last = (int64_t)floor((offered->projection + limit) / unit);
    }
    for (int64_t column = first < 0 ? 0 : first; column <= last; column++) {
        cell at = {row, column};
        for (uint32_t next = *chain_of(constraints, at); next > 0;) {
            const member *other = &constraints->members[next - 1];
            next = other->next;
            if (other->cell.length == at.length && other->cell.projection == at.projection &&
                is_copy_of(constraints, offered, other))
                return true;
        }
    }
    return false;
}

static bool is_copy(const fi_constraints *constraints, const member *offered) {
    if (constraints->n_chains == 0)
        return false;
    int64_t row = offered->cell.length;
    return is_in_row(constraints, offered, row) || is_in_row(constraints, offered, row - 1) ||
           is_in_row(constraints, offered, row + 1);
}

/* ---- offers ---- */

static void link_member(fi_constraints *constraints, size_t index) {
    member *at = &constraints->members[index];
    uint32_t *chain = chain_of(constraints, at->cell);
    at->next = *chain;
    *chain = (uint32_t)index + 1;
}

/* Keeps at least as many chains as members. */
static int grow_chains(fi_constraints *constraints) {
    enum { CHAINS_LEAST = 64 };
    if (constraints->count < constraints->n_chains)
        return 0;
    size_t wanted = constraints->n_chains > 0 ? 2 * constraints->n_chains : CHAINS_LEAST;
    uint32_t *chains = calloc(wanted, sizeof(*chains));
    if (!chains)
        return -ENOMEM;
    free(constraints->chains);
    constraints->chains = chains;
    constraints->n_chains = wanted;
    for (size_t i = 0; i < constraints->count; i++)
        link_member(constraints, i);
    return 0;
}

static int accept_pair(fi_constraints *constraints, const member *offered) {
    int r = fd_array_reserve(&constraints->members, &constraints->capacity, constraints->count + 1,
                             sizeof(*constraints->members));
    if (r == 0)
        r = grow_chains(constraints);
    if (r)
        return r;
    constraints->members[constraints->count] = *offered;
    link_member(constraints, constraints->count++);
    count_uses(constraints, offered->pair, 1);
    return 0;
}

int fi_constraints_offer(fi_constraints *constraints, uint32_t index, fi_pair pair,
                         fi_verdict *ret) {
    *ret = FI_CLOSED;
    if (fi_constraints_is_closed(constraints, pair))
        return 0;
    member offered = measure(constraints, pair);
    if (!constraints->limits.defer_copies || !is_copy(constraints, &offered)) {
        *ret = FI_ACCEPTED;
        return accept_pair(constraints, &offered);
    }
    *ret = FI_DEFERRED;
    int r = fd_array_reserve(&constraints->deferred, &constraints->deferred_capacity,
                             constraints->n_deferred + 1, sizeof(*constraints->deferred));
    if (r == 0)
        constraints->deferred[constraints->n_deferred++] = (fi_deferred_pair){index, pair};
    return r;
}

/* Marks the member as withdrawn. It stays in its chain. */
void fi_constraints_withdraw(fi_constraints *constraints, fi_pair pair) {
    for (size_t i = 0; i < constraints->count; i++) {
        member *left = &constraints->members[i];
        if (left->cell.length == INT64_MAX || left->pair.a != pair.a || left->pair.b != pair.b)
            continue;
        left->cell = NOWHERE;
        count_uses(constraints, pair, UINT32_MAX);
        return;
    }
}

int fi_constraints_next_deferred(fi_constraints *constraints, fi_deferred_pair *ret,
                                 bool *ret_any) {
    *ret_any = false;
    while (constraints->next_deferred < constraints->n_deferred) {
        *ret = constraints->deferred[constraints->next_deferred++];
        if (fi_constraints_is_closed(constraints, ret->pair))
            continue;
        member offered = measure(constraints, ret->pair);
        *ret_any = true;
        return accept_pair(constraints, &offered);
    }
    return 0;
}

int fi_constraints_fill(fi_constraints *constraints, size_t k, uint32_t *indices, fi_pair *pairs,
                        size_t *count) {
    bool any = true;
    while (any && *count < k) {
        fi_deferred_pair next;
        int r = fi_constraints_next_deferred(constraints, &next, &any);
        if (r)
            return r;
        if (any && indices)
            indices[*count] = next.index;
        if (any && pairs)
            pairs[*count] = next.pair;
        *count += any;
    }
    return 0;
}
