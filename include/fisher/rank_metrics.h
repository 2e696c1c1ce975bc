/* How well predicted rewards rank items. "Golden" rewards are the true ones. */
#ifndef FISHER_RANK_METRICS_H
#define FISHER_RANK_METRICS_H

#include <fisher/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Spearman's rank correlation of x [n] and y [n] (Spearman 1904): Pearson's correlation of the
 * ranks, where equal values share the mean of their ranks. -EDOM if it is undefined (n < 2, or all
 * values of one side are equal), -ENOMEM.
 */
int fi_spearman(size_t n, const double *x, const double *y, double *ret) FI_MUST_CHECK;

/*
 * Best-of-N for one draw: the golden reward of the item with the highest predicted reward among the
 * n > 0 items of `subset` [n]. If several tie, the first of them counts. `predicted` and `golden`
 * have one reward per item.
 */
double fi_best_of(size_t n, const uint32_t *subset, const double *predicted, const double *golden);

/*
 * Best-of-N, averaged exactly over all subsets of n of the items, with predicted [count] and golden
 * [count]: the sum over the items of golden * P(this item is the best of the subset). Items that
 * tie share their probability evenly. -EINVAL unless 1 <= n <= count, -ENOMEM.
 */
int fi_best_of_mean(size_t count, size_t n, const double *predicted, const double *golden,
                    double *ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
