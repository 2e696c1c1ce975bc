/*
 * Fitting the last layer: blocks of coefficients, each with a prior of its own.
 *
 * The features of an item are the row phi [h]. Some columns come from the embedding, others from
 * the text or from prior scores, and what is known about their coefficients before any answer
 * differs. So the columns form blocks, and the prior of block g is
 *
 *     beta_j ~ N(m_g, 1 / lambda_g)    for every column j of g.
 *
 * The answer to a pair (a, b) has the logit
 *
 *     z = x (d' beta + s side),    d = phi(a) - phi(b)
 *
 * where s is 1 if a was shown on the left, -1 if b was, and 0 if that is not known; `side` is the
 * pull of the left side, with a prior of mean 0; and x is the reliability of the annotator (1
 * unless the answers say otherwise). The side is never part of a reward.
 *
 * With the design effect D (below) the most probable coefficients minimise
 *
 *     J = 1/D sum_i loss(z_i, t_i) + 1/2 sum_g lambda_g |beta_g - m_g|^2
 *
 * and H = 1/D sum x^2 v d d' + Lambda is the Hessian: the posterior is close to normal with the
 * covariance H^-1 (Laplace). Newton's method with step halving finds the minimum.
 *
 * The evidence of the answers sets each lambda (MacKay 1992). With I = H - Lambda,
 *
 *     gamma_g  = sum over j in g of (H^-1 I)_jj
 *     lambda_g = (gamma_g + 2 a) / (|beta_g - m_g|^2 + 2 a / guess)
 *
 * the second term of each being a gamma prior of shape a and mean `guess`: answers that tell
 * nothing leave lambda at the guess.
 *
 * Averaging. Whether the text matters at all is a question of its own, and few answers cannot tell.
 * For every set R of the blocks that may be left out, the Bayes factor against R being zero is that
 * of Savage and Dickey (Dickey 1971), with Sigma = H^-1:
 *
 *     log B_R = - 1/2 beta_R' Sigma_RR^-1 beta_R - 1/2 log det Sigma_RR
 *               - 1/2 sum_R log lambda_j + 1/2 sum_R lambda_j m_j^2
 *     beta^R  = beta - Sigma_:R Sigma_RR^-1 beta_R
 *     Sigma^R = Sigma - Sigma_:R Sigma_RR^-1 Sigma_R:
 *
 * The model that serves is the mean over these fits, weighted by w_R = B_R prior_R / sum of the
 * same (Hoeting, Madigan, Raftery and Volinsky 1999):
 *
 *     beta  = sum w_R beta^R
 *     Sigma = sum w_R (Sigma^R + (beta^R - beta)(beta^R - beta)').
 *
 * The design effect (Kish 1965). Several votes on one pair, and whatever the features cannot
 * explain, make the answers of a prompt alike, and then n of them carry less than n. With
 * e = x (t - p) and u = U'^-1 d e, U'U = H of a fit with a stiff prior of the first block,
 *
 *     D_groups = sum over groups of |sum of u in the group|^2 / sum of |u|^2,    at least 1
 *     D = sqrt(D_pairs D_clusters),    at least D_pairs.
 *
 * The answers of a pair repeat each other. Those of a cluster are also alike because of what the
 * features cannot explain, and from that there is still something to learn: a D of the clusters
 * alone would slow down learning of a reward that the features explain in part. Below five
 * clusters D is D_pairs. D comes in between 10 and 30 answers, and is at most 10.
 *
 * Features are float32, everything else is float64. The result depends neither on the order of the
 * answers nor on the order of their sides, apart from rounding.
 */
#ifndef FISHER_LAST_LAYER_H
#define FISHER_LAST_LAYER_H

#include <fisher/information.h>
#include <fisher/train.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FI_BLOCKS_MAX = 32,
    FI_BLOCKS_AVERAGED_MAX = 6, /* 64 fits are averaged at most */
};

#define FI_PRECISION_LEAST 1e-6
#define FI_PRECISION_MOST 1e9
#define FI_DESIGN_EFFECT_MOST 10.0

/* Columns first … first + count - 1 of the features. The blocks cover all columns, in order. */
typedef struct fi_block {
    uint32_t first;
    uint32_t count;
    double mean;     /* m */
    double guess;    /* the mean of the prior of lambda; > 0 */
    double shape;    /* a; larger trusts the guess more; infinity keeps lambda at the guess */
    bool averaged;   /* may be left out: its coefficients may all be zero */
    double log_odds; /* of its mattering, before any answer; only for an averaged block */
} fi_block;

typedef struct fi_last_layer_options {
    const fi_block *blocks; /* [n_blocks] */
    size_t n_blocks;
    double side_guess;    /* as the guess of a block; 4 */
    double design_effect; /* D; 0: the answers tell it */
    uint32_t rounds;      /* of the evidence, at most; 0: the precisions stay as they start */
    uint32_t iterations;  /* Newton steps of one fit, at most */
    double tolerance;     /* nats; a step that lowers J by no more is the last one of a fit */
    /* Called before each Newton step. false ends the fit with -ECANCELED. NULL is allowed. */
    bool (*go_on)(void *context);
    void *context;
} fi_last_layer_options;

/* Side guess 4, D by the answers, 40 rounds, 30 steps, 1e-12 nats, without blocks. */
fi_last_layer_options fi_last_layer_defaults(void);

/* A fitted last layer. */
typedef struct fi_last_layer {
    size_t n_features; /* h */
    size_t n_blocks;
    double *beta;          /* [h] averaged: the one that serves */
    double *start;         /* [h] without averaging: where the next fit starts */
    double *covariance;    /* [h x h] averaged Sigma of beta, with the side integrated out */
    double *precisions;    /* [n_blocks] lambda */
    double *probabilities; /* [n_blocks] that the block matters; 1 if it is never left out */
    fi_block *blocks;      /* [n_blocks] as they were given */
    double side;           /* the pull of the left side, on the scale of rewards; 0 if unknown */
    double side_stddev;
    double side_precision;
    double design_effect; /* D */
    double loss;          /* mean over the answers at beta and side; nats per answer */
    double log_evidence;  /* nats; of all blocks, without the priors of the lambdas */
    uint32_t iterations;  /* Newton steps */
    bool converged;
    double data[]; /* the arrays, in this order; the blocks follow */
} fi_last_layer;

/*
 * Fits a last layer to answers about features [n_items x n_features]. `start`, which may be NULL,
 * is an earlier fit with the same columns and blocks: the fit starts from its coefficients and
 * precisions. With no answers the result is the prior. The caller frees *ret with
 * fi_last_layer_free.
 *
 * -EINVAL for a row out of range, a target outside [0, 1], a side outside [-1, 1], a reliability
 * that is not finite, a feature of a named row that is not finite, a width of 0 or of FI_WIDTH_MAX
 * or more, or blocks that do not cover the columns in order or are out of bounds; -EDOM if the
 * numbers are no longer finite; -ECANCELED, -ENOMEM.
 */
int fi_last_layer_fit(size_t n_items, size_t n_features, const float *features,
                      const fi_answers *answers, const fi_last_layer_options *options,
                      const fi_last_layer *start, fi_last_layer **ret) FI_MUST_CHECK;

/* Makes a layer of zeros, or a copy. The caller frees it. -ENOMEM. */
int fi_last_layer_new(size_t n_features, size_t n_blocks, fi_last_layer **ret) FI_MUST_CHECK;
int fi_last_layer_copy(const fi_last_layer *layer, fi_last_layer **ret) FI_MUST_CHECK;
void fi_last_layer_free(fi_last_layer *layer); /* NULL is allowed */

/* Everything that is known about beta after the fit: the inverse of its covariance. The caller
 * frees it. -EDOM if the covariance is not positive definite, -ENOMEM. */
int fi_last_layer_information(const fi_last_layer *layer, fi_information **ret) FI_MUST_CHECK;

/* Mean |phi|^2 of columns first … first + count - 1 over the items that the answers name, or over
 * all items without answers. Rewards have a standard deviation of about 1 under this precision. */
double fi_mean_square(size_t n_items, size_t n_features, const float *features,
                      const fi_answers *answers, size_t first, size_t count);

#ifdef __cplusplus
}
#endif

#endif
