/*
 * Chooses pairs greedily by the fall of a trace. In whitened coordinates u = U'^-1 d, with M = U'U
 * at the start, T becomes S = U'^-1 T U^-1 and M^-1 becomes N, at first the identity. Every
 * candidate keeps
 *
 *     q = u' N u    and    t = u' N S N u,    so that    gain = v t / (1 + v q).
 *
 * A pick turns N into N - c c' with c = N u sqrt(v / (1 + v q)), and with w = N S c
 *
 *     q falls by (c'u)^2    and    t changes by c'Sc (c'u)^2 - 2 (c'u)(w'u),
 *
 * where c'u and w'u are differences of products with the rows of the two items. Where there are
 * fewer candidates than items, the rows are the differences themselves, and a row of zeros.
 */
#include "trace_reduction.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "best_first.h"
#include "cancellation.h"
#include "target_clones.h"
#include "whitening.h"

/* Picks until everything is computed again. Products are float64, so rounding grows slowly. */
#define PICKS_PER_START 256

/* The whitened rows are float32. When the leverages have fallen to this share, q has only four
 * digits left, and the rows are whitened again. */
#define LEVERAGE_SHARE_MIN 1e-4

typedef struct trace_state {
    const fi_problem *problem;
    const fi_information *target;
    fi_factor *factor; /* of M with all picks */
    size_t picks;      /* since the start */
    double largest;    /* q at the start */
    float *whitened;   /* [m x h] by the factor at the start */
    size_t n_rows;
    float *differences;   /* [(n + 1) x h] of the candidates, and zeros; NULL: the rows are items */
    const float *rows;    /* [n_rows x h] */
    fi_pair *single;      /* [n] each candidate's row and that of zeros; NULL as above */
    const fi_pair *pairs; /* [n] of rows */
    double *stretched;    /* [n_rows x h] rows S; float64, because t falls further than q */
    double *block;        /* [FI_BLOCK_ROWS x h] of rows */
    double *spread;       /* [h x h] S */
    double *inverse;      /* [h x h] N */
    double *direction;    /* [h] c */
    double *response;     /* [h] w */
    double *scratch;      /* [h] */
    double *products;     /* [n_rows x 2] of the rows with c and with w */
    double *leverages;    /* [n] q */
    double *falls;        /* [n] t */
    fi_best_first queue;
} trace_state;

static void trace_state_free(trace_state *state) {
    fi_factor_free(state->factor);
    free(state->whitened);
    free(state->differences);
    free(state->single);
    free(state->stretched);
    free(state->block);
    free(state->spread);
    free(state->inverse);
    free(state->direction);
    free(state->response);
    free(state->scratch);
    free(state->products);
    free(state->leverages);
    free(state->falls);
    fi_best_first_clear(&state->queue);
}

/* Decides what the rows are. */
static int init_rows(trace_state *state) {
    const fi_distinct_items *distinct = state->problem->distinct;
    size_t h = distinct->n_features, m = distinct->n_items, n = distinct->n_pairs;
    state->whitened = calloc(m + 1, h * sizeof(*state->whitened));
    state->n_rows = n < m ? n + 1 : m;
    state->rows = state->whitened;
    state->pairs = distinct->pairs;
    if (n >= m)
        return state->whitened ? 0 : -ENOMEM;
    state->differences = calloc(n + 1, h * sizeof(*state->differences));
    state->single = calloc(n + 1, sizeof(*state->single));
    if (!state->whitened || !state->differences || !state->single)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        state->single[i] = (fi_pair){(uint32_t)i, (uint32_t)n};
    state->rows = state->differences;
    state->pairs = state->single;
    return 0;
}

static int trace_state_init(trace_state *state) {
    const fi_distinct_items *distinct = state->problem->distinct;
    size_t h = distinct->n_features, n = distinct->n_pairs;
    int r = init_rows(state);
    if (r)
        return r;
    state->stretched = calloc(state->n_rows + 1, h * sizeof(*state->stretched));
    state->block = calloc(FI_BLOCK_ROWS, h * sizeof(*state->block));
    state->spread = calloc(h, h * sizeof(*state->spread));
    state->inverse = calloc(h, h * sizeof(*state->inverse));
    state->direction = calloc(h, sizeof(*state->direction));
    state->response = calloc(h, sizeof(*state->response));
    state->scratch = calloc(h, sizeof(*state->scratch));
    state->products = calloc(state->n_rows + 1, 2 * sizeof(*state->products));
    state->leverages = calloc(n + 1, sizeof(*state->leverages));
    state->falls = calloc(n + 1, sizeof(*state->falls));
    if (!state->stretched || !state->block || !state->spread || !state->inverse ||
        !state->direction || !state->response || !state->scratch || !state->products ||
        !state->leverages || !state->falls)
        return -ENOMEM;
    r = fi_best_first_init(&state->queue, state->problem, n, NULL);
    return r ? r : fi_factor_copy(state->problem->factor, &state->factor);
}

/* ---- start ---- */

/* S = U'^-1 T U^-1 */
static void spread_target(trace_state *state) {
    size_t h = state->factor->n;
    double *spread = state->spread;
    memset(spread, 0, h * h * sizeof(*spread));
    if (state->target)
        memcpy(spread, fi_information_matrix(state->target), h * h * sizeof(*spread));
    for (size_t i = 0; i < h && !state->target; i++)
        spread[i * h + i] = 1.0;
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasNonUnit, (int)h, (int)h,
                1.0, state->factor->upper, (int)h, spread, (int)h);
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, (int)h, (int)h, 1.0,
                state->factor->upper, (int)h, spread, (int)h);
}

/* q = |u|^2 and t = u' (S u) */
FI_CLONES static void measure(trace_state *state) {
    const fi_distinct_items *distinct = state->problem->distinct;
    size_t h = distinct->n_features;
    state->largest = 0.0;
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        size_t a = state->pairs[i].a * h, b = state->pairs[i].b * h;
        const float *u_a = state->rows + a, *u_b = state->rows + b;
        const double *s_a = state->stretched + a, *s_b = state->stretched + b;
        double leverage = 0.0, fall = 0.0;
#pragma omp simd reduction(+ : leverage, fall)
        for (size_t j = 0; j < h; j++) {
            double difference = (double)u_a[j] - (double)u_b[j];
            leverage += difference * difference;
            fall += difference * (s_a[j] - s_b[j]);
        }
        state->leverages[i] = leverage;
        state->falls[i] = fmax(fall, 0.0);
        if (!state->queue.gone[i])
            state->largest = fmax(state->largest, leverage);
    }
}

static void stretch(trace_state *state) {
    size_t h = state->factor->n, m = state->n_rows;
    for (size_t first = 0; first < m; first += FI_BLOCK_ROWS) {
        size_t count = m - first < FI_BLOCK_ROWS ? m - first : FI_BLOCK_ROWS;
        for (size_t i = 0; i < count * h; i++)
            state->block[i] = (double)state->rows[first * h + i];
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)count, (int)h, (int)h, 1.0,
                    state->block, (int)h, state->spread, (int)h, 0.0, state->stretched + first * h,
                    (int)h);
    }
}

static int start(trace_state *state) {
    const fi_distinct_items *distinct = state->problem->distinct;
    size_t h = distinct->n_features;
    int r = fi_whiten(state->factor, distinct, state->whitened);
    if (r)
        return r;
    for (size_t i = 0; state->differences && i < distinct->n_pairs; i++) {
        const float *a = state->whitened + distinct->pairs[i].a * h;
        const float *b = state->whitened + distinct->pairs[i].b * h;
        for (size_t j = 0; j < h; j++)
            state->differences[i * h + j] = a[j] - b[j];
    }
    spread_target(state);
    stretch(state);
    measure(state);
    memset(state->inverse, 0, h * h * sizeof(*state->inverse));
    for (size_t i = 0; i < h; i++)
        state->inverse[i * h + i] = 1.0;
    state->picks = 0;
    return 0;
}

/* ---- one pick ---- */

/* Sets c and w for a pick, subtracts c c' from N, and returns c'Sc. */
static double update_inverse(trace_state *state, uint32_t index) {
    int h = (int)state->factor->n;
    fi_pair pair = state->pairs[index];
    const float *a = state->rows + (size_t)pair.a * state->factor->n;
    const float *b = state->rows + (size_t)pair.b * state->factor->n;
    for (int i = 0; i < h; i++)
        state->scratch[i] = (double)a[i] - (double)b[i];
    cblas_dsymv(CblasRowMajor, CblasUpper, h, 1.0, state->inverse, h, state->scratch, 1, 0.0,
                state->direction, 1);
    double weight = state->problem->weights[index];
    double leverage = fmax(cblas_ddot(h, state->direction, 1, state->scratch, 1), 0.0);
    cblas_dscal(h, sqrt(weight / (1.0 + weight * leverage)), state->direction, 1);
    cblas_dsymv(CblasRowMajor, CblasUpper, h, 1.0, state->spread, h, state->direction, 1, 0.0,
                state->scratch, 1);
    cblas_dsymv(CblasRowMajor, CblasUpper, h, 1.0, state->inverse, h, state->scratch, 1, 0.0,
                state->response, 1);
    cblas_dsyr(CblasRowMajor, CblasUpper, h, -1.0, state->direction, 1, state->inverse, h);
    return cblas_ddot(h, state->direction, 1, state->scratch, 1);
}

FI_CLONES static void multiply_items(trace_state *state) {
    size_t h = state->factor->n;
    const double *direction = state->direction, *response = state->response;
    for (size_t i = 0; i < state->n_rows; i++) {
        const float *row = state->rows + i * h;
        double first = 0.0, second = 0.0;
#pragma omp simd reduction(+ : first, second)
        for (size_t j = 0; j < h; j++) {
            first += direction[j] * (double)row[j];
            second += response[j] * (double)row[j];
        }
        state->products[2 * i] = first;
        state->products[2 * i + 1] = second;
    }
}

/* Updates q and t of all candidates. Returns the largest q among those left. */
FI_CLONES static double update_pairs(trace_state *state, double square) {
    const fi_distinct_items *distinct = state->problem->distinct;
    double largest = 0.0;
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        const double *a = state->products + 2 * (size_t)state->pairs[i].a;
        const double *b = state->products + 2 * (size_t)state->pairs[i].b;
        double along = a[0] - b[0], across = a[1] - b[1];
        double leverage = state->leverages[i] - along * along;
        double fall = state->falls[i] + along * (square * along - 2.0 * across);
        state->leverages[i] = leverage > 0.0 ? leverage : 0.0;
        state->falls[i] = fall > 0.0 ? fall : 0.0;
        largest = leverage > largest && !state->queue.gone[i] ? leverage : largest;
    }
    return largest;
}

static int add(trace_state *state, uint32_t index) {
    const fi_distinct_items *distinct = state->problem->distinct;
    double square = update_inverse(state, index);
    fi_distinct_items_difference(distinct, distinct->pairs[index], 1.0, state->scratch);
    fi_factor_update(state->factor, state->problem->weights[index], state->scratch);
    multiply_items(state);
    double largest = update_pairs(state, square);
    if (++state->picks == PICKS_PER_START || largest < LEVERAGE_SHARE_MIN * state->largest)
        return start(state);
    return 0;
}

/* ---- the batch ---- */

static void find_gains(const trace_state *state) {
    for (size_t i = 0; i < state->problem->distinct->n_pairs; i++) {
        double weight = state->problem->weights[i];
        state->queue.gains[i] = weight * state->falls[i] / (1.0 + weight * state->leverages[i]);
    }
}

int fi_choose_by_trace(const fi_problem *problem, const fi_information *target, size_t k,
                       uint32_t *batch, size_t *count) {
    FD_CLEANUP(trace_state_free) trace_state state = {.problem = problem, .target = target};
    int r = trace_state_init(&state);
    if (r == 0)
        r = start(&state);
    for (bool taken = true; r == 0 && taken && *count < k;) {
        uint32_t index;
        find_gains(&state);
        r = fi_best_first_take(&state.queue, &index, &taken);
        if (r == 0 && taken) {
            batch[(*count)++] = index;
            r = add(&state, index);
        }
        if (r == 0)
            r = fi_go_on(problem->options, (double)*count / (double)k);
    }
    return r ? r : fi_constraints_fill(problem->constraints, k, batch, NULL, count);
}
