/* Rank correlation and best-of-N. */
#include <errno.h>
#include <fisher/rank_metrics.h>
#include <math.h>
#include <stdlib.h>

#include "macros.h"

struct ranked {
    double value;
    size_t index;
};

static int by_value(const void *left, const void *right) {
    double a = ((const struct ranked *)left)->value, b = ((const struct ranked *)right)->value;
    return (a > b) - (a < b);
}

static int sort(size_t n, const double *values, struct ranked **ret) {
    struct ranked *sorted = calloc(n + 1, sizeof(*sorted));
    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct ranked){values[i], i};
    qsort(sorted, n, sizeof(*sorted), by_value);
    *ret = sorted;
    return 0;
}

static size_t end_of_tie(size_t n, const struct ranked *sorted, size_t first) {
    size_t end = first + 1;
    while (end < n && sorted[end].value == sorted[first].value)
        end++;
    return end;
}

/* The ranks minus their mean. Equal values share the mean of their ranks. */
static int centred_ranks(size_t n, const double *values, double *ranks) {
    FD_FREE struct ranked *sorted = NULL;
    int r = sort(n, values, &sorted);
    if (r < 0)
        return r;
    for (size_t first = 0, end; first < n; first = end) {
        end = end_of_tie(n, sorted, first);
        double rank = ((double)first + (double)end - 1) / 2 - ((double)n - 1) / 2;
        for (size_t i = first; i < end; i++)
            ranks[sorted[i].index] = rank;
    }
    return 0;
}

int fi_spearman(size_t n, const double *x, const double *y, double *ret) {
    FD_FREE double *x_ranks = calloc(n + 1, sizeof(*x_ranks));
    FD_FREE double *y_ranks = calloc(n + 1, sizeof(*y_ranks));
    if (!x_ranks || !y_ranks)
        return -ENOMEM;
    int r = centred_ranks(n, x, x_ranks);
    if (r == 0)
        r = centred_ranks(n, y, y_ranks);
    if (r < 0)
        return r;
    double xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        xx += x_ranks[i] * x_ranks[i];
        yy += y_ranks[i] * y_ranks[i];
        xy += x_ranks[i] * y_ranks[i];
    }
    if (xx == 0 || yy == 0)
        return -EDOM;
    *ret = xy / sqrt(xx * yy);
    return 0;
}

double fi_best_of(size_t n, const uint32_t *subset, const double *predicted, const double *golden) {
    uint32_t best = subset[0];
    for (size_t i = 1; i < n; i++)
        if (predicted[subset[i]] > predicted[best])
            best = subset[i];
    return golden[best];
}

/*
 * The share of the subsets that lie among the `end` lowest items: C(end, n) / C(count, n). So the
 * items first … end - 1 of a tie are the best of C(end, n) - C(first, n) subsets. As a product of
 * (end - j) / (count - j) it does not overflow.
 */
static double share_below(size_t end, size_t count, size_t n) {
    double share = 1.0;
    for (size_t j = 0; j < n; j++) {
        if (end <= j)
            return 0.0;
        share *= (double)(end - j) / (double)(count - j);
    }
    return share;
}

int fi_best_of_mean(size_t count, size_t n, const double *predicted, const double *golden,
                    double *ret) {
    if (n < 1 || n > count)
        return -EINVAL;
    FD_FREE struct ranked *sorted = NULL;
    int r = sort(count, predicted, &sorted);
    if (r < 0)
        return r;
    double mean = 0.0;
    for (size_t first = 0, end; first < count; first = end) {
        end = end_of_tie(count, sorted, first);
        double sum = 0.0;
        for (size_t i = first; i < end; i++)
            sum += golden[sorted[i].index];
        mean += (share_below(end, count, n) - share_below(first, count, n)) * sum /
                (double)(end - first);
    }
    *ret = mean;
    return 0;
}
