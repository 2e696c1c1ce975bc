/*
 * The strategy `exchange` (Fedorov, Theory of Optimal Experiments, 1972): the batch C of greedy,
 * then swaps of a picked pair i for another pair j, until no swap raises det M(C). With g_i = v_i
 * d_i' M(C)^-1 d_i and g_ij = sqrt(v_i v_j) d_i' M(C)^-1 d_j, a swap multiplies the determinant by
 *
 *     (1 + g_j)(1 - g_i) + g_ij^2  <=  1 + g_j - g_i     (Cauchy and Schwarz),
 *
 * so only a j with g_j > min g over C can help. The search takes the j in the order of g_j, a block
 * at a time, and finds the best i for each. It makes the swaps of the first block that has any, the
 * best first. Each swap is evaluated again after the ones before it, and made if it still helps.
 *
 * A j that the constraints refuse is left out until no other swap is left. If swaps were made
 * meanwhile, it is tried again.
 */
#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "batch_gains.h"
#include "cancellation.h"
#include "strategy.h"
#include "swap_gains.h"
#include "top_k.h"

/* A swap must multiply the determinant by 1 + this: well above the rounding of g, and well below
 * what matters. */
#define GAIN_MIN 1e-9

/* Swaps per pick at most, and the least limit. Most searches end far earlier. */
#define SWAPS_PER_PICK 2
#define SWAPS_MIN 64

/* A refusal takes some memory of the constraints, so their number is limited too. */
#define REFUSALS_PER_SWAP 4

/* Swaps until N and g are computed again, because updates add rounding. */
#define SWAPS_PER_START 32

enum { LEFT, PICKED, REFUSED };

typedef struct exchange {
    const fi_problem *problem;
    fi_swap_gains gains;
    size_t k;
    uint32_t *batch;     /* [k] C */
    size_t swaps, limit; /* made, and at most */
    size_t refusals_left;
    size_t since;       /* swaps since N and g were computed from the batch */
    uint8_t *states;    /* [n] LEFT, PICKED or REFUSED */
    fi_ranked *waiting; /* [n_waiting] by g: candidates that the search has not reached */
    size_t n_waiting;
    fi_ranked *found; /* [n_found] by factor: candidates whose best swap has a factor above 1 */
    size_t n_found;
    size_t *known;      /* [n] swaps that were made before each candidate was evaluated */
    uint32_t *partners; /* [n] place in the batch of the best i for each j that was found */
    double *entering;   /* [FI_BLOCK_ROWS x h] rows sqrt(v_j) u_j */
    double *solved;     /* [FI_BLOCK_ROWS x h] the same times N */
    double *leaving;    /* [FI_BLOCK_ROWS x h] rows sqrt(v_i) u_i */
    double *cross;      /* [FI_BLOCK_ROWS x FI_BLOCK_ROWS] g_ij */
    double *factors;    /* [FI_BLOCK_ROWS] the best factor of each j */
    uint32_t *block;    /* [FI_BLOCK_ROWS] candidates j */
} exchange;

static void exchange_free(exchange *work) {
    fi_swap_gains_clear(&work->gains);
    free(work->batch);
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

static int exchange_init(exchange *work) {
    const fi_distinct_items *distinct = work->problem->distinct;
    size_t h = distinct->n_features, n = distinct->n_pairs;
    work->batch = calloc(work->k + 1, sizeof(*work->batch));
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
    bool complete = work->batch && work->states && work->waiting && work->found && work->partners &&
                    work->known && work->entering && work->solved && work->leaving && work->cross &&
                    work->factors && work->block;
    return complete ? fi_swap_gains_init(&work->gains, work->problem) : -ENOMEM;
}

/* Computes N and g from the batch. */
static int begin(exchange *work) {
    work->since = 0;
    return fi_swap_gains_begin(&work->gains, work->k, work->batch);
}

/* ---- the search for a swap ---- */

static void rank_waiting(exchange *work) {
    work->n_waiting = work->n_found = 0;
    for (size_t i = 0; i < work->problem->distinct->n_pairs; i++)
        if (work->states[i] == LEFT)
            work->waiting[work->n_waiting++] = (fi_ranked){work->gains.gains[i], (uint32_t)i};
    fi_heap_build(work->waiting, work->n_waiting);
}

static double smallest_gain(const exchange *work) {
    double smallest = INFINITY;
    for (size_t i = 0; i < work->k; i++)
        smallest = fmin(smallest, work->gains.gains[work->batch[i]]);
    return smallest;
}

/* Moves the next candidates that may help to `block`. */
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

/* A closed item must be in the pair that leaves. Groups are not checked here; the constraints
 * refuse the swap if it breaks their limit. */
static bool is_closed_to(const exchange *work, uint32_t item) {
    return work->problem->options->max_per_group == 0 &&
           fi_constraints_is_item_closed(work->problem->constraints, item);
}

static bool is_in(fi_pair pair, uint32_t item) {
    return pair.a == item || pair.b == item;
}

/* Finds the best i from `first` on for one j of the block, given its row of g_ij. */
static void match(exchange *work, size_t at, size_t first, size_t count) {
    const fi_pair *pairs = work->problem->distinct->pairs;
    uint32_t index = work->block[at];
    fi_pair entering = pairs[index];
    bool needs_a = is_closed_to(work, entering.a), needs_b = is_closed_to(work, entering.b);
    const double *cross = work->cross + at * FI_BLOCK_ROWS;
    for (size_t i = 0; i < count; i++) {
        uint32_t other = work->batch[first + i];
        double factor = (1.0 + work->gains.gains[index]) * (1.0 - work->gains.gains[other]) +
                        cross[i] * cross[i];
        if (factor > work->factors[at] && (!needs_a || is_in(pairs[other], entering.a)) &&
            (!needs_b || is_in(pairs[other], entering.b))) {
            work->factors[at] = factor;
            work->partners[index] = (uint32_t)(first + i);
        }
    }
}

/* Finds the best i for each j of the block. */
static void search_block(exchange *work, size_t n_block) {
    int h = (int)work->problem->distinct->n_features;
    fi_swap_gains_load(&work->gains, work->block, n_block, work->entering);
    cblas_dsymm(CblasRowMajor, CblasRight, CblasUpper, (int)n_block, h, 1.0, work->gains.inverse, h,
                work->entering, h, 0.0, work->solved, h);
    for (size_t at = 0; at < n_block; at++) {
        work->factors[at] = 1.0 + GAIN_MIN;
        work->known[work->block[at]] = work->swaps;
    }
    for (size_t first = 0; first < work->k; first += FI_BLOCK_ROWS) {
        size_t count =
            fi_swap_gains_load(&work->gains, work->batch + first, work->k - first, work->leaving);
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

/* Puts a deferred pair back into the batch. The pairs that were deferred before it are accepted
 * first, and leave again. */
static int put_back(exchange *work, uint32_t index) {
    fi_constraints *constraints = work->problem->constraints;
    while (work->refusals_left > 0) {
        fi_deferred_pair next;
        bool any;
        int r = fi_constraints_next_deferred(constraints, &next, &any);
        if (r || !any || next.index == index)
            return r;
        fi_constraints_withdraw(constraints, next.pair);
        work->refusals_left--;
    }
    return 0;
}

/* Withdraws i and offers j. If j is refused, i comes back, even if it is a copy itself. */
static int offer(exchange *work, uint32_t leaving, uint32_t entering, bool *accepted) {
    fi_constraints *constraints = work->problem->constraints;
    const fi_pair *pairs = work->problem->distinct->pairs;
    fi_verdict verdict, again;
    fi_constraints_withdraw(constraints, pairs[leaving]);
    int r = fi_constraints_offer(constraints, entering, pairs[entering], &verdict);
    *accepted = r == 0 && verdict == FI_ACCEPTED;
    if (r || *accepted)
        return r;
    work->refusals_left--;
    r = fi_constraints_offer(constraints, leaving, pairs[leaving], &again);
    return r == 0 && again == FI_DEFERRED ? put_back(work, leaving) : r;
}

static int swap(exchange *work, uint32_t place, uint32_t entering) {
    uint32_t leaving = work->batch[place];
    work->batch[place] = entering;
    work->states[leaving] = LEFT;
    work->states[entering] = PICKED;
    work->swaps++;
    if (++work->since == SWAPS_PER_START)
        return begin(work);
    fi_swap_gains_update(&work->gains, leaving, entering);
    return 0;
}

static double share_done(const exchange *work) {
    return 0.5 + 0.5 * (double)work->swaps / (double)work->limit;
}

static bool may_go_on(const exchange *work) {
    return work->swaps < work->limit && work->refusals_left > 0;
}

/* Swaps the first candidate of those found if it is up to date and accepted, and drops it.
 * Otherwise evaluates it again. */
static int try_first(exchange *work) {
    fi_ranked first = work->found[0];
    bool is_current = work->known[first.index] == work->swaps, accepted;
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
    int r = offer(work, work->batch[place], first.index, &accepted);
    if (r)
        return r;
    if (accepted)
        return swap(work, place, first.index);
    work->states[first.index] = REFUSED;
    return 0;
}

/* Searches the waiting candidates until it finds some whose swap helps. */
static int search_waiting(exchange *work, double smallest) {
    int r = 0;
    for (size_t count; r == 0 && work->n_found == 0 && (count = next_block(work, smallest)) > 0;) {
        search_block(work, count);
        keep_found(work, count);
        r = fi_go_on(work->problem->options, share_done(work));
    }
    return r;
}

/* Makes the swaps of the first block that has accepted ones. */
static int make_round(exchange *work) {
    size_t before = work->swaps;
    double smallest = smallest_gain(work);
    rank_waiting(work);
    for (;;) {
        int r = search_waiting(work, smallest);
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

/* Returns whether there are any. */
static bool readmit_refused(exchange *work) {
    bool any = false;
    for (size_t i = 0; i < work->problem->distinct->n_pairs; i++) {
        any |= work->states[i] == REFUSED;
        if (work->states[i] == REFUSED)
            work->states[i] = LEFT;
    }
    return any;
}

/* When no swap is left, searches again with exact g, and with the refused candidates. */
static int swap_all(exchange *work) {
    size_t swaps_before = 0;
    int r = begin(work);
    while (r == 0 && may_go_on(work)) {
        size_t before = work->swaps;
        r = make_round(work);
        if (r || work->swaps > before)
            continue;
        bool any = work->swaps > swaps_before && readmit_refused(work);
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
    int r = fi_batch_gains(work->problem->factor, work->problem->distinct, work->k, pairs, weights,
                           gains, &after);
    *ret = 0.0;
    for (size_t i = 0; r == 0 && i < work->k; i++)
        *ret += gains[i];
    return r;
}

/* If M is nearly singular, rounding may mislead the swaps. So the better of this batch and that of
 * greedy is kept. */
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
    r = exchange_init(&work);
    if (r)
        return r;
    memcpy(work.batch, batch, *count * sizeof(*batch));
    for (size_t i = 0; i < *count; i++)
        work.states[batch[i]] = PICKED;
    r = swap_all(&work);
    return r ? r : keep_better(&work, batch);
}
