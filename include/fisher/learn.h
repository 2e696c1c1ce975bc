/*
 * From answers to a reward model: which kind, how strongly regularised, trained for how long.
 *
 * Two kinds compete. The linear model has the leading principal components of the inputs for
 * features; its last layer is all there is to learn, a convex problem whose prior precision is set
 * by the evidence (refit.h). The network has hidden layers on the same inputs, trained by AdamW
 * (train.h). A few answers hardly ever carry more than a linear model, and a network that is fitted
 * to them is sure of itself and wrong; many answers to a question that is not linear do. So both
 * are tried on answers that they were not trained on:
 *
 *     the answers are cut into four folds by their pair; each of as many folds as give 200 answers
 *     is predicted by models that learned from the others. The network also finds there how many
 *     steps it should take. It is chosen where its mean loss is lower than the linear model's by
 *     more than two standard errors of the differences (the one-standard-error rule of Breiman,
 *     Friedman, Olshen and Stone 1984, 3.4.3, made stricter: it is applied at every training).
 *
 * The chosen kind then learns from all answers.
 */
#ifndef FISHER_LEARN_H
#define FISHER_LEARN_H

#include <fisher/refit.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fi_kind {
    FI_KIND_AUTO, /* what predicts better */
    FI_KIND_LINEAR,
    FI_KIND_NETWORK,
} fi_kind;

typedef struct fi_learn_options {
    fi_kind kind;
    /* inputs, components and the hidden layers of a network. More components than inputs are as
     * many as there are inputs; without hidden layers every kind is linear. */
    fi_shape shape;
    double prior_precision; /* lambda; 0: by the evidence */
    /* Without `patience` a network takes all its iterations, and is tried on folds only where it
     * competes. The seed and `progress` are not looked at. */
    fi_train_options train;
    uint64_t seed;
    /* Called with the share that is done, which never falls, at least once a step of either kind;
     * false ends it with -ECANCELED. May be NULL. */
    bool (*go_on)(void *context, double share);
    void *context;
} fi_learn_options;

typedef struct fi_learned {
    fi_model *model;        /* the caller's, freed with fi_model_free */
    double prior_precision; /* lambda of the last layer */
    uint32_t iterations;    /* Newton steps, or training steps up to the weights that were kept */
    bool went_on;           /* a network, from `start` */
    size_t tried;           /* answers that a network was tried on; 0: none was */
    double linear_loss;     /* on those, nats per answer; NaN where it did not compete */
    double network_loss;    /* NaN where training diverged */
    double loss_error;      /* standard error of the difference of the two; NaN without it */
} fi_learned;

/*
 * Learns from the answers to pairs of n_items rows of embeddings [n_items x D].
 *
 * `inputs` is a model whose input statistics are taken over, where it fits the shape; otherwise,
 * or with NULL, they are those of all rows. `start` is a network to go on from, with its input
 * statistics, shrunk halfway to fresh weights so that it can still move (Ash and Adams 2020): what
 * it saw it cannot be tried on, so then `held_out` answers, which it never saw, tell when to stop
 * and choose the kind. With fewer than eight of those FI_KIND_AUTO starts from scratch; without
 * any, FI_KIND_NETWORK goes on and takes all its iterations. NULL, or another shape, starts from
 * scratch too, and then `held_out` is not looked at. With fewer than eight answers FI_KIND_AUTO is
 * linear.
 *
 * The prior precision of a network is h / |beta|^2, the one under which its own beta is most
 * likely.
 *
 * -EINVAL for no answers, a precision that is negative or not finite, or a shape out of bounds, for
 * a linear model too, where one is tried; and as fi_refit and fi_train. -EDOM where the numbers
 * stop being finite, -ECANCELED, -EIO as fi_model_fit_inputs, -ENOMEM.
 */
int fi_learn(size_t n_items, const float *embeddings, const fi_answers *answers,
             const fi_answers *held_out, const fi_model *inputs, const fi_model *start,
             const fi_learn_options *options, fi_learned *ret) FI_MUST_CHECK;

/*
 * The last layer of a linear model, as fi_learn fits it, from the features [n_items x n_features]
 * of the items. With the options' prior_precision 0 lambda is found by the evidence, under the
 * guess that rewards have a standard deviation of about one, and *precision holds its start, 0 for
 * the guess; in any case it takes the result. The options' guess is not looked at. beta
 * [n_features] as fi_refit, which tells the failures, too.
 */
int fi_learn_linear(size_t n_items, size_t n_features, const float *features,
                    const fi_answers *answers, const fi_refit_options *options, double *beta,
                    double *precision, fi_refit_result *ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
