/* Picks greedily from a heap of bounds on the leverages. */
#include "lazy_greedy.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "batch_gains.h"
#include "cancellation.h"
#include "target_clones.h"
#include "top_k.h"
#include "whitening.h"

/* Whitened rows have seven digits. A gain of this share of the largest still has four of them. */
#define PRECISE_SHARE 1e-2

/* The directions that are kept. A value that lacks more picks is computed by the quadratic form. */
enum { RECENT = 32 };

/* Rough costs in nanoseconds; only their ratios matter. To update one pair: for the pair, and for
 * each pick that it lacks. To update all: for each pick, item and feature, for each pick and pair,
 * and for each pair. To start a round: for each pair. */
#define ONE 60.0
#define ONE_BY_PICK 10.0
#define ALL_BY_PICK_ITEM_FEATURE 0.08
#define ALL_BY_PICK_PAIR 0.7
#define ALL_BY_PAIR 6.0
#define ROUND_BY_PAIR 50.0

typedef struct lazy_state {
    const fi_lazy_greedy *from;
    float *whitened;    /* [m x h] by the factor at the start of the round */
    size_t picked;      /* in this round */
    size_t left;        /* candidates in the heap */
    fi_ranked *heap;    /* [n] by weight * leverage */
    double *leverages;  /* [n] after `known` picks */
    double *common;     /* [n] after `all_known` picks; equal pairs have equal values */
    uint32_t *known;    /* [n] */
    double *directions; /* [RECENT x h] the latest c_j, in row j mod RECENT */
    float *narrowed;    /* [RECENT x h] the same in float32 */
    float *projections; /* [m x RECENT] */
    double *inverse;    /* [h x h] of M in whitened coordinates, upper triangle */
    double *difference; /* [h] u of one pair */
    size_t all_known;   /* picks that all leverages include */
    double spent;       /* cost of updates of single pairs since then */
} lazy_state;

static void lazy_state_free(lazy_state *state) {
    free(state->whitened);
    free(state->heap);
    free(state->leverages);
    free(state->common);
    free(state->known);
    free(state->directions);
    free(state->narrowed);
    free(state->projections);
    free(state->inverse);
    free(state->difference);
}

static int lazy_state_init(lazy_state *state) {
    size_t n = state->from->distinct->n_pairs;
    size_t m = state->from->distinct->n_items;
    size_t h = state->from->distinct->n_features;
    state->whitened = calloc(m + 1, h * sizeof(*state->whitened));
    state->heap = calloc(n + 1, sizeof(*state->heap));
    state->leverages = calloc(n + 1, sizeof(*state->leverages));
    state->common = calloc(n + 1, sizeof(*state->common));
    state->known = calloc(n + 1, sizeof(*state->known));
    state->directions = calloc(RECENT, h * sizeof(*state->directions));
    state->narrowed = calloc(RECENT, h * sizeof(*state->narrowed));
    state->projections = calloc(m + 1, RECENT * sizeof(*state->projections));
    state->inverse = calloc(h, h * sizeof(*state->inverse));
    state->difference = calloc(h, sizeof(*state->difference));
    return state->whitened && state->heap && state->leverages && state->common && state->known &&
                   state->directions && state->narrowed && state->projections && state->inverse &&
                   state->difference
               ? 0
               : -ENOMEM;
}

static double key_of(const lazy_state *state, uint32_t index) {
    double leverage = state->leverages[index];
    return leverage > 0.0 ? state->from->weights[index] * leverage : 0.0;
}

static void build_heap(lazy_state *state) {
    for (size_t i = 0; i < state->left; i++)
        state->heap[i].key = key_of(state, state->heap[i].index);
    fi_heap_build(state->heap, state->left);
}

/* Starts a round: whitens by the factor, and computes all leverages. */
static int start_round(lazy_state *state, const fi_factor *factor) {
    const fi_distinct_items *distinct = state->from->distinct;
    size_t h = distinct->n_features;
    int r = fi_whiten(factor, distinct, state->whitened);
    if (r)
        return r;
    memset(state->inverse, 0, h * h * sizeof(*state->inverse));
    for (size_t i = 0; i < h; i++)
        state->inverse[i * h + i] = 1.0;
    fi_whitened_leverages(distinct, state->whitened, state->leverages);
    memcpy(state->common, state->leverages, distinct->n_pairs * sizeof(*state->common));
    memset(state->known, 0, distinct->n_pairs * sizeof(*state->known));
    state->picked = state->all_known = 0;
    state->spent = 0.0;
    state->left = 0;
    for (size_t i = 0; i < distinct->n_pairs; i++)
        if (!state->from->offered[i])
            state->heap[state->left++].index = (uint32_t)i;
    build_heap(state);
    return 0;
}

/* ---- one pair ---- */

/* Subtracts the squared products with the directions first … last - 1 from a leverage. */
FI_CLONES static double lessened(double leverage, const lazy_state *state, size_t first,
                                 size_t last) {
    size_t h = state->from->distinct->n_features;
    const double *difference = state->difference;
    for (size_t j = first; j < last; j++) {
        const double *direction = state->directions + j % RECENT * h;
        double product = 0.0;
#pragma omp simd reduction(+ : product)
        for (size_t i = 0; i < h; i++)
            product += direction[i] * difference[i];
        leverage -= product * product;
    }
    return leverage;
}

/* u' A u, with the upper triangle of A [h x h] */
FI_CLONES static double quadratic_form(size_t h, const double *upper, const double *difference) {
    double sum = 0.0;
    for (size_t i = 0; i < h; i++) {
        const double *row = upper + i * h;
        double product = 0.0;
#pragma omp simd reduction(+ : product)
        for (size_t j = i + 1; j < h; j++)
            product += row[j] * difference[j];
        sum += difference[i] * (row[i] * difference[i] + 2.0 * product);
    }
    return sum;
}

static void load_difference(const lazy_state *state, uint32_t index) {
    size_t h = state->from->distinct->n_features;
    fi_pair pair = state->from->distinct->pairs[index];
    const float *a = state->whitened + (size_t)pair.a * h;
    const float *b = state->whitened + (size_t)pair.b * h;
    for (size_t i = 0; i < h; i++)
        state->difference[i] = (double)a[i] - (double)b[i];
}

/* Updates a leverage by the picks that it lacks, or computes it again if those are many. Rounding
 * must not make it rise. */
static void update_one(lazy_state *state, uint32_t index) {
    size_t h = state->from->distinct->n_features;
    size_t lacks = state->picked - state->known[index];
    double *leverage = &state->leverages[index];
    load_difference(state, index);
    if (lacks <= RECENT)
        *leverage = lessened(*leverage, state, state->known[index], state->picked);
    else
        *leverage = fmin(*leverage, quadratic_form(h, state->inverse, state->difference));
    state->known[index] = (uint32_t)state->picked;
    state->spent += ONE + ONE_BY_PICK * (double)(lacks < RECENT ? lacks : RECENT);
}

/* ---- all pairs ---- */

FI_CLONES static void lessen_all(lazy_state *state, size_t columns) {
    const fi_distinct_items *distinct = state->from->distinct;
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        const float *a = state->projections + (size_t)distinct->pairs[i].a * columns;
        const float *b = state->projections + (size_t)distinct->pairs[i].b * columns;
        double sum = 0.0;
        for (size_t j = 0; j < columns; j++) {
            double product = (double)(a[j] - b[j]);
            sum += product * product;
        }
        state->common[i] -= sum;
        state->leverages[i] = state->common[i];
        state->known[i] = (uint32_t)state->picked;
    }
}

/* Updates all leverages if that costs less than what was spent on single ones. Returns false if a
 * new round is due instead, because too many directions are gone. */
static bool update_all_if_cheaper(lazy_state *state) {
    const fi_distinct_items *distinct = state->from->distinct;
    size_t m = distinct->n_items, h = distinct->n_features;
    size_t columns = state->picked - state->all_known;
    if (columns > RECENT)
        return state->spent < (double)distinct->n_pairs * ROUND_BY_PAIR;
    double cost = (double)columns * ((double)(m * h) * ALL_BY_PICK_ITEM_FEATURE +
                                     (double)distinct->n_pairs * ALL_BY_PICK_PAIR) +
                  (double)distinct->n_pairs * ALL_BY_PAIR;
    if (columns == 0 || state->spent < cost)
        return true;
    for (size_t j = 0; j < columns; j++)
        for (size_t i = 0; i < h; i++)
            state->narrowed[j * h + i] =
                (float)state->directions[(state->all_known + j) % RECENT * h + i];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)columns, (int)h, 1.0f,
                state->whitened, (int)h, state->narrowed, (int)h, 0.0f, state->projections,
                (int)columns);
    lessen_all(state, columns);
    state->all_known = state->picked;
    state->spent = 0.0;
    build_heap(state);
    return true;
}

/* ---- picks ---- */

/* By Sherman and Morrison, subtracts c c' with c = M^-1 u sqrt(v / (1 + v u' M^-1 u)) from the
 * inverse. */
static void add_direction(lazy_state *state, uint32_t index) {
    int h = (int)state->from->distinct->n_features;
    double *direction = state->directions + state->picked % RECENT * (size_t)h;
    double weight = state->from->weights[index];
    load_difference(state, index);
    cblas_dsymv(CblasRowMajor, CblasUpper, h, 1.0, state->inverse, h, state->difference, 1, 0.0,
                direction, 1);
    double leverage = cblas_ddot(h, direction, 1, state->difference, 1);
    leverage = leverage > 0.0 ? leverage : 0.0;
    cblas_dscal(h, sqrt(weight / (1.0 + weight * leverage)), direction, 1);
    cblas_dsyr(CblasRowMajor, CblasUpper, h, -1.0, direction, 1, state->inverse, h);
    state->picked++;
}

/* Takes the best candidate out of the heap, and into the batch if the constraints accept it. */
static int take_best(lazy_state *state, uint32_t *batch, size_t *count) {
    uint32_t index = state->heap[0].index;
    fi_verdict verdict;
    state->from->offered[index] = 1;
    state->heap[0] = state->heap[--state->left];
    int r = fi_constraints_offer(state->from->constraints, index,
                                 state->from->distinct->pairs[index], &verdict);
    if (r || verdict != FI_ACCEPTED)
        return r;
    add_direction(state, index);
    batch[(*count)++] = index;
    return fi_go_on(state->from->options, 0.5);
}

/* Picks until the best candidate is at the floor or the round should end. */
static int pick_round(lazy_state *state, size_t k, uint32_t *batch, size_t *count) {
    double floor = state->from->floor;
    if (state->heap[0].key > 0.0)
        floor = fmax(floor, PRECISE_SHARE * state->heap[0].key);
    int r = 0;
    bool is_worthwhile = true;
    while (r == 0 && is_worthwhile && *count < k && state->left > 0 && state->heap[0].key > floor) {
        uint32_t index = state->heap[0].index;
        if (state->known[index] == state->picked) {
            r = take_best(state, batch, count);
        } else {
            update_one(state, index);
            state->heap[0].key = key_of(state, index);
        }
        fi_heap_sift(state->heap, state->left);
        is_worthwhile = update_all_if_cheaper(state);
    }
    return r;
}

/* Adds the picks of a round to the factor. */
static int grow(const fi_lazy_greedy *from, fi_factor **factor, size_t count,
                const uint32_t *picked) {
    FD_FREE fi_pair *pairs = calloc(count + 1, sizeof(*pairs));
    FD_FREE double *weights = calloc(count + 1, sizeof(*weights));
    FD_FREE double *gains = calloc(count + 1, sizeof(*gains));
    if (!pairs || !weights || !gains)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        pairs[i] = from->distinct->pairs[picked[i]];
        weights[i] = from->weights[picked[i]];
    }
    fi_factor *grown;
    int r = fi_batch_gains(*factor, from->distinct, count, pairs, weights, gains, &grown);
    if (r)
        return r;
    fi_factor_free(*factor);
    *factor = grown;
    return 0;
}

int fi_lazy_greedy_pick(const fi_lazy_greedy *from, fi_factor **factor, size_t k, uint32_t *batch,
                        size_t *count) {
    FD_CLEANUP(lazy_state_free) lazy_state state = {.from = from};
    int r = lazy_state_init(&state);
    while (r == 0 && *count < k) {
        size_t before = *count;
        r = start_round(&state, *factor);
        if (r || state.left == 0 || !(state.heap[0].key > from->floor))
            break;
        r = pick_round(&state, k, batch, count);
        if (r == 0 && *count > before)
            r = grow(from, factor, *count - before, batch + before);
    }
    return r;
}
