/*
 * Exchange (Fedorov, Theory of Optimal Experiments, 1972): the batch C of greedy, then swaps of a
 * picked pair i for another j, until none raises det M(C). With g_i = v_i d_i' M(C)^-1 d_i and
 * g_ij = sqrt(v_i v_j) d_i' M(C)^-1 d_j a swap multiplies the determinant by
 *
 *     (1 + g_j)(1 - g_i) + g_ij^2  <=  1 + g_j - g_i     (Cauchy and Schwarz),
 *
 * so that only a j with g_j > min g over C can help. The j are looked at in the order of g_j, a
 * block at a time, each with the i that does best for it. The swaps of the first block that has any
 * are made, the best first, each worked out anew after those before it, as long as it still helps.
 * All is done in whitened coordinates u = U'^-1 d, with M = U'U.
 *
 * A j that is refused is left out until no other swap is left; if there were swaps in the meantime,
 * it has its turn again.
 */
#include <cblas.h>
#include <errno.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "strategy.h"

/* What a swap must gain: well above the rounding of g, well below what matters. */
#define GAIN_MIN 1e-9

/* Swaps a pick, and the least of them; the search ends far earlier where it is not cut short. */
#define SWAPS_PER_PICK 2
#define SWAPS_MIN 64

/* A refusal costs the admission some memory, so that their number is limited, too. */
#define REFUSALS_PER_SWAP 4

/* Updates add rounding to g. */
#define SWAPS_PER_START 32

typedef struct exchange {
    const fi_problem *problem;
    size_t k;
    uint32_t *batch;     /* [k] C */
    size_t swaps, limit; /* made and at most */
    size_t refusals_left;
    size_t since;         /* swaps since everything was worked out anew */
    double *whitened;     /* [m x h] rows (phi - centre)' U^-1 */
    double *solved_items; /* [m x h] rows for g */
    double *inverse;      /* [h x h] N = M(C)^-1, upper triangle */
    double *directions;   /* [2 x h] of a swap: what N loses by j and has again from i */
    double *products;     /* [m x 2] of the items with both */
    double *gains;        /* [n] g */
    uint8_t *states;      /* [n] */
    fi_ranked *waiting;   /* [n] by g: candidates not looked at */
    size_t n_waiting;
    fi_ranked *found; /* [n] by factor: those looked at whose factor is above 1 */
    size_t n_found;
    size_t *known;      /* [n] swaps made when each was looked at */
    uint32_t *partners; /* [n] place in the batch of the i that does best for each j found */
    double *entering;   /* [FI_BLOCK_ROWS x h] rows sqrt(v_j) u_j */
    double *solved;     /* [FI_BLOCK_ROWS x h] the same times N */
    double *leaving;    /* [FI_BLOCK_ROWS x h] rows sqrt(v_i) u_i */
    double *cross;      /* [FI_BLOCK_ROWS x FI_BLOCK_ROWS] g_ij */
    double *factors;    /* [FI_BLOCK_ROWS] the best of each j */
    uint32_t *block;    /* [FI_BLOCK_ROWS] candidates j */
} exchange;

enum { LEFT, PICKED, REFUSED };

static void exchange_free(exchange *work) {
    free(work->batch);
    free(work->whitened);
    free(work->solved_items);
    free(work->inverse);
    free(work->directions);
    free(work->products);
    free(work->gains);
    free(work->states);
    free(work->waiting);
    free(work->found);
    free(work->known);
    free(work->partners);
    free(work->entering);
    free(work->solved);
    free(work->leaving);
    free(work->cross);
    free(work->factors);
    free(work->block);
}

static int exchange_allocate(exchange *work) {
    const fi_distinct_items *distinct = work->problem->distinct;
    size_t h = distinct->n_features, n = distinct->n_pairs, m = distinct->n_items;
    work->batch = calloc(work->k + 1, sizeof(*work->batch));
    work->whitened = calloc(m + 1, h * sizeof(*work->whitened));
    work->solved_items = calloc(m + 1, h * sizeof(*work->solved_items));
    work->inverse = calloc(h, h * sizeof(*work->inverse));
    work->directions = calloc(h, 2 * sizeof(*work->directions));
    work->products = calloc(m + 1, 2 * sizeof(*work->products));
    work->gains = calloc(n, sizeof(*work->gains));
    work->states = calloc(n, sizeof(*work->states));
    work->waiting = calloc(n + 1, sizeof(*work->waiting));
    work->found = calloc(n + 1, sizeof(*work->found));
    work->known = calloc(n, sizeof(*work->known));
    work->partners = calloc(n, sizeof(*work->partners));
    work->entering = calloc(FI_BLOCK_ROWS, h * sizeof(*work->entering));
    work->solved = calloc(FI_BLOCK_ROWS, h * sizeof(*work->solved));
    work->leaving = calloc(FI_BLOCK_ROWS, h * sizeof(*work->leaving));
    work->cross = calloc(FI_BLOCK_ROWS, FI_BLOCK_ROWS * sizeof(*work->cross));
    work->factors = calloc(FI_BLOCK_ROWS, sizeof(*work->factors));
    work->block = calloc(FI_BLOCK_ROWS, sizeof(*work->block));
    bool complete = work->batch && work->whitened && work->solved_items && work->inverse &&
                    work->directions && work->products && work->gains && work->states &&
                    work->waiting && work->found && work->partners && work->known &&
                    work->entering && work->solved && work->leaving && work->cross &&
                    work->factors && work->block;
    return complete ? 0 : -ENOMEM;
}

/* float64, unlike fi_whiten: copies of an item must not differ by more than GAIN_MIN. */
static void whiten(exchange *work) {
    const fi_distinct_items *distinct = work->problem->distinct;
    int h = (int)distinct->n_features;
    for (size_t first = 0; first < distinct->n_items; first += FI_BLOCK_ROWS) {
        size_t left = distinct->n_items - first;
        size_t count = left < FI_BLOCK_ROWS ? left : FI_BLOCK_ROWS;
        double *rows = work->whitened + first * distinct->n_features;
        fi_distinct_items_block(distinct, first, count, rows);
        cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int)count,
                    h, 1.0, work->problem->factor->upper, h, rows, h);
    }
}

/* row [h] = sqrt(v) u */
static void load(const exchange *work, uint32_t index, double *row) {
    size_t h = work->problem->distinct->n_features;
    fi_pair pair = work->problem->distinct->pairs[index];
    const double *a = work->whitened + pair.a * h, *b = work->whitened + pair.b * h;
    double scale = sqrt(work->problem->weights[index]);
    for (size_t j = 0; j < h; j++)
        row[j] = scale * (a[j] - b[j]);
}

static size_t load_block(const exchange *work, const uint32_t *indices, size_t left, double *rows) {
    size_t count = left < FI_BLOCK_ROWS ? left : FI_BLOCK_ROWS;
    for (size_t i = 0; i < count; i++)
        load(work, indices[i], rows + i * work->problem->distinct->n_features);
    return count;
}

/* ---- N and g anew ---- */

/* identity + sum over C of v u u', upper triangle */
static void add_up(exchange *work) {
    size_t h = work->problem->distinct->n_features;
    memset(work->inverse, 0, h * h * sizeof(*work->inverse));
    for (size_t i = 0; i < h; i++)
        work->inverse[i * h + i] = 1.0;
    for (size_t first = 0; first < work->k; first += FI_BLOCK_ROWS) {
        size_t count = load_block(work, work->batch + first, work->k - first, work->leaving);
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)h, (int)count, 1.0, work->leaving,
                    (int)h, 1.0, work->inverse, (int)h);
    }
}

/* g = v |R'^-1 u|^2 with M(C) = R'R, R being in `inverse`. */
FI_CLONES static void measure(exchange *work) {
    const fi_distinct_items *distinct = work->problem->distinct;
    size_t h = distinct->n_features, m = distinct->n_items;
    memcpy(work->solved_items, work->whitened, m * h * sizeof(*work->solved_items));
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int)m, (int)h,
                1.0, work->inverse, (int)h, work->solved_items, (int)h);
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        const double *a = work->solved_items + distinct->pairs[i].a * h;
        const double *b = work->solved_items + distinct->pairs[i].b * h;
        double square = 0.0;
#pragma omp simd reduction(+ : square)
        for (size_t j = 0; j < h; j++)
            square += (a[j] - b[j]) * (a[j] - b[j]);
        work->gains[i] = work->problem->weights[i] * square;
    }
}

/* N = (identity + sum over C of v u u')^-1, which is positive definite whatever C is, and g. */
static int begin(exchange *work) {
    int h = (int)work->problem->distinct->n_features;
    work->since = 0;
    add_up(work);
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', h, work->inverse, h) != 0)
        return -EDOM;
    measure(work);
    return LAPACKE_dpotri_work(LAPACK_COL_MAJOR, 'L', h, work->inverse, h) == 0 ? 0 : -EDOM;
}

/* ---- the search for a swap ---- */

static void rank_waiting(exchange *work) {
    work->n_waiting = work->n_found = 0;
    for (size_t i = 0; i < work->problem->distinct->n_pairs; i++)
        if (work->states[i] == LEFT)
            work->waiting[work->n_waiting++] = (fi_ranked){work->gains[i], (uint32_t)i};
    fi_heap_build(work->waiting, work->n_waiting);
}

static double smallest_gain(const exchange *work) {
    double smallest = INFINITY;
    for (size_t i = 0; i < work->k; i++)
        smallest = fmin(smallest, work->gains[work->batch[i]]);
    return smallest;
}

/* Moves the next that may help to `block`. */
static size_t next_block(exchange *work, double smallest) {
    size_t count = 0;
    while (count < FI_BLOCK_ROWS && work->n_waiting > 0 &&
           work->waiting[0].key - smallest > GAIN_MIN) {
        work->block[count++] = work->waiting[0].index;
        work->waiting[0] = work->waiting[--work->n_waiting];
        fi_heap_sift(work->waiting, work->n_waiting);
    }
    return count;
}

/* An item that is closed must be in the pair that leaves. Groups are not looked into: there the
 * first refusal decides. */
static bool is_closed_to(const exchange *work, uint32_t item) {
    return work->problem->options->max_per_group == 0 &&
           fi_constraints_is_item_closed(work->problem->admission, item);
}

static bool is_in(fi_pair pair, uint32_t item) {
    return pair.a == item || pair.b == item;
}

/* The best of the i from `first` on for one j of the block, given its row of g_ij. */
static void match(exchange *work, size_t at, size_t first, size_t count) {
    const fi_pair *pairs = work->problem->distinct->pairs;
    uint32_t index = work->block[at];
    fi_pair entering = pairs[index];
    bool needs_a = is_closed_to(work, entering.a), needs_b = is_closed_to(work, entering.b);
    const double *cross = work->cross + at * FI_BLOCK_ROWS;
    for (size_t i = 0; i < count; i++) {
        uint32_t other = work->batch[first + i];
        double factor =
            (1.0 + work->gains[index]) * (1.0 - work->gains[other]) + cross[i] * cross[i];
        if (factor > work->factors[at] && (!needs_a || is_in(pairs[other], entering.a)) &&
            (!needs_b || is_in(pairs[other], entering.b))) {
            work->factors[at] = factor;
            work->partners[index] = (uint32_t)(first + i);
        }
    }
}

/* Finds the best partner of each of the block. */
static void search_block(exchange *work, size_t n_block) {
    int h = (int)work->problem->distinct->n_features;
    load_block(work, work->block, n_block, work->entering);
    cblas_dsymm(CblasRowMajor, CblasRight, CblasUpper, (int)n_block, h, 1.0, work->inverse, h,
                work->entering, h, 0.0, work->solved, h);
    for (size_t at = 0; at < n_block; at++) {
        work->factors[at] = 1.0 + GAIN_MIN;
        work->known[work->block[at]] = work->swaps;
    }
    for (size_t first = 0; first < work->k; first += FI_BLOCK_ROWS) {
        size_t count = load_block(work, work->batch + first, work->k - first, work->leaving);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n_block, (int)count, h, 1.0,
                    work->solved, h, work->leaving, h, 0.0, work->cross, (int)FI_BLOCK_ROWS);
        for (size_t at = 0; at < n_block; at++)
            match(work, at, first, count);
    }
}

static void keep_found(exchange *work, size_t n_block) {
    for (size_t at = 0; at < n_block; at++)
        if (work->factors[at] > 1.0 + GAIN_MIN)
            work->found[work->n_found++] = (fi_ranked){work->factors[at], work->block[at]};
    fi_heap_build(work->found, work->n_found);
}

/* ---- a swap ---- */

/* Puts back one that was put off: those put off before it are admitted first, and leave again. */
static int put_back(exchange *work, uint32_t index) {
    fi_constraints *admission = work->problem->admission;
    while (work->refusals_left > 0) {
        fi_deferred_pair next;
        bool any;
        int r = fi_constraints_next_deferred(admission, &next, &any);
        if (r || !any || next.index == index)
            return r;
        fi_constraints_withdraw(admission, next.pair);
        work->refusals_left--;
    }
    return 0;
}

/* Withdraws i and offers j. If j is refused i comes back, also where it is itself a copy. */
static int offer(exchange *work, uint32_t leaving, uint32_t entering, bool *admitted) {
    fi_constraints *admission = work->problem->admission;
    const fi_pair *pairs = work->problem->distinct->pairs;
    fi_verdict verdict, again;
    fi_constraints_withdraw(admission, pairs[leaving]);
    int r = fi_constraints_offer(admission, entering, pairs[entering], &verdict);
    *admitted = r == 0 && verdict == FI_ACCEPTED;
    if (r || *admitted)
        return r;
    work->refusals_left--;
    r = fi_constraints_offer(admission, leaving, pairs[leaving], &again);
    return r == 0 && again == FI_DEFERRED ? put_back(work, leaving) : r;
}

/* Sherman and Morrison: N loses c c' with c = N u sqrt(v / (1 + v u'Nu)) where a pair enters (sign
 * 1), and gains it with 1 - v u'Nu where it leaves (sign -1). */
static void turn(exchange *work, uint32_t index, double sign, double *direction) {
    int h = (int)work->problem->distinct->n_features;
    load(work, index, work->entering);
    cblas_dsymv(CblasRowMajor, CblasUpper, h, 1.0, work->inverse, h, work->entering, 1, 0.0,
                direction, 1);
    double gain = cblas_ddot(h, direction, 1, work->entering, 1);
    cblas_dscal(h, 1.0 / sqrt(fmax(1.0 + sign * gain, DBL_EPSILON)), direction, 1);
    cblas_dsyr(CblasRowMajor, CblasUpper, h, -sign, direction, 1, work->inverse, h);
}

FI_CLONES static void multiply_items(exchange *work) {
    size_t h = work->problem->distinct->n_features;
    const double *entered = work->directions, *left = work->directions + h;
    for (size_t i = 0; i < work->problem->distinct->n_items; i++) {
        const double *row = work->whitened + i * h;
        double first = 0.0, second = 0.0;
#pragma omp simd reduction(+ : first, second)
        for (size_t j = 0; j < h; j++) {
            first += entered[j] * row[j];
            second += left[j] * row[j];
        }
        work->products[2 * i] = first;
        work->products[2 * i + 1] = second;
    }
}

/* j enters before i leaves: M(C) never gets smaller than it is without i. */
static void update(exchange *work, uint32_t leaving, uint32_t entering) {
    const fi_distinct_items *distinct = work->problem->distinct;
    turn(work, entering, 1.0, work->directions);
    turn(work, leaving, -1.0, work->directions + distinct->n_features);
    multiply_items(work);
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        const double *a = work->products + 2 * (size_t)distinct->pairs[i].a;
        const double *b = work->products + 2 * (size_t)distinct->pairs[i].b;
        double lost = a[0] - b[0], again = a[1] - b[1];
        double gain = work->gains[i] + work->problem->weights[i] * (again * again - lost * lost);
        work->gains[i] = gain > 0.0 ? gain : 0.0;
    }
}

static int swap(exchange *work, uint32_t place, uint32_t entering) {
    uint32_t leaving = work->batch[place];
    work->batch[place] = entering;
    work->states[leaving] = LEFT;
    work->states[entering] = PICKED;
    work->swaps++;
    if (++work->since == SWAPS_PER_START)
        return begin(work);
    update(work, leaving, entering);
    return 0;
}

static double share_done(const exchange *work) {
    return 0.5 + 0.5 * (double)work->swaps / (double)work->limit;
}

static bool may_go_on(const exchange *work) {
    return work->swaps < work->limit && work->refusals_left > 0;
}

/* The first of those found, which it drops, swaps if it is up to date and admitted; else it is
 * brought up to date. */
static int try_first(exchange *work) {
    fi_ranked first = work->found[0];
    bool is_current = work->known[first.index] == work->swaps, admitted;
    if (!is_current) {
        work->block[0] = first.index;
        search_block(work, 1);
        work->found[0].key = work->factors[0];
    }
    if (!is_current && work->factors[0] > 1.0 + GAIN_MIN) {
        fi_heap_sift(work->found, work->n_found);
        return 0;
    }
    work->found[0] = work->found[--work->n_found];
    fi_heap_sift(work->found, work->n_found);
    if (!is_current)
        return 0;
    uint32_t place = work->partners[first.index];
    int r = offer(work, work->batch[place], first.index, &admitted);
    if (r)
        return r;
    if (admitted)
        return swap(work, place, first.index);
    work->states[first.index] = REFUSED;
    return 0;
}

/* Looks through those that wait until there are some whose swap helps. */
static int look(exchange *work, double smallest) {
    int r = 0;
    for (size_t count; r == 0 && work->n_found == 0 && (count = next_block(work, smallest)) > 0;) {
        search_block(work, count);
        keep_found(work, count);
        r = fi_go_on(work->problem->options, share_done(work));
    }
    return r;
}

/* Makes the swaps of the first block that has any which is admitted. */
static int make_round(exchange *work) {
    size_t before = work->swaps;
    double smallest = smallest_gain(work);
    rank_waiting(work);
    for (;;) {
        int r = look(work, smallest);
        if (r || work->n_found == 0)
            return r;
        while (r == 0 && work->n_found > 0 && may_go_on(work)) {
            r = try_first(work);
            if (r == 0)
                r = fi_go_on(work->problem->options, share_done(work));
        }
        if (r || work->swaps > before || !may_go_on(work))
            return r;
    }
}

static bool admit_refused(exchange *work) {
    bool any = false;
    for (size_t i = 0; i < work->problem->distinct->n_pairs; i++) {
        any |= work->states[i] == REFUSED;
        if (work->states[i] == REFUSED)
            work->states[i] = LEFT;
    }
    return any;
}

/* Where nothing is left the search begins anew: with g free of rounding, and those refused. */
static int swap_all(exchange *work) {
    size_t swaps_before = 0;
    int r = begin(work);
    while (r == 0 && may_go_on(work)) {
        size_t before = work->swaps;
        r = make_round(work);
        if (r || work->swaps > before)
            continue;
        bool any = work->swaps > swaps_before && admit_refused(work);
        if (!any && work->since == 0)
            break;
        swaps_before = work->swaps;
        r = begin(work);
    }
    return r;
}

/* ---- the batch ---- */

static int gain_of_batch(const exchange *work, const uint32_t *batch, double *ret) {
    FD_FREE fi_pair *pairs = calloc(work->k, sizeof(*pairs));
    FD_FREE double *weights = calloc(work->k, sizeof(*weights));
    FD_FREE double *gains = calloc(work->k, sizeof(*gains));
    if (!pairs || !weights || !gains)
        return -ENOMEM;
    for (size_t i = 0; i < work->k; i++) {
        pairs[i] = work->problem->distinct->pairs[batch[i]];
        weights[i] = work->problem->weights[batch[i]];
    }
    FD_CLEANUP(fi_factor_freep) fi_factor *after = NULL;
    int r = fi_batch_add(work->problem->factor, work->problem->distinct, work->k, pairs, weights,
                         gains, &after);
    *ret = 0.0;
    for (size_t i = 0; r == 0 && i < work->k; i++)
        *ret += gains[i];
    return r;
}

/* Rounding may mislead the swaps where M is nearly singular: the batch is never below that of
 * greedy. */
static int keep_better(const exchange *work, uint32_t *batch) {
    double before, after;
    int r = gain_of_batch(work, batch, &before);
    if (r == 0)
        r = gain_of_batch(work, work->batch, &after);
    if (r == 0 && after > before)
        memcpy(batch, work->batch, work->k * sizeof(*batch));
    return r;
}

int fi_choose_exchange(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    int r = fi_choose_greedy(problem, k, batch, count);
    if (r || *count == 0 || *count == problem->distinct->n_pairs)
        return r;
    FD_CLEANUP(exchange_free) exchange work = {.problem = problem, .k = *count};
    work.limit = *count < SWAPS_MIN / SWAPS_PER_PICK ? SWAPS_MIN : SWAPS_PER_PICK * *count;
    work.refusals_left = REFUSALS_PER_SWAP * work.limit;
    r = exchange_allocate(&work);
    if (r)
        return r;
    memcpy(work.batch, batch, *count * sizeof(*batch));
    for (size_t i = 0; i < *count; i++)
        work.states[batch[i]] = PICKED;
    whiten(&work);
    r = swap_all(&work);
    return r ? r : keep_better(&work, batch);
}
