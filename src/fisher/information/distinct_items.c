/* Finds the distinct items of a list of pairs, and computes their centre and differences. */
#include "distinct_items.h"

#include <errno.h>
#include <string.h>

#include "row_numbering.h"
#include "target_clones.h"

static int check(const fi_candidates *candidates) {
    if (candidates->n_features == 0 || candidates->n_features > FI_WIDTH_MAX ||
        candidates->n_items >= UINT32_MAX || candidates->n_pairs > UINT32_MAX)
        return -EINVAL;
    for (size_t i = 0; i < candidates->n_pairs; i++)
        if (candidates->pairs[i].a >= candidates->n_items ||
            candidates->pairs[i].b >= candidates->n_items)
            return -EINVAL;
    return 0;
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

/* Keeps the order of the rows, so that sums over items do not depend on the order of the pairs. */
static int number_items(const fi_candidates *candidates, fd_row_numbering *numbering) {
    int r = fd_row_numbering_init(numbering, candidates->n_items, 2 * candidates->n_pairs);
    if (r < 0)
        return r;
    for (size_t i = 0; i < candidates->n_pairs; i++) {
        (void)fd_row_numbering_add(numbering, candidates->pairs[i].a);
        (void)fd_row_numbering_add(numbering, candidates->pairs[i].b);
    }
    fd_row_numbering_sort(numbering);
    return 0;
}

static int allocate(const fi_candidates *items, fi_distinct_items **ret) {
    FD_CLEANUP(fi_distinct_items_freep) fi_distinct_items *distinct = calloc(1, sizeof(*distinct));
    if (!distinct)
        return -ENOMEM;
    distinct->n_features = items->n_features;
    distinct->features = items->features;
    distinct->rewards = items->rewards;
    distinct->centre = calloc(distinct->n_features, sizeof(*distinct->centre));
    if (!distinct->centre)
        return -ENOMEM;
    *ret = FD_STEAL(distinct);
    return 0;
}

int fi_distinct_items_new(const fi_candidates *candidates, fi_distinct_items **ret) {
    FD_CLEANUP(fd_row_numbering_clear) fd_row_numbering numbering = {0};
    FD_CLEANUP(fi_distinct_items_freep) fi_distinct_items *distinct = NULL;
    int r = check(candidates);
    if (r == 0)
        r = number_items(candidates, &numbering);
    if (r == 0)
        r = allocate(candidates, &distinct);
    if (r < 0)
        return r;
    distinct->n_pairs = candidates->n_pairs;
    distinct->pairs = calloc(distinct->n_pairs + 1, sizeof(*distinct->pairs));
    if (!distinct->pairs)
        return -ENOMEM;
    for (size_t i = 0; i < candidates->n_pairs; i++)
        distinct->pairs[i] = (fi_pair){numbering.numbers[candidates->pairs[i].a],
                                       numbering.numbers[candidates->pairs[i].b]};
    distinct->n_items = numbering.count;
    distinct->rows = FD_STEAL(numbering.rows);
    find_centre(distinct);
    *ret = FD_STEAL(distinct);
    return 0;
}

int fi_distinct_items_of_rows(const fi_candidates *items, size_t n, const uint32_t *rows,
                              fi_distinct_items **ret) {
    FD_CLEANUP(fi_distinct_items_freep) fi_distinct_items *distinct = NULL;
    int r = allocate(items, &distinct);
    if (r < 0)
        return r;
    distinct->n_items = n;
    distinct->rows = calloc(n + 1, sizeof(*distinct->rows));
    if (!distinct->rows)
        return -ENOMEM;
    memcpy(distinct->rows, rows, n * sizeof(*rows));
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

FI_CLONES static double product(size_t h, const float *restrict row, const double *restrict centre,
                                const double *restrict vector) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t j = 0; j < h; j++)
        sum += ((double)row[j] - centre[j]) * vector[j];
    return sum;
}

void fi_distinct_items_multiply(const fi_distinct_items *distinct, const double *vector,
                                double *products) {
    size_t h = distinct->n_features;
    for (size_t i = 0; i < distinct->n_items; i++)
        products[i] =
            product(h, distinct->features + distinct->rows[i] * h, distinct->centre, vector);
}

/* Two rows at a time, so that the sum is read and written half as often. */
FI_CLONES static void add_rows(size_t h, const double scales[2], const float *restrict first,
                               const float *restrict second, const double *restrict centre,
                               double *restrict sum) {
    double x = scales[0], y = scales[1];
#pragma omp simd
    for (size_t j = 0; j < h; j++)
        sum[j] += x * ((double)first[j] - centre[j]) + y * ((double)second[j] - centre[j]);
}

void fi_distinct_items_add(const fi_distinct_items *distinct, double scale, const double *values,
                           double *sum) {
    size_t h = distinct->n_features, m = distinct->n_items;
    for (size_t i = 0; i < m; i += 2) {
        size_t next = i + 1 < m ? i + 1 : i;
        double scales[2] = {scale * values[i], next > i ? scale * values[next] : 0.0};
        add_rows(h, scales, distinct->features + distinct->rows[i] * h,
                 distinct->features + distinct->rows[next] * h, distinct->centre, sum);
    }
}

void fi_distinct_items_difference(const fi_distinct_items *distinct, fi_pair pair, double scale,
                                  double *difference) {
    size_t h = distinct->n_features;
    const float *a = distinct->features + distinct->rows[pair.a] * h;
    const float *b = distinct->features + distinct->rows[pair.b] * h;
    for (size_t j = 0; j < h; j++)
        difference[j] = scale * ((double)a[j] - (double)b[j]);
}

FI_CLONES static void add_apart(size_t h, double scale, const float *restrict a,
                                const float *restrict b, double *restrict sum) {
#pragma omp simd
    for (size_t j = 0; j < h; j++)
        sum[j] += scale * ((double)a[j] - (double)b[j]);
}

void fi_distinct_items_add_difference(const fi_distinct_items *distinct, fi_pair pair, double scale,
                                      double *sum) {
    size_t h = distinct->n_features;
    add_apart(h, scale, distinct->features + distinct->rows[pair.a] * h,
              distinct->features + distinct->rows[pair.b] * h, sum);
}
