#include "design_private.h"

#include <errno.h>
#include <string.h>

#define UNUSED_ROW UINT32_MAX

static int check(const fi_candidates *candidates) {
    if (candidates->n_features == 0 || candidates->n_features > FI_WIDTH_MAX ||
        candidates->n_items >= UNUSED_ROW || candidates->n_pairs > UINT32_MAX)
        return -EINVAL;
    for (size_t i = 0; i < candidates->n_pairs; i++)
        if (candidates->pairs[i].a >= candidates->n_items ||
            candidates->pairs[i].b >= candidates->n_items)
            return -EINVAL;
    return 0;
}

/* numbers [n_items]: the rank of each row that is named. Keeps the order of the rows, so that the
 * order of the pairs does not matter to the sums over items. */
static size_t number_items(const fi_candidates *candidates, uint32_t *numbers) {
    for (size_t i = 0; i < candidates->n_items; i++)
        numbers[i] = UNUSED_ROW;
    for (size_t i = 0; i < candidates->n_pairs; i++) {
        numbers[candidates->pairs[i].a] = 0;
        numbers[candidates->pairs[i].b] = 0;
    }
    uint32_t count = 0;
    for (size_t i = 0; i < candidates->n_items; i++)
        if (numbers[i] != UNUSED_ROW)
            numbers[i] = count++;
    return count;
}

static void find_centre(fi_distinct_items *distinct) {
    size_t h = distinct->n_features;
    for (size_t i = 0; i < distinct->n_items; i++) {
        const float *row = distinct->features + distinct->rows[i] * h;
        for (size_t j = 0; j < h; j++)
            distinct->centre[j] += (double)row[j];
    }
    for (size_t j = 0; j < h && distinct->n_items > 0; j++)
        distinct->centre[j] /= (double)distinct->n_items;
}

int fi_distinct_items_new(const fi_candidates *candidates, fi_distinct_items **ret) {
    int r = check(candidates);
    if (r)
        return r;
    FD_FREE uint32_t *numbers = calloc(candidates->n_items + 1, sizeof(*numbers));
    FD_CLEANUP(fi_distinct_items_freep) fi_distinct_items *distinct = calloc(1, sizeof(*distinct));
    if (!numbers || !distinct)
        return -ENOMEM;
    distinct->n_items = number_items(candidates, numbers);
    distinct->n_features = candidates->n_features;
    distinct->n_pairs = candidates->n_pairs;
    distinct->features = candidates->features;
    distinct->rewards = candidates->rewards;
    distinct->rows = calloc(distinct->n_items + 1, sizeof(*distinct->rows));
    distinct->pairs = calloc(distinct->n_pairs + 1, sizeof(*distinct->pairs));
    distinct->centre = calloc(distinct->n_features, sizeof(*distinct->centre));
    if (!distinct->rows || !distinct->pairs || !distinct->centre)
        return -ENOMEM;

    for (size_t i = 0; i < candidates->n_items; i++)
        if (numbers[i] != UNUSED_ROW)
            distinct->rows[numbers[i]] = (uint32_t)i;
    for (size_t i = 0; i < candidates->n_pairs; i++)
        distinct->pairs[i] =
            (fi_pair){numbers[candidates->pairs[i].a], numbers[candidates->pairs[i].b]};
    find_centre(distinct);
    *ret = FD_STEAL(distinct);
    return 0;
}

int fi_distinct_items_of_pool(const fi_pool *pool, const uint32_t *rows, fi_distinct_items **ret) {
    FD_CLEANUP(fi_distinct_items_freep) fi_distinct_items *distinct = calloc(1, sizeof(*distinct));
    if (!distinct)
        return -ENOMEM;
    distinct->n_items = pool->n_members;
    distinct->n_features = pool->n_features;
    distinct->features = pool->features;
    distinct->rewards = pool->rewards;
    distinct->rows = calloc(distinct->n_items + 1, sizeof(*distinct->rows));
    distinct->centre = calloc(distinct->n_features, sizeof(*distinct->centre));
    if (!distinct->rows || !distinct->centre)
        return -ENOMEM;
    memcpy(distinct->rows, rows, distinct->n_items * sizeof(*rows));
    find_centre(distinct);
    *ret = FD_STEAL(distinct);
    return 0;
}

void fi_distinct_items_free(fi_distinct_items *distinct) {
    if (!distinct)
        return;
    free(distinct->rows);
    free(distinct->pairs);
    free(distinct->centre);
    free(distinct);
}

FI_CLONES static void centred(size_t h, const float *restrict row, const double *restrict centre,
                              double *restrict result) {
    for (size_t j = 0; j < h; j++)
        result[j] = (double)row[j] - centre[j];
}

void fi_distinct_items_block(const fi_distinct_items *distinct, size_t first, size_t count,
                             double *block) {
    size_t h = distinct->n_features;
    for (size_t i = 0; i < count; i++)
        centred(h, distinct->features + distinct->rows[first + i] * h, distinct->centre,
                block + i * h);
}

void fi_distinct_items_difference(const fi_distinct_items *distinct, fi_pair pair, double scale,
                                  double *difference) {
    size_t h = distinct->n_features;
    const float *a = distinct->features + distinct->rows[pair.a] * h;
    const float *b = distinct->features + distinct->rows[pair.b] * h;
    for (size_t j = 0; j < h; j++)
        difference[j] = scale * ((double)a[j] - (double)b[j]);
}
