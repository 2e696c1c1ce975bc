/*
 * Fitting the last layer alone.
 *
 * With the features fixed, the most probable beta under a normal prior with mean m and precision
 * A = lambda * identity + P minimises
 *
 *     J(beta) = sum_i loss(d_i' beta, t_i) + 1/2 (beta - m)' A (beta - m)
 *
 * with the differences d_i = phi(a_i) - phi(b_i) and the Bradley-Terry loss of train.h. J is
 * convex, with gradient A (beta - m) - sum (t - p) d and Hessian H = sum v d d' + A: Newton's
 * method (iterated reweighted least squares) with step halving. m and P are zero unless they are
 * given; then H is the design matrix M of design.h without what is pending. The posterior of beta
 * is close to normal with covariance H^-1 (Laplace), so that phi' beta has the standard deviation
 * sqrt(phi' H^-1 phi): fi_factor_leverage.
 *
 * What was learned from old answers is the prior for new ones: with m their beta, P their
 * information sum v d d' at m, and the lambda of then, a fit to the new answers alone is, to second
 * order, the fit to all, and nothing counts twice.
 *
 * The evidence of the answers is their probability with beta integrated out, by Laplace
 * (MacKay 1992):
 *
 *     log evidence = -J(beta) + 1/2 log det A - 1/2 log det H
 *
 * Features are float32, all else float64. beta [h] holds the start and takes the result; a start
 * of a higher J than m, or that is not finite, is replaced by m. The result follows neither the
 * order of the answers nor that of their sides, but for rounding.
 *
 * Functions return 0; -EINVAL for no answers, a row out of range, a target outside [0, 1], a
 * feature of a named row that is not finite, a width of 0 or over FI_WIDTH_MAX, a precision that
 * is not positive and finite, or a mean or P that is not finite or not of the features' width;
 * -EDOM where the numbers stop being finite; -ECANCELED; or -ENOMEM. On failure everything is as it
 * was.
 */
#ifndef FISHER_REFIT_H
#define FISHER_REFIT_H

#include <fisher/design.h>
#include <fisher/train.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fi_refit_options {
    double prior_precision; /* lambda; fi_refit and fi_learn_linear (learn.h) look at it */
    double prior_guess;     /* about what lambda is, 0: unknown; fi_refit_evidence alone looks */
    /* m [h] and P, NULL: zero; views. fi_refit alone takes them, the others refuse (-EINVAL). */
    const double *prior_mean;
    const fi_information *prior_information;
    uint32_t iterations; /* most Newton steps of one fit */
    double tolerance;    /* nats; a fit ends with the step that lowers J by no more */
    /* Called before each Newton step; false ends it with -ECANCELED. May be NULL. */
    bool (*go_on)(void *context);
    void *context;
} fi_refit_options;

/* lambda 1, no guess, no mean, no P, 30 steps, 1e-12 nats, nobody to ask. */
fi_refit_options fi_refit_defaults(void);

typedef struct fi_refit_result {
    uint32_t iterations; /* Newton steps taken, those of all fits of one call */
    double loss;         /* mean over the answers, without the prior; nats per answer */
    double log_evidence; /* nats; without what is guessed about lambda */
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
 * The precision that the evidence prefers, and beta with it. With lambda |beta|^2 taken for fixed
 * v, d log evidence / d log lambda = 1/2 (gamma - lambda |beta|^2), where gamma = h - lambda
 * trace(H^-1) counts the parameters that the answers determine (MacKay 1992; Bishop 2006,
 * section 3.5.2). A guess g adds a gamma prior of shape a = 1 and mean g, which has the log density
 * a log lambda - a lambda / g over log lambda, up to a constant. The derivative of the sum is zero
 * at
 *
 *     lambda = (gamma + 2 a) / (|beta|^2 + 2 a / g)
 *
 * so that the guess weighs as much as two determined parameters whose |beta|^2 is 2 / g: answers
 * that say nothing leave lambda at g. Without a guess it is gamma / |beta|^2, and such answers
 * drive it to the upper limit.
 *
 * *precision holds the start and takes the result, kept between the limits: it is a limit where the
 * root is beyond it. Newton's method on log lambda, v held fixed in its derivative; no step passes
 * the middle of what is known to bracket the root. Up to 30 fits, each from the one before;
 * converged means to 0.1 % of lambda. -EINVAL for a guess that is neither 0 nor positive and
 * finite, too.
 */
int fi_refit_evidence(size_t n_items, size_t n_features, const float *features,
                      const fi_answers *answers, const fi_refit_options *options, double *beta,
                      double *precision, fi_refit_result *ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
