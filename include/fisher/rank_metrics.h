/* Measures of how well predicted rewards order items. */
#ifndef FISHER_EVAL_H
#define FISHER_EVAL_H

#include <fisher/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Spearman's rank correlation: Pearson's correlation of the ranks, tied values sharing the mean of
 * their ranks. -EDOM when it is not defined (n < 2, or one side is constant), -ENOMEM.
 */
int fi_spearman(size_t n, const double *x, const double *y, double *ret) FI_MUST_CHECK;

/*
 * Best-of-N for one draw: the golden reward of that one of the n items `subset` that has the
 * highest predicted reward; the first of them where several tie. n must be positive.
 */
double fi_best_of(size_t n, const uint32_t *subset, const double *predicted, const double *golden);

/*
 * Best-of-N averaged exactly over all subsets of n of the `count` items: the sum over items in
 * descending order of prediction of golden * P(this is the best of the subset), ties sharing
 * evenly. -EINVAL unless 1 <= n <= count, -ENOMEM.
 */
int fi_best_of_mean(size_t count, size_t n, const double *predicted, const double *golden,
                    double *ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
