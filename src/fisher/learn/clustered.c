/* Sums rows by their cluster, and takes the covariance of the means from the sums. */
#include "clustered.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct keyed {
    uint64_t key;
    size_t row;
};

static int compare_keys(const void *a, const void *b) {
    const struct keyed *first = a, *second = b;
    if (first->key != second->key)
        return first->key > second->key ? 1 : -1;
    return (first->row > second->row) - (first->row < second->row);
}

int fi_clustered_means(size_t n, size_t width, const double *rows, const uint64_t *keys,
                       double *means, double *covariance) {
    FD_FREE struct keyed *sorted = calloc(n + 1, sizeof(*sorted));
    FD_FREE double *sums = calloc(width + 1, sizeof(*sums));
    if (!sorted || !sums)
        return -ENOMEM;
    for (size_t j = 0; j < width; j++)
        means[j] = 0.0;
    for (size_t i = 0; i < n; i++) {
        sorted[i] = (struct keyed){keys[i], i};
        for (size_t j = 0; j < width; j++)
            means[j] += rows[i * width + j] / (double)n;
    }
    qsort(sorted, n, sizeof(*sorted), compare_keys);
    for (size_t j = 0; j < width * width; j++)
        covariance[j] = 0.0;
    double clusters = 0.0, count = (double)n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < width; j++)
            sums[j] += rows[sorted[i].row * width + j] - means[j];
        if (i + 1 < n && sorted[i + 1].key == sorted[i].key)
            continue;
        clusters++;
        for (size_t j = 0; j < width * width; j++)
            covariance[j] += sums[j / width] * sums[j % width] / (count * count);
        for (size_t j = 0; j < width; j++)
            sums[j] = 0.0;
    }
    for (size_t j = 0; j < width * width; j++)
        covariance[j] = clusters > 1.0 ? covariance[j] * clusters / (clusters - 1.0) : NAN;
    return 0;
}
