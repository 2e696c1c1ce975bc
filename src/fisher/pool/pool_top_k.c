/* Searches the pairs of a pool block by block for those with the largest keys. */
#include "pool_top_k.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "cancellation.h"
#include "pair_keys.h"
#include "pool_items.h"
#include "pool_screen.h"
#include "whitening.h"

enum { ROWS = 256, COLUMNS = 512 };

/* What bounds need to know of the items of a row of blocks, or of a column. */
typedef struct span {
    float low, high; /* rewards */
    float square;    /* largest |u|^2 */
} span;

typedef struct top_k_search {
    const fi_pool_top_k *query;
    fi_pool_items items;
    span *rows;     /* of each ROWS items */
    span *columns;  /* of each COLUMNS items */
    float *gram;    /* [ROWS x COLUMNS] -2 u_i' u_j */
    uint32_t *hits; /* [COLUMNS] */
    size_t count, capacity;
    fi_ranked_pair *found; /* [capacity] */
    fi_ranked_pair last;   /* pairs that do not rank before it are not wanted */
    bool passed;           /* a pair was left out */
} top_k_search;

static void search_free(top_k_search *search) {
    fi_pool_items_clear(&search->items);
    free(search->rows);
    free(search->columns);
    free(search->gram);
    free(search->hits);
    free(search->found);
}

static size_t count_blocks(size_t items, size_t size) {
    return (items + size - 1) / size;
}

static void measure_spans(const fi_pool_items *items, size_t size, span *spans) {
    for (size_t b = 0; b < count_blocks(items->m, size); b++) {
        span all = {INFINITY, -INFINITY, 0.0f};
        for (size_t i = b * size; i < items->m && i < (b + 1) * size; i++) {
            all.low = fminf(all.low, items->rewards[i]);
            all.high = fmaxf(all.high, items->rewards[i]);
            all.square = fmaxf(all.square, items->squares[i]);
        }
        spans[b] = all;
    }
}

static int search_init(top_k_search *search) {
    const fi_pool_top_k *query = search->query;
    size_t m = query->view->distinct->n_items;
    uint64_t pairs = query->view->before[m] + 1;
    search->capacity = 2 * query->room < pairs ? 2 * query->room : (size_t)pairs;
    search->rows = calloc(count_blocks(m, ROWS) + 1, sizeof(span));
    search->columns = calloc(count_blocks(m, COLUMNS) + 1, sizeof(span));
    search->gram = malloc(sizeof(float[ROWS][COLUMNS]));
    search->hits = calloc(COLUMNS, sizeof(uint32_t));
    search->found = malloc(search->capacity * sizeof(fi_ranked_pair));
    if (!search->rows || !search->columns || !search->gram || !search->hits || !search->found)
        return -ENOMEM;
    int r = fi_pool_items_init(&search->items, query);
    if (r)
        return r;
    /* Ranks after all pairs with the least key that is wanted. */
    search->last = (fi_ranked_pair){query->least, {UINT32_MAX, UINT32_MAX}};
    measure_spans(&search->items, ROWS, search->rows);
    measure_spans(&search->items, COLUMNS, search->columns);
    return 0;
}

/* ---- keys ---- */

double fi_pool_key_of(const fi_pool_top_k *query, fi_pair pair) {
    const fi_distinct_items *distinct = query->view->distinct;
    double logit = fi_distinct_items_logit(distinct, pair);
    if (query->key == FI_KEY_CLOSENESS)
        return -fabs(logit);
    if (query->key == FI_KEY_DISTANCE)
        return fabs(logit);
    double leverage = fi_whitened_leverage(distinct->n_features, query->whitened, pair);
    return query->key == FI_KEY_LEVERAGE ? leverage : fi_weight(logit) * leverage;
}

static bool ranks_before(fi_ranked_pair x, fi_ranked_pair y) {
    return x.key > y.key || (x.key == y.key && fi_pair_key(x.pair) < fi_pair_key(y.pair));
}

static int by_rank(const void *x, const void *y) {
    fi_ranked_pair a = *(const fi_ranked_pair *)x, b = *(const fi_ranked_pair *)y;
    return ranks_before(a, b) ? -1 : ranks_before(b, a);
}

/* Moves the `count` of n pairs that rank first to the front (Hoare 1961). */
static void partition(fi_ranked_pair *found, size_t n, size_t count) {
    size_t low = 0, high = n;
    while (high - low > 1 && low < count && count < high) {
        fi_ranked_pair pivot =
            found[low + (high - low - 1) / 2]; /* not the last, so that the range gets shorter */
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
        /* None of found[j + 1 … high - 1] ranks before any of found[low … j]. */
        if (j + 1 >= count)
            high = j + 1;
        else
            low = j + 1;
    }
}

static void keep_best(top_k_search *search) {
    size_t room = search->query->room;
    if (search->count < room)
        return;
    if (search->count > room) {
        partition(search->found, search->count, room);
        search->passed = true;
    }
    search->count = room;
    search->last = search->found[0];
    for (size_t i = 1; i < room; i++)
        if (ranks_before(search->last, search->found[i]))
            search->last = search->found[i];
}

/* Takes the pair of the items at two places of the order if it is among the best so far. */
static void take_pair(top_k_search *search, size_t place, size_t other) {
    const fi_pool_top_k *query = search->query;
    const fi_pool_view *view = query->view;
    uint32_t a = search->items.order[place], b = search->items.order[other];
    fi_pair pair = a < b ? (fi_pair){a, b} : (fi_pair){b, a};
    uint64_t key = fi_pair_key(pair);
    fi_ranked_pair found = {fi_pool_key_of(query, pair), pair};
    if (view->pool->scope == FI_SCOPE_ACROSS && view->group_ends[a] == view->group_ends[b])
        return;
    if (!ranks_before(found, search->last)) {
        search->passed = true;
        return;
    }
    if (fi_key_is_among(key, view->excluded, view->n_excluded) ||
        fi_key_is_among(key, query->taken, query->n_taken))
        return;
    if (search->count == search->capacity)
        keep_best(search);
    search->found[search->count++] = found;
}

/* ---- blocks ---- */

static void search_row(top_k_search *search, size_t place, size_t first, size_t last,
                       const float *gram) {
    if (last <= first || search->items.squares[place] < 0.0f)
        return;
    size_t count = fi_pool_screen(&search->items, search->query->key, search->last.key, place,
                                  first, last - first, gram, search->hits);
    for (size_t i = 0; i < count; i++) {
        size_t other = first + search->hits[i];
        if (search->items.squares[other] >= 0.0f)
            take_pair(search, place, other);
    }
}

/* The end of the places that hold partners of the item at a place. */
static size_t last_of(const top_k_search *search, size_t place) {
    const fi_pool_view *view = search->query->view;
    return view->pool->scope == FI_SCOPE_WITHIN ? view->group_ends[place] : search->items.m;
}

/* An upper bound on the keys of a block whose leverages are at most `leverage`. */
static double bound_of(const top_k_search *search, const span *rows, const span *columns,
                       double leverage) {
    double gap = fmax(0.0, fmax((double)columns->low - (double)rows->high,
                                (double)rows->low - (double)columns->high));
    switch (search->query->key) {
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

/* Searches the block of the rows from row * ROWS on and the columns from column * COLUMNS on. Only
 * columns after the row are partners. */
static void search_block(top_k_search *search, size_t row, size_t column) {
    const fi_pool_top_k *query = search->query;
    size_t h = query->view->distinct->n_features;
    size_t top = row * ROWS, left = column * COLUMNS;
    size_t rows = search->items.m - top < ROWS ? search->items.m - top : ROWS;
    size_t columns = search->items.m - left < COLUMNS ? search->items.m - left : COLUMNS;
    double across =
        sqrt((double)search->rows[row].square) + sqrt((double)search->columns[column].square);
    double leverage = across * across;
    if (bound_of(search, &search->rows[row], &search->columns[column], leverage) <
        search->last.key) {
        search->passed = true;
        return;
    }
    if (fi_pool_needs_leverages(query))
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)columns, (int)h, -2.0f,
                    search->items.whitened + top * h, (int)h, search->items.whitened + left * h,
                    (int)h, 0.0f, search->gram, COLUMNS);
    for (size_t i = 0; i < rows; i++) {
        size_t first = top + i + 1 > left ? top + i + 1 : left;
        size_t last = last_of(search, top + i);
        last = last < left + columns ? last : left + columns;
        search_row(search, top + i, first, last,
                   search->gram + i * COLUMNS + (first < last ? first - left : 0));
    }
}

/* Starts at the diagonal and goes outwards, so that the best are found early. */
static int search_all(top_k_search *search) {
    size_t rows = count_blocks(search->items.m, ROWS),
           columns = count_blocks(search->items.m, COLUMNS);
    for (size_t distance = 0; distance < columns; distance++) {
        for (size_t row = 0; row < rows; row++) {
            size_t column = row * ROWS / COLUMNS + distance;
            size_t end = row * ROWS + ROWS < search->items.m ? row * ROWS + ROWS : search->items.m;
            if (column * COLUMNS < last_of(search, end - 1) && column < columns)
                search_block(search, row, column);
            double done = ((double)distance + (double)row / (double)rows) / (double)columns;
            int r = fi_go_on(search->query->options, done);
            if (r)
                return r;
        }
    }
    return 0;
}

int fi_pool_top_k_find(const fi_pool_top_k *query, fi_top_pairs *ret) {
    FD_CLEANUP(search_free) top_k_search search = {.query = query};
    int r = search_init(&search);
    if (r == 0)
        r = search_all(&search);
    if (r)
        return r;
    keep_best(&search);
    *ret = (fi_top_pairs){
        .count = search.count,
        .floor = search.passed ? search.last.key : query->least,
    };
    ret->pairs = FD_STEAL(search.found);
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
