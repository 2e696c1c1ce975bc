/* Numbers the items that pairs name, in the order of the snapshot, and copies their features. */
#include "snapshot_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "row_numbering.h"

/* With fewer pairs than one in this many items, the names are sorted rather than looked up in a
 * table of all items. */
enum { ITEMS_PER_PAIR = 64 };

static int compare_rows(const void *a, const void *b) {
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    return (first > second) - (first < second);
}

static uint32_t number_of(const fd_snapshot_rows *rows, uint32_t row) {
    const uint32_t *found = bsearch(&row, rows->rows, rows->count, sizeof(row), compare_rows);
    return (uint32_t)(found - rows->rows);
}

static int number_by_sorting(const fi_pair *pairs, size_t n, fd_snapshot_rows *rows) {
    rows->rows = reallocarray(NULL, 2 * n + 1, sizeof(*rows->rows));
    if (!rows->rows)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        rows->rows[2 * i] = pairs[i].a;
        rows->rows[2 * i + 1] = pairs[i].b;
    }
    qsort(rows->rows, 2 * n, sizeof(*rows->rows), compare_rows);
    for (size_t i = 0; i < 2 * n; i++)
        if (i == 0 || rows->rows[i] != rows->rows[rows->count - 1])
            rows->rows[rows->count++] = rows->rows[i];
    for (size_t i = 0; i < n; i++)
        rows->pairs[i] = (fi_pair){number_of(rows, pairs[i].a), number_of(rows, pairs[i].b)};
    return 0;
}

static int number_by_table(size_t items, const fi_pair *pairs, size_t n, fd_snapshot_rows *rows) {
    FD_CLEANUP(fd_row_numbering_clear) fd_row_numbering numbering = {0};
    int r = fd_row_numbering_init(&numbering, items, 2 * n);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        (void)fd_row_numbering_add(&numbering, pairs[i].a);
        (void)fd_row_numbering_add(&numbering, pairs[i].b);
    }
    fd_row_numbering_sort(&numbering);
    for (size_t i = 0; i < n; i++)
        rows->pairs[i] = (fi_pair){numbering.numbers[pairs[i].a], numbering.numbers[pairs[i].b]};
    rows->count = numbering.count;
    rows->rows = FD_STEAL(numbering.rows);
    return 0;
}

int fd_snapshot_rows_copy(const fd_snapshot *snapshot, const fi_pair *pairs, size_t n_pairs,
                          fd_snapshot_rows *ret) {
    FD_CLEANUP(fd_snapshot_rows_clear) fd_snapshot_rows rows = {0};
    size_t width = snapshot->features->width;
    rows.pairs = reallocarray(NULL, n_pairs + 1, sizeof(*rows.pairs));
    if (!rows.pairs)
        return -ENOMEM;
    int r = n_pairs < snapshot->items / ITEMS_PER_PAIR
                ? number_by_sorting(pairs, n_pairs, &rows)
                : number_by_table(snapshot->items, pairs, n_pairs, &rows);
    if (r < 0)
        return r;
    rows.features = reallocarray(NULL, rows.count + 1, width * sizeof(*rows.features));
    rows.rewards = reallocarray(NULL, rows.count + 1, sizeof(*rows.rewards));
    if (!rows.features || !rows.rewards)
        return -ENOMEM;
    for (size_t i = 0; i < rows.count; i++)
        memcpy(rows.features + i * width, fd_growing_matrix_row(snapshot->features, rows.rows[i]),
               width * sizeof(*rows.features));
    fi_model_rewards(snapshot->served->model, rows.count, rows.features, rows.rewards);
    rows.candidates = (fi_candidates){
        .n_items = rows.count,
        .n_features = width,
        .n_pairs = n_pairs,
        .features = rows.features,
        .rewards = rows.rewards,
        .pairs = rows.pairs,
    };
    *ret = rows;
    memset(&rows, 0, sizeof(rows));
    return 0;
}

void fd_snapshot_rows_clear(fd_snapshot_rows *rows) {
    free(rows->rows);
    free(rows->features);
    free(rows->rewards);
    free(rows->pairs);
    memset(rows, 0, sizeof(*rows));
}
