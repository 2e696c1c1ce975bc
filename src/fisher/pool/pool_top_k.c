#include "pool_top_k.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS = 256, COLUMNS = 512, CHUNK = 32 };

/* exp(r) and exp(-r) of rewards beyond this from their middle are cut: products of two stay finite
 * in float32, and a cut weight is too large at most. */
#define EXPONENT_MAX 40.0

/* What is known of the items of a row of blocks, or of a column. */
typedef struct span {
    float low, high; /* rewards */
    float square;    /* largest |u|^2 */
} span;

typedef struct scanner {
    const fi_pool_top_k *scan;
    size_t m;
    uint32_t *order;       /* [m] the items by their rewards; by groups within groups */
    float *ordered;        /* [m x h] their whitened rows */
    const float *whitened; /* [m x h] the same, or the scan's where the order is that */
    float *squares;        /* [m] |u|^2 with the margin, -INFINITY for a closed item */
    float *rising;         /* [m] exp(r), r from its middle */
    float *falling;        /* [m] exp(-r) */
    float *rewards;        /* [m] */
    span *rows;            /* of each ROWS items */
    span *columns;         /* of each COLUMNS items */
    float *gram;           /* [ROWS x COLUMNS] -2 u_i' u_j */
    uint32_t *hits;        /* [COLUMNS] */
    size_t count, capacity;
    fi_ranked_pair *found; /* [capacity] */
    fi_ranked_pair last;   /* what does not rank before it is not wanted */
    bool passed;           /* one was left out */
} scanner;

static void scanner_free(scanner *state) {
    free(state->order);
    free(state->ordered);
    free(state->squares);
    free(state->rising);
    free(state->falling);
    free(state->rewards);
    free(state->rows);
    free(state->columns);
    free(state->gram);
    free(state->hits);
    free(state->found);
}

static bool needs_gram(const fi_pool_top_k *scan) {
    return scan->key == FI_KEY_INFORMATION || scan->key == FI_KEY_LEVERAGE;
}

static size_t count_blocks(size_t items, size_t size) {
    return (items + size - 1) / size;
}

/* ---- items ---- */

typedef struct placed {
    float reward;
    uint32_t item;
} placed;

static int by_reward(const void *x, const void *y) {
    const placed *a = x, *b = y;
    int by_number = (a->reward > b->reward) - (a->reward < b->reward);
    return by_number ? by_number : (a->item > b->item) - (a->item < b->item);
}

static int order_items(scanner *state) {
    const fi_distinct_items *distinct = state->scan->view->distinct;
    size_t h = distinct->n_features;
    FD_FREE placed *places = calloc(state->m + 1, sizeof(*places));
    if (!places)
        return -ENOMEM;
    for (uint32_t i = 0; i < state->m; i++)
        places[i] = (placed){distinct->rewards[distinct->rows[i]], i};
    bool sorted = state->scan->view->pool->scope != FI_SCOPE_WITHIN;
    if (sorted)
        qsort(places, state->m, sizeof(*places), by_reward);
    for (size_t i = 0; i < state->m; i++)
        state->order[i] = places[i].item;
    state->whitened = state->scan->whitened;
    if (!sorted || !needs_gram(state->scan))
        return 0;
    state->ordered = malloc((state->m + 1) * h * sizeof(*state->ordered));
    if (!state->ordered)
        return -ENOMEM;
    for (size_t i = 0; i < state->m; i++)
        memcpy(state->ordered + i * h, state->scan->whitened + state->order[i] * h,
               h * sizeof(float));
    state->whitened = state->ordered;
    return 0;
}

/* float32 products of h terms are off by at most about h units of rounding of |u_i| |u_j|, which is
 * no more than half of |u_i|^2 + |u_j|^2. */
static void measure_items(scanner *state) {
    const fi_pool_top_k *scan = state->scan;
    const fi_distinct_items *distinct = scan->view->distinct;
    size_t h = distinct->n_features;
    double margin = 1.0 + ((double)h + 16.0) * (double)FLT_EPSILON;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < state->m; i++) {
        uint32_t item = state->order[i];
        bool closed = scan->admission && fi_constraints_is_item_closed(scan->admission, item);
        double square =
            needs_gram(scan) ? fi_whitened_square(h, state->whitened + i * h) * margin : 0.0;
        state->squares[i] = closed ? -INFINITY : (float)square;
        state->rewards[i] = distinct->rewards[distinct->rows[item]];
        low = fmin(low, (double)state->rewards[i]);
        high = fmax(high, (double)state->rewards[i]);
    }
    double middle = (low + high) / 2.0;
    for (size_t i = 0; i < state->m; i++) {
        double reward = fmax(-EXPONENT_MAX, fmin((double)state->rewards[i] - middle, EXPONENT_MAX));
        state->rising[i] = (float)exp(reward);
        state->falling[i] = (float)exp(-reward);
    }
}

static void measure_spans(const scanner *state, size_t size, span *spans) {
    for (size_t b = 0; b < count_blocks(state->m, size); b++) {
        span all = {INFINITY, -INFINITY, 0.0f};
        for (size_t i = b * size; i < state->m && i < (b + 1) * size; i++) {
            all.low = fminf(all.low, state->rewards[i]);
            all.high = fmaxf(all.high, state->rewards[i]);
            all.square = fmaxf(all.square, state->squares[i]);
        }
        spans[b] = all;
    }
}

static int scanner_init(scanner *state) {
    const fi_pool_top_k *scan = state->scan;
    size_t m = scan->view->distinct->n_items;
    uint64_t pairs = scan->view->before[m] + 1;
    state->m = m;
    state->capacity = 2 * scan->room < pairs ? 2 * scan->room : (size_t)pairs;
    state->order = calloc(m + 1, sizeof(uint32_t));
    state->squares = calloc(m + 1, sizeof(float));
    state->rising = calloc(m + 1, sizeof(float));
    state->falling = calloc(m + 1, sizeof(float));
    state->rewards = calloc(m + 1, sizeof(float));
    state->rows = calloc(count_blocks(m, ROWS) + 1, sizeof(span));
    state->columns = calloc(count_blocks(m, COLUMNS) + 1, sizeof(span));
    state->gram = malloc(sizeof(float[ROWS][COLUMNS]));
    state->hits = calloc(COLUMNS, sizeof(uint32_t));
    state->found = malloc(state->capacity * sizeof(fi_ranked_pair));
    if (!state->order || !state->squares || !state->rising || !state->falling || !state->rewards ||
        !state->rows || !state->columns || !state->gram || !state->hits || !state->found)
        return -ENOMEM;
    int r = order_items(state);
    if (r)
        return r;
    state->last =
        (fi_ranked_pair){scan->least, {UINT32_MAX, UINT32_MAX}}; /* after all of that key */
    measure_items(state);
    measure_spans(state, ROWS, state->rows);
    measure_spans(state, COLUMNS, state->columns);
    return 0;
}

/* ---- keys ---- */

double fi_pool_key_of(const fi_pool_top_k *scan, fi_pair pair) {
    const fi_distinct_items *distinct = scan->view->distinct;
    double logit = fi_distinct_items_logit(distinct, pair);
    if (scan->key == FI_KEY_CLOSENESS)
        return -fabs(logit);
    if (scan->key == FI_KEY_DISTANCE)
        return fabs(logit);
    double leverage = fi_whitened_leverage(distinct->n_features, scan->whitened, pair);
    return scan->key == FI_KEY_LEVERAGE ? leverage : fi_weight(logit) * leverage;
}

static bool ranks_before(fi_ranked_pair x, fi_ranked_pair y) {
    return x.key > y.key || (x.key == y.key && fi_pair_key(x.pair) < fi_pair_key(y.pair));
}

static int by_rank(const void *x, const void *y) {
    fi_ranked_pair a = *(const fi_ranked_pair *)x, b = *(const fi_ranked_pair *)y;
    return ranks_before(a, b) ? -1 : ranks_before(b, a);
}

/* Moves the first `count` in rank of n to the front (Hoare 1961). */
static void partition(fi_ranked_pair *found, size_t n, size_t count) {
    size_t low = 0, high = n;
    while (high - low > 1 && low < count && count < high) {
        fi_ranked_pair pivot =
            found[low + (high - low - 1) / 2]; /* not the last: each turn shrinks */
        size_t i = low, j = high - 1;
        for (;;) {
            while (ranks_before(found[i], pivot))
                i++;
            while (ranks_before(pivot, found[j]))
                j--;
            if (i >= j)
                break;
            fi_ranked_pair swapped = found[i];
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
    state->last = state->found[0];
    for (size_t i = 1; i < room; i++)
        if (ranks_before(state->last, state->found[i]))
            state->last = state->found[i];
}

/* Items that stand at two places of the order and passed the screen. */
static void note(scanner *state, size_t place, size_t other) {
    const fi_pool_top_k *scan = state->scan;
    const fi_pool_view *view = scan->view;
    uint32_t a = state->order[place], b = state->order[other];
    fi_pair pair = a < b ? (fi_pair){a, b} : (fi_pair){b, a};
    uint64_t key = fi_pair_key(pair);
    fi_ranked_pair found = {fi_pool_key_of(scan, pair), pair};
    if (view->pool->scope == FI_SCOPE_ACROSS && view->group_ends[a] == view->group_ends[b])
        return;
    if (!ranks_before(found, state->last)) {
        state->passed = true;
        return;
    }
    if (fi_key_is_among(key, view->excluded, view->n_excluded) ||
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

/* ---- blocks ---- */

static void scan_row(scanner *state, size_t place, size_t first, size_t last, const float *gram) {
    if (last <= first || state->squares[place] < 0.0f)
        return;
    size_t count = screen(state, place, first, last - first, gram);
    for (size_t i = 0; i < count; i++) {
        size_t other = first + state->hits[i];
        if (state->squares[other] >= 0.0f)
            note(state, place, other);
    }
}

/* Places after one that hold its partners end here. */
static size_t last_of(const scanner *state, size_t place) {
    const fi_pool_view *view = state->scan->view;
    return view->pool->scope == FI_SCOPE_WITHIN ? view->group_ends[place] : state->m;
}

/* No pair of a block has a larger key, whose leverages are at most `leverage`. */
static double bound_of(const scanner *state, const span *rows, const span *columns,
                       double leverage) {
    double gap = fmax(0.0, fmax((double)columns->low - (double)rows->high,
                                (double)rows->low - (double)columns->high));
    switch (state->scan->key) {
    case FI_KEY_INFORMATION:
        return fi_weight(gap) * leverage;
    case FI_KEY_LEVERAGE:
        return leverage;
    case FI_KEY_CLOSENESS:
        return -gap;
    case FI_KEY_DISTANCE:
        return fmax((double)columns->high - (double)rows->low,
                    (double)rows->high - (double)columns->low);
    }
    return INFINITY;
}

/* Rows from row * ROWS and columns from column * COLUMNS on, of which those after the row count. */
static void scan_block(scanner *state, size_t row, size_t column) {
    const fi_pool_top_k *scan = state->scan;
    size_t h = scan->view->distinct->n_features;
    size_t top = row * ROWS, left = column * COLUMNS;
    size_t rows = state->m - top < ROWS ? state->m - top : ROWS;
    size_t columns = state->m - left < COLUMNS ? state->m - left : COLUMNS;
    double across =
        sqrt((double)state->rows[row].square) + sqrt((double)state->columns[column].square);
    double leverage = across * across;
    if (bound_of(state, &state->rows[row], &state->columns[column], leverage) < state->last.key) {
        state->passed = true;
        return;
    }
    if (needs_gram(scan))
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)columns, (int)h, -2.0f,
                    state->whitened + top * h, (int)h, state->whitened + left * h, (int)h, 0.0f,
                    state->gram, COLUMNS);
    for (size_t i = 0; i < rows; i++) {
        size_t first = top + i + 1 > left ? top + i + 1 : left;
        size_t last = last_of(state, top + i);
        last = last < left + columns ? last : left + columns;
        scan_row(state, top + i, first, last,
                 state->gram + i * COLUMNS + (first < last ? first - left : 0));
    }
}

/* From the diagonal outwards, so that the best are found early. */
static int scan_all(scanner *state) {
    size_t rows = count_blocks(state->m, ROWS), columns = count_blocks(state->m, COLUMNS);
    for (size_t distance = 0; distance < columns; distance++) {
        for (size_t row = 0; row < rows; row++) {
            size_t column = row * ROWS / COLUMNS + distance;
            size_t end = row * ROWS + ROWS < state->m ? row * ROWS + ROWS : state->m;
            if (column * COLUMNS < last_of(state, end - 1) && column < columns)
                scan_block(state, row, column);
            double done = ((double)distance + (double)row / (double)rows) / (double)columns;
            int r = fi_go_on(state->scan->options, done);
            if (r)
                return r;
        }
    }
    return 0;
}

int fi_pool_top_k_find(const fi_pool_top_k *scan, fi_top_pairs *ret) {
    FD_CLEANUP(scanner_free) scanner state = {.scan = scan};
    int r = scanner_init(&state);
    if (r == 0)
        r = scan_all(&state);
    if (r)
        return r;
    keep_best(&state);
    *ret = (fi_top_pairs){
        .count = state.count,
        .floor = state.passed ? state.last.key : scan->least,
    };
    ret->pairs = FD_STEAL(state.found);
    return 0;
}

void fi_top_pairs_sort(fi_top_pairs *finds) {
    if (finds->count > 1)
        qsort(finds->pairs, finds->count, sizeof(*finds->pairs), by_rank);
}

void fi_top_pairs_clear(fi_top_pairs *finds) {
    free(finds->pairs);
    *finds = (fi_top_pairs){0};
}
