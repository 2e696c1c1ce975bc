/*
 * Fitting the last layer alone.
 *
 * With the features fixed, the most probable beta under a normal prior of precision lambda
 * minimises
 *
 *     J(beta) = sum_i loss(d_i' beta, t_i) + lambda / 2 |beta|^2
 *
 * with the differences d_i = phi(a_i) - phi(b_i) and the Bradley-Terry loss of train.h. J is
 * convex, with gradient lambda beta - sum (t - p) d and Hessian H = sum v d d' + lambda * identity,
 * which is the design matrix M of design.h without what is pending: Newton's method (iterated
 * reweighted least squares) with step halving. The posterior of beta is close to normal with
 * covariance H^-1 (Laplace), so that phi' beta has the standard deviation sqrt(phi' H^-1 phi):
 * fi_factor_leverage.
 *
 * The evidence of the answers is their probability with beta integrated out, by Laplace
 * (MacKay 1992):
 *
 *     log evidence = -J(beta) + h / 2 log lambda - 1/2 log det H
 *
 * Features are float32, all else float64. beta [h] holds the start and takes the result; a start
 * that explains the answers less well than zero, or is not finite, is replaced by zero. The result
 * follows neither the order of the answers nor that of their sides, but for rounding.
 *
 * Functions return 0; -EINVAL for no answers, a row out of range, a target outside [0, 1], a
 * feature of a named row that is not finite, a width of 0 or over FI_WIDTH_MAX or a precision that
 * is not positive and finite; -EDOM where the numbers stop being finite; or -ENOMEM. On failure
 * everything is as it was.
 */
#ifndef FISHER_REFIT_H
#define FISHER_REFIT_H

#include <fisher/train.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fi_refit_options {
    double prior_precision; /* lambda; fi_refit alone looks at it */
    uint32_t iterations;    /* most Newton steps of one fit */
    double tolerance;       /* nats; a fit ends with the step that lowers J by no more */
} fi_refit_options;

/* lambda 1, 30 steps, 1e-12 nats. */
fi_refit_options fi_refit_defaults(void);

typedef struct fi_refit_result {
    uint32_t iterations; /* Newton steps taken, those of all fits of one call */
    double loss;         /* mean over the answers, without the prior; nats per answer */
    double log_evidence; /* nats */
    double logdet;  /* log det H before the last step; where rounding swamps lambda, it is raised */
    bool converged; /* within the tolerance */
} fi_refit_result;

/* features [n_items x n_features] */
int fi_refit(size_t n_items, size_t n_features, const float *features, const fi_answers *answers,
             const fi_refit_options *options, double *beta, fi_refit_result *ret) FI_MUST_CHECK;

/*
 * The best precision of a grid [n_grid], and beta with it: that of the highest evidence or, with
 * held-out answers (NULL or empty: none), of their lowest loss; the largest where several tie. The
 * grid is walked from its largest precision down, each fit from the one before.
 * -EINVAL for an empty grid, too.
 */
int fi_refit_best(size_t n_items, size_t n_features, const float *features,
                  const fi_answers *answers, const double *grid, size_t n_grid,
                  const fi_answers *held_out, const fi_refit_options *options, double *beta,
                  double *ret_precision, fi_refit_result *ret) FI_MUST_CHECK;

#define FI_PRECISION_LEAST 1e-6
#define FI_PRECISION_MOST 1e9

/*
 * The precision at which lambda = gamma / |beta|^2, where gamma = h - lambda trace(H^-1) counts the
 * parameters that the answers determine (MacKay 1992), and beta with it: close to the maximum of
 * the evidence. *precision holds the start and takes the result, kept between the two limits;
 * answers that say nothing drive it to the upper one. Up to 30 fits, each from the one before;
 * converged means to 0.1 % of lambda.
 */
int fi_refit_evidence(size_t n_items, size_t n_features, const float *features,
                      const fi_answers *answers, const fi_refit_options *options, double *beta,
                      double *precision, fi_refit_result *ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
