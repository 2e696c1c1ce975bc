/*
 * Fitting the last layer alone.
 *
 * The features are fixed. Under a normal prior with mean m and precision A = lambda * identity + P,
 * the most probable beta minimises
 *
 *     J(beta) = sum_i loss(d_i' beta, t_i) + 1/2 (beta - m)' A (beta - m)
 *
 * with the differences d_i = phi(a_i) - phi(b_i) and the Bradley-Terry loss of train.h. J is
 * convex. Its gradient is A (beta - m) - sum (t - p) d and its Hessian H = sum v d d' + A, so
 * Newton's method with step halving finds the minimum (iteratively reweighted least squares). m and
 * P are zero unless the options set them; then H is the design matrix M of selection.h, without
 * pairs that are only handed out. The posterior of beta is close to normal with covariance H^-1
 * (Laplace), so phi' beta has the standard deviation sqrt(phi' H^-1 phi): see fi_factor_leverage.
 *
 * Old answers can serve as the prior of new ones. Let m be the beta that was fitted to the old
 * answers, P their information sum v d d' at m, and lambda the same. A fit to the new answers alone
 * is then, to second order, the fit to all of them, and no answer counts twice.
 *
 * The evidence is the probability of the answers with beta integrated out, by Laplace's method
 * (MacKay 1992):
 *
 *     log evidence = -J(beta) + 1/2 log det A - 1/2 log det H,    nats
 *
 * Features are float32, everything else is float64. beta [h] holds the start and receives the
 * result. If the start has a larger J than m, or is not finite, the fit starts from m. Apart from
 * rounding, the result depends neither on the order of the answers nor on the order of their sides.
 *
 * Functions return 0 or:
 *   -EINVAL   no answers, a row out of range, a target outside [0, 1], a feature of a named row
 *             that is not finite, a width of 0 or over FI_WIDTH_MAX, a precision that is not
 *             positive and finite, or a mean or P that is not finite or has another width
 *   -EDOM     the numbers are no longer finite
 *   -ECANCELED, -ENOMEM
 * On failure beta and the results are unchanged.
 */
#ifndef FISHER_REFIT_H
#define FISHER_REFIT_H

#include <fisher/information.h>
#include <fisher/train.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fi_refit_options {
    double prior_precision; /* lambda; only for fi_refit, and fi_learn_linear of learn.h */
    double prior_guess;     /* roughly lambda; 0: unknown; only for fi_refit_evidence */
    /* m [h] and P, or NULL for zero; they belong to the caller. Only fi_refit takes them, the other
     * functions return -EINVAL. */
    const double *prior_mean;
    const fi_information *prior_information;
    uint32_t iterations; /* Newton steps of one fit, at most */
    double tolerance;    /* nats; a step that lowers J by no more is the last one of a fit */
    /* Called before each Newton step. false ends the fit with -ECANCELED. NULL is allowed. */
    bool (*go_on)(void *context);
    void *context;
} fi_refit_options;

/* lambda 1, no guess, m and P zero, 30 steps, 1e-12 nats, no function to call. */
fi_refit_options fi_refit_defaults(void);

typedef struct fi_refit_result {
    uint32_t iterations; /* Newton steps of all fits of the call */
    double loss;         /* mean over the answers, without the prior; nats per answer */
    double log_evidence; /* nats; without the prior of lambda that a guess makes */
    double logdet;  /* log det H before the last step, with lambda raised if rounding needs it */
    bool converged; /* within the tolerance */
} fi_refit_result;

/* Fits beta [n_features] to answers about features [n_items x n_features]. */
int fi_refit(size_t n_items, size_t n_features, const float *features, const fi_answers *answers,
             const fi_refit_options *options, double *beta, fi_refit_result *ret) FI_MUST_CHECK;

/*
 * Finds the best lambda of a grid [n_grid], and its beta. The best has the highest evidence or,
 * with held-out answers, their lowest loss. `held_out` may be NULL or empty. If several tie, the
 * largest lambda is taken. The fits go from the largest lambda down, each starting from the one
 * before. -EINVAL also for an empty grid.
 */
int fi_refit_best(size_t n_items, size_t n_features, const float *features,
                  const fi_answers *answers, const double *grid, size_t n_grid,
                  const fi_answers *held_out, const fi_refit_options *options, double *beta,
                  double *ret_precision, fi_refit_result *ret) FI_MUST_CHECK;

#define FI_PRECISION_LEAST 1e-6
#define FI_PRECISION_MOST 1e9

/*
 * Finds the lambda that the evidence prefers, and its beta. For fixed v,
 *
 *     d log evidence / d log lambda = 1/2 (gamma - lambda |beta|^2)
 *
 * and gamma = h - lambda trace(H^-1) counts the parameters that the answers determine (MacKay 1992;
 * Bishop 2006, section 3.5.2). A guess g adds a gamma prior of shape a = 1 and mean g, with the log
 * density a log lambda - a lambda / g over log lambda, up to a constant. The derivative of the sum
 * is zero at
 *
 *     lambda = (gamma + 2 a) / (|beta|^2 + 2 a / g)
 *
 * so the guess weighs as much as two determined parameters with |beta|^2 = 2 / g. Answers without
 * information leave lambda at g. Without a guess lambda is gamma / |beta|^2, and such answers drive
 * it to the upper limit.
 *
 * *precision holds the start and receives the result, which stays between the two limits above: it
 * is a limit if the root lies beyond it. The method is Newton's on log lambda, with v fixed in its
 * derivative. No step passes the middle of the bracket known so far. At most 30 fits, each starting
 * from the one before. `converged` also means that lambda has settled to 0.1 %. -EINVAL also for a
 * guess that is neither 0 nor positive and finite.
 */
int fi_refit_evidence(size_t n_items, size_t n_features, const float *features,
                      const fi_answers *answers, const fi_refit_options *options, double *beta,
                      double *precision, fi_refit_result *ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
