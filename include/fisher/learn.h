/*
 * From answers to a reward model: which kind, how strongly regularised, and how long to train.
 *
 * There are two kinds. The linear model takes the leading principal components of the inputs as its
 * features. Only its last layer has to be learned, which is a convex problem (last_layer.h). The
 * network has hidden layers on the same inputs. AdamW trains it (train.h) without the extras; then
 * its last layer, with the extras, is fitted like that of a linear model.
 *
 * A few answers rarely support more than a linear model: a network that is fitted to them is sure
 * and wrong. Many answers to a question that is not linear do support a network. So the two kinds
 * compete on answers that they were not trained on:
 *
 *     The answers are split into five folds by their cluster, or by their pair if there are fewer
 *     than ten clusters. Models that were trained on the other folds predict each fold, for as many
 *     folds as it takes to predict 200 answers. These trials also tell how many steps the network
 *     should take. The network wins if its mean loss is lower
 *     than the linear model's by more than two standard errors of the differences. (This is the
 *     one-standard-error rule of Breiman, Friedman, Olshen and Stone 1984, 3.4.3, made stricter,
 *     because it is applied at every training.)
 *
 * The winner then learns from all answers.
 *
 * Where the answers name their annotators, the slopes of these are estimated with the features of a
 * linear model before the kinds compete, and with those of the network if it wins (reliability.h).
 * They take the place of the answers' reliabilities.
 */
#ifndef FISHER_LEARN_H
#define FISHER_LEARN_H

#include <fisher/exam.h>
#include <fisher/extras.h>
#include <fisher/reliability.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fi_kind {
    FI_KIND_AUTO, /* the kind that predicts answers which it did not see better */
    FI_KIND_LINEAR,
    FI_KIND_NETWORK,
} fi_kind;

/* How the pair of an answer came about. */
typedef enum fi_arm {
    FI_ARM_OTHER,
    FI_ARM_CHOSEN, /* by a strategy */
    FI_ARM_RANDOM, /* drawn at random, for comparison */
} fi_arm;

typedef struct fi_learn_options {
    fi_kind kind;
    /* Inputs, components, and the hidden layers of a network. More components than inputs means as
     * many as there are inputs. Without hidden layers every kind is linear. */
    fi_shape shape;
    double prior_precision; /* lambda of the embedded features; 0: the evidence sets it */
    /* The guess of that lambda is this times the mean |phi|^2 of the items of the answers, and this
     * is the shape of its prior (last_layer.h). */
    double embedded_stiffness; /* 0: FI_EMBEDDED_STIFFNESS */
    double embedded_shape;     /* 0: FI_EMBEDDED_SHAPE */
    /* The blocks of the extras, whose columns are counted from the first extra. They cover all. */
    const fi_block *extra_blocks;
    size_t n_extra_blocks;
    bool cross_fits; /* fill what fi_learned says, as far as that is cheap */
    /* Only with `cross_fits`. NULL: unknown. */
    const float *lengths; /* [n_items] logarithm of the length of an item's text; NaN: unknown */
    const uint8_t *arms;  /* [answers->count] fi_arm */
    /* Its seed and `progress` are ignored. Without `patience` a network takes all its iterations,
     * and folds are only used to compare the kinds. */
    fi_train_options train;
    uint64_t seed;
    /* Called at least once per step of either kind, with the share of the work that is done, which
     * never falls. false ends the learning with -ECANCELED. NULL is allowed. */
    bool (*go_on)(void *context, double share);
    void *context;
} fi_learn_options;

/*
 * What choosing taught. For each fold, one model learns without some of the chosen answers of the
 * other folds, and one without as many answers to random pairs: all of these, or as many as there
 * are chosen ones. Both predict the fold's answers to random pairs. The models are linear.
 */
typedef struct fi_choosing {
    size_t answers;         /* to random pairs that both predicted; 0: too few */
    double loss_difference; /* loss without chosen answers - loss without random ones, mean; above
                               0: chosen answers teach more. NaN without answers */
    double stddev;          /* its standard error, by clusters */
} fi_choosing;

typedef struct fi_learned {
    fi_model *model;        /* the caller frees it with fi_model_free */
    double prior_precision; /* lambda of the embedded features */
    /* [answers->count] the logit that a model of the same kind, which never saw the answer's
     * cluster, gives it; NaN where there is none. The caller frees it with free(). NULL unless the
     * options ask for it. */
    double *cross_fitted;
    /* [answers->count] the same of a logistic regression on the difference of `lengths` alone. NULL
     * unless the options have them. The caller frees it. */
    double *length_fitted;
    fi_exam exam; /* of the kind that won; without answers unless the options ask for it */
    fi_choosing choosing;
    /* Of answers->annotators; NULL: these are not known. The caller frees them. */
    fi_reliabilities *reliabilities;
    uint32_t iterations; /* Newton steps, or training steps up to the weights that were kept */
    bool went_on;        /* it is a network that continued from `start` */
    size_t tried;        /* answers that a network was tried on; 0: there was no trial */
    double linear_loss;  /* on those answers, nats per answer; NaN if it did not compete */
    double network_loss; /* the same; NaN if training diverged */
    double loss_error;   /* standard error of the mean difference; NaN without both losses */
} fi_learned;

#define FI_EMBEDDED_STIFFNESS 2.0
#define FI_EMBEDDED_SHAPE 1.0

/*
 * Learns from answers to pairs of embeddings [n_items x D], whose extras may be NULL.
 *
 * `inputs` is a model whose input statistics are taken over if its shape fits. Otherwise, or if it
 * is NULL, all rows set the statistics. All rows always set those of the extras, whose values may
 * change.
 *
 * `start` is a network to continue from, with its input statistics. Its weights are moved halfway
 * to fresh ones, so that they can still change (Ash and Adams 2020). It has seen the answers of
 * every fold, so the trials train fresh networks; what they find, the kind and the number of steps,
 * holds for the one that continues. If `start` is NULL or has another shape, learning starts from
 * scratch.
 *
 * With fewer than eight answers FI_KIND_AUTO is linear.
 *
 * -EINVAL for no answers, a precision that is negative or not finite, a shape out of bounds (also
 * that of a linear model which is tried), and as fi_last_layer_fit, fi_model_fit_extras and
 * fi_train; -EDOM if the numbers are no longer finite; -ECANCELED; -EIO as fi_model_fit_inputs;
 * -ENOMEM.
 */
int fi_learn(size_t n_items, const float *embeddings, const fi_extras *extras,
             const fi_answers *answers, const fi_model *inputs, const fi_model *start,
             const fi_learn_options *options, fi_learned *ret) FI_MUST_CHECK;

/* The same of the prepared inputs of the items under `inputs`, whose input statistics are taken
 * over: row i begins at prepared + i * stride. -EINVAL too if the shape of `inputs` does not fit;
 * `start` is not gone on from unless its input statistics are the same. */
int fi_learn_prepared(size_t n_items, const float *prepared, size_t stride, const fi_extras *extras,
                      const fi_answers *answers, const fi_model *inputs, const fi_model *start,
                      const fi_learn_options *options, fi_learned *ret) FI_MUST_CHECK;

/* The blocks of a last layer with h embedded features of this mean |phi|^2, then the extras.
 * Returns their number; blocks has room for FI_BLOCKS_MAX. The options have fewer extra blocks than
 * that. */
size_t fi_learn_blocks(const fi_learn_options *options, size_t h, double mean_square,
                       fi_block *blocks);

#ifdef __cplusplus
}
#endif

#endif
