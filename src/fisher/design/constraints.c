#include "constraints.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "array.h"

/* Members are found by the cell of the logarithm of their length and of their projection, in units
 * of that length; cells are as wide as the distance that makes a copy, so that copies are in the
 * same or in neighbouring ones. */
typedef struct cell {
    int64_t length;
    int64_t projection;
} cell;

/* No member has it: of one that was withdrawn. */
#define NOWHERE ((cell){INT64_MAX, INT64_MAX})

typedef struct member {
    fi_pair pair;
    double length;
    double projection; /* abs(w' d) for one fixed w of length 1 */
    cell cell;
    uint32_t next; /* in its chain, plus one; 0 ends it */
} member;

struct fi_constraints {
    const fi_distinct_items *distinct;
    fi_limits limits;
    uint32_t *item_uses;  /* [m] */
    uint32_t *group_uses; /* [n_groups] */
    size_t count, capacity;
    member *members;
    size_t n_chains;  /* a power of two, or 0 */
    uint32_t *chains; /* first member of each, plus one */
    size_t put_off_count, put_off_capacity, put_off_next;
    fi_deferred_pair *put_off;
    double *offered; /* [h] the difference at hand */
};

static uint32_t group_of(const fi_constraints *admission, uint32_t item) {
    return admission->limits.groups ? admission->limits.groups[admission->distinct->rows[item]]
                                    : FI_NO_GROUP;
}

static size_t count_groups(const fi_constraints *admission) {
    size_t count = 0;
    for (uint32_t i = 0; i < admission->distinct->n_items; i++) {
        uint32_t group = group_of(admission, i);
        if (group != FI_NO_GROUP && group >= count)
            count = (size_t)group + 1;
    }
    return count;
}

int fi_constraints_new(const fi_distinct_items *distinct, const fi_limits *limits,
                       fi_constraints **ret) {
    FD_CLEANUP(fi_constraints_freep) fi_constraints *admission = calloc(1, sizeof(*admission));
    if (!admission)
        return -ENOMEM;
    admission->distinct = distinct;
    admission->limits = *limits;
    if (limits->per_group == 0)
        admission->limits.groups = NULL;
    admission->item_uses = calloc(distinct->n_items + 1, sizeof(*admission->item_uses));
    admission->group_uses = calloc(count_groups(admission) + 1, sizeof(*admission->group_uses));
    admission->offered = calloc(distinct->n_features, sizeof(*admission->offered));
    if (!admission->item_uses || !admission->group_uses || !admission->offered)
        return -ENOMEM;
    *ret = FD_STEAL(admission);
    return 0;
}

void fi_constraints_free(fi_constraints *admission) {
    if (!admission)
        return;
    free(admission->item_uses);
    free(admission->group_uses);
    free(admission->members);
    free(admission->chains);
    free(admission->put_off);
    free(admission->offered);
    free(admission);
}

/* ---- limits ---- */

bool fi_constraints_is_item_closed(const fi_constraints *admission, uint32_t item) {
    const fi_limits *limits = &admission->limits;
    if (limits->per_item > 0 && admission->item_uses[item] >= limits->per_item)
        return true;
    uint32_t group = group_of(admission, item);
    return group != FI_NO_GROUP && admission->group_uses[group] >= limits->per_group;
}

bool fi_constraints_is_closed(const fi_constraints *admission, fi_pair pair) {
    return fi_constraints_is_item_closed(admission, pair.a) ||
           fi_constraints_is_item_closed(admission, pair.b);
}

static void use(fi_constraints *admission, fi_pair pair, uint32_t more) {
    admission->item_uses[pair.a] += more;
    admission->item_uses[pair.b] += more;
    uint32_t a = group_of(admission, pair.a), b = group_of(admission, pair.b);
    if (a != FI_NO_GROUP)
        admission->group_uses[a] += more;
    if (b != FI_NO_GROUP && b != a)
        admission->group_uses[b] += more;
}

/* ---- copies ---- */

static uint32_t *chain_of(const fi_constraints *admission, cell at) {
    uint64_t hash = ((uint64_t)at.length * 0x9e3779b97f4a7c15u) ^ (uint64_t)at.projection;
    hash *= 0xff51afd7ed558ccdu;
    return &admission->chains[(hash >> 32) & (admission->n_chains - 1)];
}

static cell cell_of(const fi_constraints *admission, double length, double projection) {
    double distance = fmax(admission->limits.copy_distance, 1e-6);
    double width = -log1p(-distance);
    if (length == 0.0)
        return (cell){INT64_MIN / 2, 0};
    double row = floor(log(length) / width);
    /* Of a length that all of the row and of the row below have at least. */
    return (cell){(int64_t)row, (int64_t)floor(projection / (distance * exp(row * width)))};
}

/* Measures the difference of a pair, which it leaves in `offered`. */
static member measure(const fi_constraints *admission, fi_pair pair) {
    size_t h = admission->distinct->n_features;
    double square = 0.0, projection = 0.0;
    fi_distinct_items_difference(admission->distinct, pair, 1.0, admission->offered);
    for (size_t j = 0; j < h; j++) {
        double number = admission->offered[j];
        square += number * number;
        /* Signs of the golden ratio's multiples: any direction far from the axes would do. */
        projection += (uint32_t)(j * 2654435769u) >> 31 ? number : -number;
    }
    member measured = {
        .pair = pair, .length = sqrt(square), .projection = fabs(projection) / sqrt((double)h)};
    measured.cell = cell_of(admission, measured.length, measured.projection);
    return measured;
}

/* |d - c| or |d + c| at most `limit`, d being the difference at hand. Nearly always the first few
 * numbers tell that neither is. */
static bool is_near(const fi_constraints *admission, fi_pair other, double limit) {
    const fi_distinct_items *distinct = admission->distinct;
    size_t h = distinct->n_features;
    const float *a = distinct->features + distinct->rows[other.a] * h;
    const float *b = distinct->features + distinct->rows[other.b] * h;
    double apart = 0.0, opposite = 0.0;
    for (size_t j = 0; j < h; j++) {
        double number = (double)a[j] - (double)b[j];
        double minus = admission->offered[j] - number, plus = admission->offered[j] + number;
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

static bool is_copy_of(const fi_constraints *admission, const member *offered,
                       const member *other) {
    double limit = admission->limits.copy_distance * offered->length;
    if (is_same(other->pair, offered->pair))
        return true;
    return admission->limits.copy_distance > 0.0 &&
           fabs(other->projection - offered->projection) <= limit &&
           fabs(other->length - offered->length) <= limit && is_near(admission, other->pair, limit);
}

/* Whether a copy is among the members of one row of cells. */
static bool is_in_row(const fi_constraints *admission, const member *offered, int64_t row) {
    double distance = fmax(admission->limits.copy_distance, 1e-6);
    double limit = distance * offered->length;
    double unit = distance * exp((double)row * -log1p(-distance));
    int64_t first = offered->cell.projection, last = first;
    if (offered->length > 0.0) { /* the projections within the limit, in cells of that row */
        first = (int64_t)floor((offered->projection - limit) / unit);
        last = (int64_t)floor((offered->projection + limit) / unit);
    }
    for (int64_t column = first < 0 ? 0 : first; column <= last; column++) {
        cell at = {row, column};
        for (uint32_t next = *chain_of(admission, at); next > 0;) {
            const member *other = &admission->members[next - 1];
            next = other->next;
            if (other->cell.length == at.length && other->cell.projection == at.projection &&
                is_copy_of(admission, offered, other))
                return true;
        }
    }
    return false;
}

static bool is_copy(const fi_constraints *admission, const member *offered) {
    if (admission->n_chains == 0)
        return false;
    int64_t row = offered->cell.length;
    return is_in_row(admission, offered, row) || is_in_row(admission, offered, row - 1) ||
           is_in_row(admission, offered, row + 1);
}

/* ---- offers ---- */

static void link_member(fi_constraints *admission, size_t index) {
    member *at = &admission->members[index];
    uint32_t *chain = chain_of(admission, at->cell);
    at->next = *chain;
    *chain = (uint32_t)index + 1;
}

/* As many chains as members, and up to twice as many. */
static int grow_chains(fi_constraints *admission) {
    enum { CHAINS_LEAST = 64 };
    if (admission->count < admission->n_chains)
        return 0;
    size_t wanted = admission->n_chains > 0 ? 2 * admission->n_chains : CHAINS_LEAST;
    uint32_t *chains = calloc(wanted, sizeof(*chains));
    if (!chains)
        return -ENOMEM;
    free(admission->chains);
    admission->chains = chains;
    admission->n_chains = wanted;
    for (size_t i = 0; i < admission->count; i++)
        link_member(admission, i);
    return 0;
}

static int admit(fi_constraints *admission, const member *offered) {
    int r = fd_array_reserve(&admission->members, &admission->capacity, admission->count + 1,
                             sizeof(*admission->members));
    if (r == 0)
        r = grow_chains(admission);
    if (r)
        return r;
    admission->members[admission->count] = *offered;
    link_member(admission, admission->count++);
    use(admission, offered->pair, 1);
    return 0;
}

int fi_constraints_offer(fi_constraints *admission, uint32_t index, fi_pair pair, fi_verdict *ret) {
    *ret = FI_CLOSED;
    if (fi_constraints_is_closed(admission, pair))
        return 0;
    member offered = measure(admission, pair);
    if (!admission->limits.put_copies_off || !is_copy(admission, &offered)) {
        *ret = FI_ACCEPTED;
        return admit(admission, &offered);
    }
    *ret = FI_DEFERRED;
    int r = fd_array_reserve(&admission->put_off, &admission->put_off_capacity,
                             admission->put_off_count + 1, sizeof(*admission->put_off));
    if (r == 0)
        admission->put_off[admission->put_off_count++] = (fi_deferred_pair){index, pair};
    return r;
}

/* The member that leaves is emptied rather than unlinked. */
void fi_constraints_withdraw(fi_constraints *admission, fi_pair pair) {
    for (size_t i = 0; i < admission->count; i++) {
        member *left = &admission->members[i];
        if (left->cell.length == INT64_MAX || left->pair.a != pair.a || left->pair.b != pair.b)
            continue;
        left->cell = NOWHERE;
        use(admission, pair, UINT32_MAX);
        return;
    }
}

int fi_constraints_next_deferred(fi_constraints *admission, fi_deferred_pair *ret, bool *ret_any) {
    *ret_any = false;
    while (admission->put_off_next < admission->put_off_count) {
        *ret = admission->put_off[admission->put_off_next++];
        if (fi_constraints_is_closed(admission, ret->pair))
            continue;
        member offered = measure(admission, ret->pair);
        *ret_any = true;
        return admit(admission, &offered);
    }
    return 0;
}

int fi_constraints_fill(fi_constraints *admission, size_t k, uint32_t *indices, fi_pair *pairs,
                        size_t *count) {
    bool any = true;
    while (any && *count < k) {
        fi_deferred_pair next;
        int r = fi_constraints_next_deferred(admission, &next, &any);
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
