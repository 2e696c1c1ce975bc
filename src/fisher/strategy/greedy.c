/*
 * Exact greedy on log det, lazily (Minoux 1978). In whitened coordinates u of the differences M is
 * the identity, and after t picks its inverse is the identity - sum over j <= t of c_j c_j', so
 *
 *     leverage of a pair after t picks = |u|^2 - sum over j <= t of (c_j' u)^2
 *
 * which only falls: a value that lags behind is an upper bound and is brought up to date only when
 * it reaches the top of the heap. The batch is that of plain greedy.
 */
#include "strategy.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>

typedef struct lazy {
    const fi_distinct *distinct;
    const double *weights;
    float *whitened;   /* [m x h] */
    double *leverages; /* [n] as of `known` picks */
    uint32_t *known;   /* [n] */
    fi_ranked *heap;   /* [n] by weight * leverage */
    size_t n_recent;
    double *directions; /* [n_recent x h] the latest c_j, c_j in row j mod n_recent */
    double *inverse;    /* [h x h] of M in whitened coordinates, upper triangle */
    double *difference; /* [h] u of the pair at hand */
} lazy;

static void lazy_free(lazy *state) {
    free(state->whitened);
    free(state->leverages);
    free(state->known);
    free(state->heap);
    free(state->directions);
    free(state->inverse);
    free(state->difference);
}

static int lazy_init(lazy *state) {
    size_t n = state->distinct->n_pairs;
    size_t h = state->distinct->n_features;
    state->whitened = calloc(state->distinct->n_items, h * sizeof(*state->whitened));
    state->leverages = calloc(n, sizeof(*state->leverages));
    state->known = calloc(n, sizeof(*state->known));
    state->heap = calloc(n, sizeof(*state->heap));
    /* Beyond these the quadratic form costs less. */
    state->n_recent = (h + 1) / 2;
    state->directions = calloc(state->n_recent, h * sizeof(*state->directions));
    state->inverse = calloc(h, h * sizeof(*state->inverse));
    state->difference = calloc(h, sizeof(*state->difference));
    if (!state->whitened || !state->leverages || !state->known || !state->heap ||
        !state->directions || !state->inverse || !state->difference)
        return -ENOMEM;
    for (size_t i = 0; i < h; i++)
        state->inverse[i * h + i] = 1.0;
    return 0;
}

/* The leverage less the squared products with the directions first … last - 1, one by one. */
FI_CLONES static double lessened(double leverage, const lazy *state, size_t first, size_t last) {
    size_t h = state->distinct->n_features;
    const double *difference = state->difference;
    for (size_t j = first; j < last; j++) {
        const double *direction = state->directions + j % state->n_recent * h;
        double product = 0.0;
#pragma omp simd reduction(+ : product)
        for (size_t i = 0; i < h; i++)
            product += direction[i] * difference[i];
        leverage -= product * product;
    }
    return leverage;
}

/* u' A u by the upper triangle of A [h x h]. */
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

static void load_difference(const lazy *state, uint32_t index) {
    size_t h = state->distinct->n_features;
    fi_pair pair = state->distinct->pairs[index];
    const float *a = state->whitened + (size_t)pair.a * h;
    const float *b = state->whitened + (size_t)pair.b * h;
    for (size_t i = 0; i < h; i++)
        state->difference[i] = (double)a[i] - (double)b[i];
}

/* By the picks that it lacks, or anew where those are many. Rounding must not make it rise. */
static void bring_up_to_date(const lazy *state, uint32_t index, size_t picked) {
    size_t h = state->distinct->n_features;
    size_t known = state->known[index];
    double *leverage = &state->leverages[index];
    load_difference(state, index);
    if (picked - known <= state->n_recent)
        *leverage = lessened(*leverage, state, known, picked);
    else
        *leverage = fmin(*leverage, quadratic_form(h, state->inverse, state->difference));
    state->known[index] = (uint32_t)picked;
}

static double key_of(const lazy *state, uint32_t index) {
    double leverage = state->leverages[index];
    return leverage > 0.0 ? state->weights[index] * leverage : 0.0;
}

/* Sherman and Morrison: the inverse loses c c' with c = M^-1 u sqrt(v / (1 + v u' M^-1 u)). */
static void add_direction(const lazy *state, uint32_t index, size_t picked) {
    int h = (int)state->distinct->n_features;
    double *direction = state->directions + picked % state->n_recent * state->distinct->n_features;
    double weight = state->weights[index];
    load_difference(state, index);
    cblas_dsymv(CblasRowMajor, CblasUpper, h, 1.0, state->inverse, h, state->difference, 1, 0.0,
                direction, 1);
    double leverage = cblas_ddot(h, direction, 1, state->difference, 1);
    leverage = leverage > 0.0 ? leverage : 0.0;
    cblas_dscal(h, sqrt(weight / (1.0 + weight * leverage)), direction, 1);
    cblas_dsyr(CblasRowMajor, CblasUpper, h, -1.0, direction, 1, state->inverse, h);
}

static void pick(lazy *state, size_t k, uint32_t *batch) {
    size_t count = state->distinct->n_pairs;
    fi_ranked *heap = state->heap;
    for (size_t picked = 0; picked < k;) {
        uint32_t index = heap[0].index;
        if (state->known[index] == picked) {
            add_direction(state, index, picked);
            batch[picked++] = index;
            heap[0] = heap[--count];
        } else {
            bring_up_to_date(state, index, picked);
            heap[0].key = key_of(state, index);
        }
        fi_heap_sift(heap, count);
    }
}

int fi_choose_greedy(const fi_problem *problem, size_t k, uint32_t *batch) {
    FD_CLEANUP(lazy_free) lazy state = {.distinct = problem->distinct, .weights = problem->weights};
    int r = lazy_init(&state);
    if (r)
        return r;
    r = fi_whiten(problem->factor, problem->distinct, state.whitened);
    if (r)
        return r;
    fi_whitened_leverages(problem->distinct, state.whitened, state.leverages);
    for (size_t i = 0; i < problem->distinct->n_pairs; i++)
        state.heap[i] = (fi_ranked){key_of(&state, (uint32_t)i), (uint32_t)i};
    fi_heap_build(state.heap, problem->distinct->n_pairs);
    pick(&state, k, batch);
    return 0;
}
