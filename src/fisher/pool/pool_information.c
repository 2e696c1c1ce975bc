/*
 * Computes the information of all pairs of a pool without a list. With V the matrix of the weights
 * of the pairs, 0 on the diagonal,
 *
 *     sum over i < j of v_ij (f_i - f_j)(f_i - f_j)' = F' (diag(V 1) - V) F
 *
 * and v_ij = v(r_i - r_j) is smooth in the rewards: its poles have distance pi from the real line.
 * So polynomial interpolation in q Chebyshev points x of the range of the rewards gives V = L K L'
 * up to rounding, where L [m x q] has the Lagrange polynomials at the rewards and
 * K = v(x_p - x_q) (Berrut and Trefethen 2004). That costs m q h instead of m^2 h. The diagonal of
 * V cancels out.
 */
#include "pool_information.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "information.h"
#include "pair_keys.h"

enum { COLUMNS = 512, POINTS_MAX = 512, DIRECT_BELOW = 64 };

/* -log of the interpolation error relative to the largest weight */
#define ACCURACY 34.0

typedef struct sum_state {
    const fi_pool_view *view;
    bool unit;
    double sign;
    fi_information *information;
    double *degrees;     /* [m] V 1 */
    double *rows;        /* [FI_BLOCK_ROWS x h] centred features */
    double *columns;     /* [COLUMNS x h] */
    double *weights;     /* [FI_BLOCK_ROWS x max(COLUMNS, POINTS_MAX)] */
    double *product;     /* [POINTS_MAX x h] */
    double *second;      /* [POINTS_MAX x h] */
    double *kernel;      /* [POINTS_MAX x POINTS_MAX] */
    double *points;      /* [POINTS_MAX] */
    double *barycentric; /* [POINTS_MAX] weights of the points */
    double *sums;        /* [2 x POINTS_MAX] L' 1, and K L' 1 */
} sum_state;

static void sum_state_free(sum_state *state) {
    free(state->degrees);
    free(state->rows);
    free(state->columns);
    free(state->weights);
    free(state->product);
    free(state->second);
    free(state->kernel);
    free(state->points);
    free(state->barycentric);
    free(state->sums);
}

static int sum_state_init(sum_state *state) {
    size_t h = state->view->distinct->n_features;
    state->degrees = calloc(state->view->distinct->n_items + 1, sizeof(double));
    state->rows = calloc(FI_BLOCK_ROWS * h, sizeof(double));
    state->columns = calloc(COLUMNS * h, sizeof(double));
    state->weights = calloc(FI_BLOCK_ROWS, COLUMNS * sizeof(double));
    state->product = calloc(POINTS_MAX * h, sizeof(double));
    state->second = calloc(POINTS_MAX * h, sizeof(double));
    state->kernel = calloc(POINTS_MAX, POINTS_MAX * sizeof(double));
    state->points = calloc(POINTS_MAX, sizeof(double));
    state->barycentric = calloc(POINTS_MAX, sizeof(double));
    state->sums = calloc(POINTS_MAX, 2 * sizeof(double));
    return state->degrees && state->rows && state->columns && state->weights && state->product &&
                   state->second && state->kernel && state->points && state->barycentric &&
                   state->sums
               ? 0
               : -ENOMEM;
}

static double reward_of(const sum_state *state, size_t item) {
    return (double)state->view->pool->rewards[state->view->distinct->rows[item]];
}

static size_t at_most(size_t count, size_t most) {
    return count < most ? count : most;
}

/* information += factor (X'Y + Y'X) / 2, X and Y [count x h] */
static void add_symmetric(sum_state *state, size_t count, double factor, const double *x,
                          const double *y) {
    int h = (int)state->view->distinct->n_features;
    /* One product in each order: their average is symmetric to the last bit. */
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, h, h, (int)count, factor / 2.0, x, h, y, h,
                1.0, state->information->matrix, h);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, h, h, (int)count, factor / 2.0, y, h, x, h,
                1.0, state->information->matrix, h);
}

/* information += sign F' diag(degrees) F over a range of items */
static void add_degrees(sum_state *state, size_t from, size_t to) {
    size_t h = state->view->distinct->n_features;
    for (size_t first = from; first < to; first += FI_BLOCK_ROWS) {
        size_t count = at_most(to - first, FI_BLOCK_ROWS);
        fi_distinct_items_block(state->view->distinct, first, count, state->rows);
        for (size_t i = 0; i < count; i++)
            cblas_dscal((int)h, sqrt(state->degrees[first + i]), state->rows + i * h, 1);
        add_symmetric(state, count, state->sign, state->rows, state->rows);
    }
}

/* ---- by interpolation ---- */

/* The number of points that the items [from, to) need; 0 if direct sums are cheaper. */
static size_t count_points(const sum_state *state, size_t from, size_t to, double *ret_low,
                           double *ret_high) {
    double low = INFINITY, high = -INFINITY;
    for (size_t i = from; i < to; i++) {
        low = fmin(low, reward_of(state, i));
        high = fmax(high, reward_of(state, i));
    }
    *ret_low = low;
    *ret_high = high;
    if (to - from < DIRECT_BELOW)
        return 0;
    if (state->unit || low == high)
        return 1;
    /* The error falls with Bernstein's ellipse through the poles of v. */
    double axis = M_PI / ((high - low) / 2.0);
    double points = 4.0 + ceil(ACCURACY / log(axis + sqrt(1.0 + axis * axis)));
    return points <= POINTS_MAX && points < (double)(to - from) / 2.0 ? (size_t)points : 0;
}

/* Sets the Chebyshev points of the first kind, and the matrix K. */
static void place_points(sum_state *state, size_t q, double low, double high) {
    for (size_t p = 0; p < q; p++) {
        double angle = M_PI * (2.0 * (double)p + 1.0) / (2.0 * (double)q);
        state->points[p] = (low + high) / 2.0 + (high - low) / 2.0 * cos(angle);
        state->barycentric[p] = p % 2 ? -sin(angle) : sin(angle);
    }
    for (size_t p = 0; p < q; p++)
        for (size_t s = 0; s < q; s++)
            state->kernel[p * q + s] =
                state->unit ? 1.0 : fi_weight(state->points[p] - state->points[s]);
}

/* values [q] = the Lagrange polynomials at a reward, by the barycentric formula. */
static void lagrange(const sum_state *state, size_t q, double reward, double *values) {
    double sum = 0.0;
    for (size_t p = 0; p < q; p++) {
        double distance = reward - state->points[p];
        if (distance == 0.0 || q == 1) {
            memset(values, 0, q * sizeof(*values));
            values[p] = 1.0;
            return;
        }
        values[p] = state->barycentric[p] / distance;
        sum += values[p];
    }
    for (size_t p = 0; p < q; p++)
        values[p] /= sum;
}

static void by_interpolation(sum_state *state, size_t from, size_t to, size_t q) {
    int h = (int)state->view->distinct->n_features;
    double *ones = state->sums, *degree = state->sums + POINTS_MAX;
    memset(state->product, 0, q * (size_t)h * sizeof(double));
    memset(ones, 0, q * sizeof(double));
    for (size_t first = from; first < to; first += FI_BLOCK_ROWS) {
        size_t count = at_most(to - first, FI_BLOCK_ROWS);
        fi_distinct_items_block(state->view->distinct, first, count, state->rows);
        for (size_t i = 0; i < count; i++) {
            lagrange(state, q, reward_of(state, first + i), state->weights + i * q);
            cblas_daxpy((int)q, 1.0, state->weights + i * q, 1, ones, 1);
        }
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)q, h, (int)count, 1.0,
                    state->weights, (int)q, state->rows, h, 1.0, state->product, h);
    }
    /* F'V F = (L'F)' K (L'F), and V 1 = L K L'1 */
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)q, h, (int)q, 1.0, state->kernel,
                (int)q, state->product, h, 0.0, state->second, h);
    add_symmetric(state, q, -state->sign, state->product, state->second);
    cblas_dgemv(CblasRowMajor, CblasNoTrans, (int)q, (int)q, 1.0, state->kernel, (int)q, ones, 1,
                0.0, degree, 1);
    for (size_t i = from; i < to; i++) {
        lagrange(state, q, reward_of(state, i), state->weights);
        state->degrees[i] = fmax(0.0, cblas_ddot((int)q, state->weights, 1, degree, 1));
    }
    add_degrees(state, from, to);
}

/* ---- pair by pair ---- */

/* weights [rows x columns] of the pairs i < j; adds their sums to the degrees. */
static void weigh_block(sum_state *state, size_t row, size_t rows, size_t column, size_t columns) {
    for (size_t i = 0; i < rows; i++) {
        double own = 0.0;
        for (size_t j = 0; j < columns; j++) {
            double weight = 0.0;
            if (column + j > row + i)
                weight = state->unit
                             ? 1.0
                             : fi_weight(reward_of(state, row + i) - reward_of(state, column + j));
            state->weights[i * columns + j] = weight;
            state->degrees[column + j] += weight;
            own += weight;
        }
        state->degrees[row + i] += own;
    }
}

static void pair_by_pair(sum_state *state, size_t from, size_t to) {
    const fi_distinct_items *distinct = state->view->distinct;
    int h = (int)distinct->n_features;
    memset(state->degrees + from, 0, (to - from) * sizeof(double));
    for (size_t row = from; row < to; row += FI_BLOCK_ROWS) {
        size_t rows = at_most(to - row, FI_BLOCK_ROWS);
        fi_distinct_items_block(distinct, row, rows, state->rows);
        for (size_t column = row; column < to; column += COLUMNS) {
            size_t columns = at_most(to - column, COLUMNS);
            fi_distinct_items_block(distinct, column, columns, state->columns);
            weigh_block(state, row, rows, column, columns);
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, h, (int)columns, 1.0,
                        state->weights, (int)columns, state->columns, h, 0.0, state->product, h);
            /* Each pair has two entries in V. */
            add_symmetric(state, rows, -2.0 * state->sign, state->rows, state->product);
        }
    }
    add_degrees(state, from, to);
}

static void add_range(sum_state *state, size_t from, size_t to, double sign) {
    double low, high;
    state->sign = sign;
    size_t q = count_points(state, from, to, &low, &high);
    if (q > 0) {
        place_points(state, q, low, high);
        by_interpolation(state, from, to, q);
    } else {
        pair_by_pair(state, from, to);
    }
}

/* ---- the pool ---- */

static int subtract_excluded(const fi_pool_view *view, bool unit, fi_information *information) {
    if (view->n_excluded == 0)
        return 0;
    FD_FREE fi_pair *pairs = calloc(view->n_excluded, sizeof(*pairs));
    FD_FREE double *weights = calloc(view->n_excluded, sizeof(*weights));
    if (!pairs || !weights)
        return -ENOMEM;
    for (size_t i = 0; i < view->n_excluded; i++) {
        pairs[i] = fi_pair_of_key(view->excluded[i]);
        weights[i] = unit ? -1.0 : -fi_weight(fi_distinct_items_logit(view->distinct, pairs[i]));
    }
    fi_distinct_items listed = *view->distinct;
    listed.pairs = pairs;
    listed.n_pairs = view->n_excluded;
    return fi_information_add_laplacian(information, &listed, weights);
}

int fi_pool_add_information(const fi_pool_view *view, bool unit, fi_information *information) {
    FD_CLEANUP(sum_state_free)
    sum_state state = {.view = view, .unit = unit, .information = information};
    int r = sum_state_init(&state);
    if (r)
        return r;
    size_t m = view->distinct->n_items;
    fi_scope scope = view->pool->scope;
    if (scope != FI_SCOPE_WITHIN)
        add_range(&state, 0, m, 1.0);
    for (size_t i = 0; scope != FI_SCOPE_ANY && i < m; i = view->group_ends[i])
        add_range(&state, i, view->group_ends[i], scope == FI_SCOPE_WITHIN ? 1.0 : -1.0);
    return subtract_excluded(view, unit, information);
}

int fi_information_add_pool(fi_information *information, const fi_pool *pool, bool unit) {
    if (pool->n_features != information->n)
        return -EINVAL;
    FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = NULL;
    int r = fi_pool_view_new(pool, &view);
    return r ? r : fi_pool_add_information(view, unit, information);
}
