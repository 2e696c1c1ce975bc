#include "lazy.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>

/* Whitened rows hold seven digits: a gain of this share of the largest still has four of them. */
#define PRECISE_SHARE 1e-2

typedef struct heap_state {
    const fi_lazy *from;
    size_t left;       /* in the heap */
    double *leverages; /* [n] as of `known` picks */
    uint32_t *known;   /* [n] */
    fi_ranked *heap;   /* [n] by weight * leverage */
    size_t n_recent;
    double *directions; /* [n_recent x h] the latest c_j, c_j in row j mod n_recent */
    double *inverse;    /* [h x h] of M in whitened coordinates, upper triangle */
    double *difference; /* [h] u of the pair at hand */
} heap_state;

static void heap_state_free(heap_state *state) {
    free(state->leverages);
    free(state->known);
    free(state->heap);
    free(state->directions);
    free(state->inverse);
    free(state->difference);
}

static double key_of(const heap_state *state, uint32_t index);

static int heap_state_init(heap_state *state) {
    size_t n = state->from->distinct->n_pairs;
    size_t h = state->from->distinct->n_features;
    state->leverages = calloc(n + 1, sizeof(*state->leverages));
    state->known = calloc(n + 1, sizeof(*state->known));
    state->heap = calloc(n + 1, sizeof(*state->heap));
    /* Beyond these the quadratic form costs less. */
    state->n_recent = (h + 1) / 2;
    state->directions = calloc(state->n_recent, h * sizeof(*state->directions));
    state->inverse = calloc(h, h * sizeof(*state->inverse));
    state->difference = calloc(h, sizeof(*state->difference));
    if (!state->leverages || !state->known || !state->heap || !state->directions ||
        !state->inverse || !state->difference)
        return -ENOMEM;
    for (size_t i = 0; i < h; i++)
        state->inverse[i * h + i] = 1.0;
    fi_whitened_leverages(state->from->distinct, state->from->whitened, state->leverages);
    for (size_t i = 0; i < n; i++)
        if (!state->from->offered[i])
            state->heap[state->left++] = (fi_ranked){key_of(state, (uint32_t)i), (uint32_t)i};
    fi_heap_build(state->heap, state->left);
    return 0;
}

/* The leverage less the squared products with the directions first … last - 1, one by one. */
FI_CLONES static double lessened(double leverage, const heap_state *state, size_t first,
                                 size_t last) {
    size_t h = state->from->distinct->n_features;
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

static void load_difference(const heap_state *state, uint32_t index) {
    size_t h = state->from->distinct->n_features;
    fi_pair pair = state->from->distinct->pairs[index];
    const float *a = state->from->whitened + (size_t)pair.a * h;
    const float *b = state->from->whitened + (size_t)pair.b * h;
    for (size_t i = 0; i < h; i++)
        state->difference[i] = (double)a[i] - (double)b[i];
}

/* By the picks that it lacks, or anew where those are many. Rounding must not make it rise. */
static void bring_up_to_date(const heap_state *state, uint32_t index, size_t picked) {
    size_t h = state->from->distinct->n_features;
    size_t known = state->known[index];
    double *leverage = &state->leverages[index];
    load_difference(state, index);
    if (picked - known <= state->n_recent)
        *leverage = lessened(*leverage, state, known, picked);
    else
        *leverage = fmin(*leverage, quadratic_form(h, state->inverse, state->difference));
    state->known[index] = (uint32_t)picked;
}

static double key_of(const heap_state *state, uint32_t index) {
    double leverage = state->leverages[index];
    return leverage > 0.0 ? state->from->weights[index] * leverage : 0.0;
}

/* Sherman and Morrison: the inverse loses c c' with c = M^-1 u sqrt(v / (1 + v u' M^-1 u)). */
static void add_direction(const heap_state *state, uint32_t index, size_t picked) {
    int h = (int)state->from->distinct->n_features;
    double *direction =
        state->directions + picked % state->n_recent * state->from->distinct->n_features;
    double weight = state->from->weights[index];
    load_difference(state, index);
    cblas_dsymv(CblasRowMajor, CblasUpper, h, 1.0, state->inverse, h, state->difference, 1, 0.0,
                direction, 1);
    double leverage = cblas_ddot(h, direction, 1, state->difference, 1);
    leverage = leverage > 0.0 ? leverage : 0.0;
    cblas_dscal(h, sqrt(weight / (1.0 + weight * leverage)), direction, 1);
    cblas_dsyr(CblasRowMajor, CblasUpper, h, -1.0, direction, 1, state->inverse, h);
}

/* The best goes into the batch if it is admitted, and leaves the heap in any case. */
static int take_best(const heap_state *state, uint32_t *batch, size_t *count, size_t *picked) {
    uint32_t index = state->heap[0].index;
    fi_verdict verdict;
    state->from->offered[index] = 1;
    int r = fi_admission_offer(state->from->admission, index, state->from->distinct->pairs[index],
                               &verdict);
    if (r == 0 && verdict == FI_ADMITTED) {
        add_direction(state, index, (*picked)++);
        batch[(*count)++] = index;
        r = fi_go_on(state->from->options, 0.5);
    }
    return r;
}

int fi_lazy_pick(const fi_lazy *from, size_t k, uint32_t *batch, size_t *count) {
    FD_CLEANUP(heap_state_free) heap_state state = {.from = from};
    int r = heap_state_init(&state);
    if (r || state.left == 0)
        return r;
    double largest = state.heap[0].key;
    double floor = largest > 0.0 ? fmax(from->floor, PRECISE_SHARE * largest) : from->floor;
    size_t picked = 0;
    while (r == 0 && *count < k && state.left > 0 && state.heap[0].key > floor) {
        uint32_t index = state.heap[0].index;
        if (state.known[index] == picked) {
            r = take_best(&state, batch, count, &picked);
            state.heap[0] = state.heap[--state.left];
        } else {
            bring_up_to_date(&state, index, picked);
            state.heap[0].key = key_of(&state, index);
        }
        fi_heap_sift(state.heap, state.left);
    }
    return r;
}
