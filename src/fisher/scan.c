#include "scan.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS = 256, COLUMNS = 512, CHUNK = 32 };

/* exp(r) and exp(-r) of rewards beyond this from their middle are cut: products of two stay finite
 * in float32, and a cut weight is too large at most. */
#define EXPONENT_MAX 40.0

typedef struct scanner {
    const fi_scan *scan;
    float *squares; /* [m] |u|^2 with the margin, -INFINITY for a closed item */
    float *rising;  /* [m] exp(r), r from its middle */
    float *falling; /* [m] exp(-r) */
    float *rewards; /* [m] */
    float *gram;    /* [ROWS x COLUMNS] -2 u_i' u_j */
    uint32_t *hits; /* [COLUMNS] */
    size_t count, capacity;
    fi_found *found; /* [capacity] */
    fi_found last;   /* that of the best `room` so far which is last in rank */
    bool is_full;    /* there were `room` */
    bool passed;     /* one was left out */
} scanner;

static void scanner_free(scanner *state) {
    free(state->squares);
    free(state->rising);
    free(state->falling);
    free(state->rewards);
    free(state->gram);
    free(state->hits);
    free(state->found);
}

static bool needs_gram(const fi_scan *scan) {
    return scan->key == FI_KEY_INFORMATION || scan->key == FI_KEY_LEVERAGE;
}

/* float32 products of h terms are off by at most about h units of rounding of |u_i| |u_j|, which is
 * no more than half of |u_i|^2 + |u_j|^2. */
static void measure_items(scanner *state) {
    const fi_scan *scan = state->scan;
    const fi_distinct *distinct = scan->view->distinct;
    size_t m = distinct->n_items, h = distinct->n_features;
    double margin = 1.0 + ((double)h + 16.0) * (double)FLT_EPSILON;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < m; i++) {
        double square = 0.0;
        for (size_t j = 0; scan->whitened && j < h; j++)
            square += (double)scan->whitened[i * h + j] * (double)scan->whitened[i * h + j];
        bool closed = scan->admission && fi_admission_is_item_closed(scan->admission, (uint32_t)i);
        state->squares[i] = closed ? -INFINITY : (float)(square * margin);
        state->rewards[i] = distinct->rewards[distinct->rows[i]];
        low = fmin(low, (double)state->rewards[i]);
        high = fmax(high, (double)state->rewards[i]);
    }
    double middle = (low + high) / 2.0;
    for (size_t i = 0; i < m; i++) {
        double reward = fmax(-EXPONENT_MAX, fmin((double)state->rewards[i] - middle, EXPONENT_MAX));
        state->rising[i] = (float)exp(reward);
        state->falling[i] = (float)exp(-reward);
    }
}

static int scanner_init(scanner *state) {
    const fi_scan *scan = state->scan;
    size_t m = scan->view->distinct->n_items + 1;
    uint64_t pairs = scan->view->before[m - 1] + 1;
    state->capacity = 2 * scan->room < pairs ? 2 * scan->room : (size_t)pairs;
    state->squares = calloc(m, sizeof(float));
    state->rising = calloc(m, sizeof(float));
    state->falling = calloc(m, sizeof(float));
    state->rewards = calloc(m, sizeof(float));
    state->gram = calloc(ROWS, COLUMNS * sizeof(float));
    state->hits = calloc(COLUMNS, sizeof(uint32_t));
    state->found = calloc(state->capacity, sizeof(fi_found));
    if (!state->squares || !state->rising || !state->falling || !state->rewards || !state->gram ||
        !state->hits || !state->found)
        return -ENOMEM;
    state->last.key = -INFINITY;
    measure_items(state);
    return 0;
}

/* ---- keys ---- */

double fi_scan_key_of(const fi_scan *scan, fi_pair pair) {
    const fi_distinct *distinct = scan->view->distinct;
    double logit = fi_distinct_logit(distinct, pair);
    if (scan->key == FI_KEY_CLOSENESS)
        return -fabs(logit);
    if (scan->key == FI_KEY_DISTANCE)
        return fabs(logit);
    double leverage = fi_whitened_leverage(distinct->n_features, scan->whitened, pair);
    return scan->key == FI_KEY_LEVERAGE ? leverage : fi_weight(logit) * leverage;
}

static bool ranks_before(fi_found x, fi_found y) {
    return x.key > y.key || (x.key == y.key && fi_pair_key(x.pair) < fi_pair_key(y.pair));
}

static int by_rank(const void *x, const void *y) {
    fi_found a = *(const fi_found *)x, b = *(const fi_found *)y;
    return ranks_before(a, b) ? -1 : ranks_before(b, a);
}

/* Moves the first `count` in rank of n to the front (Hoare 1961). */
static void partition(fi_found *found, size_t n, size_t count) {
    size_t low = 0, high = n;
    while (high - low > 1 && low < count && count < high) {
        fi_found pivot = found[low + (high - low - 1) / 2]; /* not the last: each turn shrinks */
        size_t i = low, j = high - 1;
        for (;;) {
            while (ranks_before(found[i], pivot))
                i++;
            while (ranks_before(pivot, found[j]))
                j--;
            if (i >= j)
                break;
            fi_found swapped = found[i];
            found[i++] = found[j];
            found[j--] = swapped;
        }
        /* found[low … j] rank before or with found[j + 1 … high - 1]. */
        if (j + 1 >= count)
            high = j + 1;
        else
            low = j + 1;
    }
}

static void keep_best(scanner *state) {
    size_t room = state->scan->room;
    if (state->count < room)
        return;
    if (state->count > room) {
        partition(state->found, state->count, room);
        state->passed = true;
    }
    state->count = room;
    state->is_full = true;
    state->last = state->found[0];
    for (size_t i = 1; i < room; i++)
        if (ranks_before(state->last, state->found[i]))
            state->last = state->found[i];
}

static void note(scanner *state, fi_pair pair) {
    const fi_scan *scan = state->scan;
    uint64_t key = fi_pair_key(pair);
    fi_found found = {fi_scan_key_of(scan, pair), pair};
    if (state->is_full && !ranks_before(found, state->last)) {
        state->passed = true;
        return;
    }
    if (fi_key_is_among(key, scan->view->excluded, scan->view->n_excluded) ||
        fi_key_is_among(key, scan->taken, scan->n_taken))
        return;
    if (state->count == state->capacity)
        keep_best(state);
    state->found[state->count++] = found;
}

/* ---- screens: those of n partners whose key could reach the last of the best ---- */

/* Collects i with value(i) >= limit(i), CHUNK at a time: nearly all chunks have none. */
#define SCREEN(value, limit)                                                                       \
    size_t count = 0;                                                                              \
    for (size_t base = 0; base < n; base += CHUNK) {                                               \
        size_t end = base + CHUNK < n ? base + CHUNK : n;                                          \
        int any = 0;                                                                               \
        for (size_t i = base; i < end; i++)                                                        \
            any |= (value) >= (limit);                                                             \
        for (size_t i = base; any && i < end; i++)                                                 \
            if ((value) >= (limit))                                                                \
                hits[count++] = (uint32_t)i;                                                       \
    }                                                                                              \
    return count

/* v > key / leverage where leverage > key (2 + exp(r_i - r_j) + exp(r_j - r_i)). */
FI_CLONES static size_t
screen_information(size_t n, const float *restrict gram, const float *restrict squares,
                   const float *restrict rising, const float *restrict falling, float own_square,
                   float constant, float by_rising, float by_falling, uint32_t *restrict hits) {
    SCREEN(own_square + squares[i] + gram[i],
           constant + by_rising * rising[i] + by_falling * falling[i]);
}

FI_CLONES static size_t screen_leverage(size_t n, const float *restrict gram,
                                        const float *restrict squares, float own_square, float key,
                                        uint32_t *restrict hits) {
    SCREEN(own_square + squares[i] + gram[i], key);
}

FI_CLONES static size_t screen_closeness(size_t n, const float *restrict rewards, float own,
                                         float gap, uint32_t *restrict hits) {
    SCREEN(gap, fabsf(own - rewards[i]));
}

FI_CLONES static size_t screen_distance(size_t n, const float *restrict rewards, float own,
                                        float gap, uint32_t *restrict hits) {
    SCREEN(fabsf(own - rewards[i]), gap);
}

/* Partners first … first + n - 1 of an item, whose products with it are `gram` [n]. */
static size_t screen(const scanner *state, size_t item, size_t first, size_t n, const float *gram) {
    /* Rounded so that what ties with the last is not lost. */
    double key = state->last.key;
    float least = (float)(key - fabs(key) * 8.0 * (double)FLT_EPSILON);
    switch (state->scan->key) {
    case FI_KEY_INFORMATION:
        return screen_information(n, gram, state->squares + first, state->rising + first,
                                  state->falling + first, state->squares[item], 2.0f * least,
                                  least * state->falling[item], least * state->rising[item],
                                  state->hits);
    case FI_KEY_LEVERAGE:
        return screen_leverage(n, gram, state->squares + first, state->squares[item], least,
                               state->hits);
    case FI_KEY_CLOSENESS:
        return screen_closeness(n, state->rewards + first, state->rewards[item],
                                nextafterf(-least, INFINITY), state->hits);
    case FI_KEY_DISTANCE:
        return screen_distance(n, state->rewards + first, state->rewards[item],
                               nextafterf(least, -INFINITY), state->hits);
    }
    return 0;
}

/* ---- the scan ---- */

static void scan_row(scanner *state, size_t item, size_t first, size_t last, const float *gram) {
    if (last <= first || state->squares[item] < 0.0f)
        return;
    size_t count = screen(state, item, first, last - first, gram);
    for (size_t i = 0; i < count; i++) {
        size_t partner = first + state->hits[i];
        if (state->squares[partner] >= 0.0f)
            note(state, (fi_pair){(uint32_t)item, (uint32_t)partner});
    }
}

static void scan_block(scanner *state, size_t row, size_t rows, size_t column, size_t columns) {
    const fi_pool_view *view = state->scan->view;
    size_t h = view->distinct->n_features;
    const float *whitened = state->scan->whitened;
    if (needs_gram(state->scan))
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)columns, (int)h, -2.0f,
                    whitened + row * h, (int)h, whitened + column * h, (int)h, 0.0f, state->gram,
                    COLUMNS);
    for (size_t i = 0; i < rows; i++) {
        size_t first = fi_partners_first(view, (uint32_t)(row + i));
        size_t last = fi_partners_last(view, (uint32_t)(row + i));
        first = first > column ? first : column;
        last = last < column + columns ? last : column + columns;
        scan_row(state, row + i, first, last,
                 state->gram + i * COLUMNS + (first < last ? first - column : 0));
    }
}

static int scan_all(scanner *state) {
    const fi_pool_view *view = state->scan->view;
    size_t m = view->distinct->n_items;
    for (size_t row = 0; row < m; row += ROWS) {
        size_t rows = m - row < ROWS ? m - row : ROWS;
        size_t end = fi_partners_last(view, (uint32_t)(row + rows - 1));
        for (size_t column = fi_partners_first(view, (uint32_t)row); column < end;
             column += COLUMNS)
            scan_block(state, row, rows, column, end - column < COLUMNS ? end - column : COLUMNS);
        double done = (double)view->before[row + rows] / (double)(view->before[m] + 1);
        int r = fi_go_on(state->scan->options, done);
        if (r)
            return r;
    }
    return 0;
}

int fi_scan_pool(const fi_scan *scan, fi_finds *ret) {
    FD_CLEANUP(scanner_free) scanner state = {.scan = scan};
    int r = scanner_init(&state);
    if (r == 0)
        r = scan_all(&state);
    if (r)
        return r;
    keep_best(&state);
    if (state.count > 1)
        qsort(state.found, state.count, sizeof(*state.found), by_rank);
    *ret = (fi_finds){
        .count = state.count,
        .pairs = FD_STEAL(state.found),
        .floor = state.passed ? state.last.key : -INFINITY,
    };
    return 0;
}

void fi_finds_clear(fi_finds *finds) {
    free(finds->pairs);
    *finds = (fi_finds){0};
}
