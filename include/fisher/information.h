/*
 * What the answers to pairs tell about beta, whatever they are.
 *
 * A pair (a, b) has the difference d = phi(a) - phi(b), the logit d' beta, the probability
 * p = sigmoid(d' beta) that a is preferred (Bradley and Terry 1952), and the weight v = p (1 - p).
 * The Fisher information that its answer carries about beta is v d d', for either answer; a set of
 * pairs has the sum of theirs (Shen, Sun and Ton, ICML 2025, arXiv 2502.04354, eq. 3).
 *
 * Features and rewards are float32. Matrices [h x h] are float64.
 */
#ifndef FISHER_INFORMATION_H
#define FISHER_INFORMATION_H

#include <fisher/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A list of pairs of items with known features. The arrays belong to the caller. */
typedef struct fi_candidates {
    size_t n_items;
    size_t n_features; /* h */
    size_t n_pairs;
    const float *features; /* [n_items x h] */
    const float *rewards;  /* [n_items] = features beta */
    const fi_pair *pairs;  /* [n_pairs] */
    /* [n_items] the prompt of each item, or FI_NO_GROUP; NULL is allowed without max_per_group */
    const uint32_t *groups;
} fi_candidates;

#define FI_NO_GROUP UINT32_MAX

/* v = p (1 - p) of a logit, computed from exp(-|logit|), so that it never overflows. */
double fi_weight(double logit);

/* p = sigmoid(logit) */
double fi_probability(double logit);

/* ---- information: a symmetric positive semidefinite matrix [h x h] ---- */

typedef struct fi_information fi_information;

/* Zero; n_features is 1 to FI_WIDTH_MAX. The caller frees it. -ENOMEM. */
int fi_information_new(size_t n_features, fi_information **ret) FI_MUST_CHECK;
int fi_information_copy(const fi_information *information, fi_information **ret) FI_MUST_CHECK;
void fi_information_free(fi_information *information);         /* NULL is allowed */
size_t fi_information_size(const fi_information *information); /* h */

/* [h x h], both triangles; belongs to the information. */
const double *fi_information_matrix(const fi_information *information);

/* information += sum over the pairs of v d d'. -EINVAL for features of another width or a pair of
 * unknown items, -ENOMEM. */
int fi_information_add(fi_information *information, const fi_candidates *pairs) FI_MUST_CHECK;

/* The same with the reliability x [n_pairs] of who answers each pair (last_layer.h): the sum of
 * x^2 p (1 - p) d d' with p = sigmoid(x d' beta). */
int fi_information_add_reliable(fi_information *information, const fi_candidates *pairs,
                                const float *reliabilities) FI_MUST_CHECK;

/* information *= factor */
void fi_information_scale(fi_information *information, double factor);

/* information += other, and -= other. Both have the same size. */
void fi_information_merge(fi_information *information, const fi_information *other);
void fi_information_subtract(fi_information *information, const fi_information *other);

/* ---- factor: the Cholesky factor of M = information + ridge * identity ---- */

typedef struct fi_factor fi_factor;

/* The caller frees the factor. -EDOM if M is not positive definite in float64, -ENOMEM. */
int fi_factor_new(const fi_information *information, double ridge, fi_factor **ret) FI_MUST_CHECK;

/*
 * The same, but raises a ridge that is lost in rounding until M is positive definite. So finite
 * numbers never fail; -EDOM for others, and for a ridge of 0 on a matrix of zeros. -ENOMEM.
 */
int fi_factor_new_raised(const fi_information *information, double ridge,
                         fi_factor **ret) FI_MUST_CHECK;
int fi_factor_copy(const fi_factor *factor, fi_factor **ret) FI_MUST_CHECK;
void fi_factor_free(fi_factor *factor); /* NULL is allowed */

/* log det M, nats */
double fi_factor_logdet(const fi_factor *factor);

/* U [h x h], row by row, with M = U'U and zeros below the diagonal; belongs to the factor. */
const double *fi_factor_upper(const fi_factor *factor);

/* M += weight difference difference', for weight >= 0 and difference [h]. */
void fi_factor_update(fi_factor *factor, double weight, const double *difference);

/* The leverage d' M^-1 d of one difference [h]. */
double fi_factor_leverage(const fi_factor *factor, const double *difference);

/* The same, and *ret_without: the leverage of the difference whose columns first … first + count -
 * 1 are 0. It costs little more where these are among the last columns. */
double fi_factor_leverage_without(const fi_factor *factor, const double *difference, size_t first,
                                  size_t count, double *ret_without);

/*
 * The leverages d' M^-1 d of all candidates [n_pairs], to within 1e-6 of the largest. Blocks of
 * GEMM touch each item once. -EINVAL for features of another width or a pair of unknown items,
 * -ENOMEM.
 */
int fi_factor_leverages(const fi_factor *factor, const fi_candidates *candidates,
                        double *leverages) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
