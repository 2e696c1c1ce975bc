/*
 * Reliabilities: how much the answers of each annotator follow the rewards.
 *
 * Some people answer at random, and some hold the scale the wrong way round. So annotator w has a
 * slope x_w, and an answer of theirs to a pair has the logit
 *
 *     z = x_w u,    u = d' beta + s side,    x_w ~ N(1, 1/2)
 *
 * with 1/2 for the variance (Whitehill, Wu, Bergsma, Ruvolo and Movellan 2009, whose alpha it is;
 * for pairs Chen, Bennett, Collins-Thompson and Horvitz 2013). x = 1 is an annotator like most, 0
 * one who answers at random, and below 0 one who prefers what the others do not.
 *
 * Two steps in turn find the slopes. The first fits the last layer at given slopes, its D included.
 * The second asks what that fit says of the answers of w without having seen them, u_-w, by one
 * step of Newton's method (approximate cross-validation; Beirami, Razaviyayn, Shahrampour and
 * Tarokh 2017): a fit follows whoever answers, so that in its own logits even a coin seems
 * reliable. Then
 *
 *     x_w = argmin rho_w/D sum_i loss(x u_-w,i , t_i) + (x - 1)^2    in [-1, 3]
 *
 * and its standard deviation is Laplace's, (rho_w/D sum u^2 v + 2)^-1/2. What w's answers say may
 * be news about beta as well as about the slope, the more so the less the others have said. Of the
 * information about the slope this leaves the share (Schur's complement in that of both)
 *
 *     rho_w = 1 - c' H^-1 c / (1/D sum u^2 v),    c = 1/D sum x v u d.
 *
 * So an annotator with few answers stays near 1, and so does one who gave nearly all: a single
 * person's answers cannot tell the slope from the scale of the rewards.
 *
 * By the evidence. Slopes for annotators who are alike only add noise. A slope is clearly low if
 *
 *     W Phi((x - 1) / stddev) < 0.07
 *
 * of W annotators, a bound on the chance that the least of W slopes, all of them 1, seems so low
 * (Bonferroni). The prior draws all slopes to 1, so the bound is wide: of simulated projects with
 * three to forty honest annotators and 50 to 400 answers 0 to 2 % have a clearly low slope. The
 * slopes matter, and enter fits, when one is clearly low. Otherwise all answers count the same.
 */
#ifndef FISHER_RELIABILITY_H
#define FISHER_RELIABILITY_H

#include <fisher/last_layer.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { FI_ANNOTATORS_MAX = 1 << 24 };

#define FI_RELIABILITY_LEAST (-1.0)
#define FI_RELIABILITY_MOST 3.0

typedef struct fi_reliabilities {
    size_t count;    /* annotators 0 … count - 1 */
    bool matter;     /* a slope is clearly low, so that the slopes enter fits */
    double *values;  /* [count] x; NaN for an annotator without answers */
    double *stddevs; /* [count] NaN where x is */
    double data[];   /* both */
} fi_reliabilities;

/* Makes reliabilities that nobody knows, or a copy. The caller frees them. -ENOMEM. */
int fi_reliabilities_new(size_t count, fi_reliabilities **ret) FI_MUST_CHECK;
int fi_reliabilities_copy(const fi_reliabilities *from, fi_reliabilities **ret) FI_MUST_CHECK;
void fi_reliabilities_free(fi_reliabilities *reliabilities); /* NULL is allowed */

/* The x of an annotator that a fit takes: 1 if the slopes do not matter, or theirs is not known.
 * NULL reliabilities are allowed. */
double fi_reliability(const fi_reliabilities *reliabilities, size_t annotator);

/* Whether the slope of an annotator is clearly low. NULL reliabilities are allowed. */
bool fi_reliability_is_low(const fi_reliabilities *reliabilities, size_t annotator);

/* The slope of one annotator, who gave the answers [count] to pairs of the logits u [count], and
 * its standard deviation. `share` is rho / D. */
void fi_reliability_find(size_t count, const double *logits, const float *targets, double share,
                         double *ret_value, double *ret_stddev);

/*
 * Estimates the slopes of answers->annotators in five rounds; answers->reliabilities are ignored.
 * It stops after the first round if nobody seems low. Options and `start` are those of
 * fi_last_layer_fit; no block is left out. The caller frees *ret. With fewer than two annotators
 * who answered, nobody is known.
 *
 * -EINVAL without annotators, for a number of FI_ANNOTATORS_MAX or more, and as fi_last_layer_fit,
 * whose other errors it has too.
 */
int fi_reliabilities_fit(size_t n_items, size_t n_features, const float *features,
                         const fi_answers *answers, const fi_last_layer_options *options,
                         const fi_last_layer *start, fi_reliabilities **ret) FI_MUST_CHECK;

/* What a training knew of the annotators, by numbers that mean something to the caller; NULL:
 * nothing. They belong to the model and are part of its bytes. Setting them copies them. */
const fi_reliabilities *fi_model_reliabilities(const fi_model *model);
int fi_model_set_reliabilities(fi_model *model, const fi_reliabilities *from) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
