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
 *     more than one standard error of the differences (the one-standard-error rule; Breiman,
 *     Friedman, Olshen and Stone 1984, 3.4.3).
 *
 * The chosen kind then learns from all answers.
 */
#ifndef FISHER_LEARN_H
#define FISHER_LEARN_H

#include <fisher/refit.h>

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
    /* Without `patience` a network takes all its iterations and is not tried on folds first, unless
     * it has to compete. `progress` is not looked at. */
    fi_train_options train;
    uint64_t seed;
    /* Called now and then with the share that is done; false ends it with -ECANCELED. May be NULL.
     */
    bool (*go_on)(void *context, double share);
    void *context;
} fi_learn_options;

typedef struct fi_learned {
    fi_model *model;        /* the caller's, freed with fi_model_free */
    double prior_precision; /* lambda of the last layer */
    uint32_t iterations;    /* Newton steps or training steps */
    bool went_on;           /* a network, from `start` */
    size_t tried;           /* answers that the kinds were tried on; 0: they were not */
    double linear_loss;     /* on those, nats per answer; NaN where not tried */
    double network_loss;    /* infinite where training diverged */
    double loss_error;      /* standard error of the difference of the two */
} fi_learned;

/*
 * Learns from the answers to pairs of n_items rows of embeddings [n_items x D].
 *
 * `inputs` is a model whose input statistics are taken over, where it fits the shape; otherwise,
 * or with NULL, they are those of all rows. `start` is a network to go on from, shrunk halfway to
 * fresh weights so that it can still move (Ash and Adams 2020): what it saw it cannot be tried on,
 * so then `held_out` answers, which it never saw, tell when to stop and choose the kind. Without
 * any, a network that need not compete takes all its iterations and FI_KIND_AUTO starts from
 * scratch. NULL, or another shape, starts from scratch too, and `held_out` is not looked at.
 *
 * The prior precision of a network is h / |beta|^2, the one under which its own beta is most
 * likely.
 *
 * -EINVAL for no answers or a shape out of bounds and as fi_refit and fi_train, -EDOM where the
 * numbers stop being finite, -ECANCELED, -EIO as fi_model_fit_inputs, -ENOMEM.
 */
int fi_learn(size_t n_items, const float *embeddings, const fi_answers *answers,
             const fi_answers *held_out, const fi_model *inputs, const fi_model *start,
             const fi_learn_options *options, fi_learned *ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
