/*
 * Learning a reward model from answers with the Bradley-Terry loss.
 *
 * The answer to a pair (a, b) has a target t = P(a preferred): 1, 0, or 0.5 for a tie. With the
 * logit z = r(a) - r(b) its loss is -t log sigmoid(z) - (1 - t) log sigmoid(-z)
 * = log(1 + exp(z)) - t z (Bradley and Terry 1952), and the loss of a set is the mean.
 */
#ifndef FISHER_TRAIN_H
#define FISHER_TRAIN_H

#include <fisher/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fi_answers {
    size_t count;
    const fi_pair *pairs; /* [count], rows of the embeddings */
    const float *targets; /* [count], each in [0, 1] */
} fi_answers;

/*
 * What a model says of a set of answers; NaN for a mean over none.
 *
 * The calibration error is the expected one (Naeini, Cooper and Hauskrecht 2015). Each answer is
 * folded to the side that the model prefers: a pair with p < 1/2 counts with 1 - p and 1 - t, and
 * one with p = 1/2 with t = 1/2, so that which item stands first does not matter. Then p is in one
 * of ten bins of equal width between 1/2 and 1, and the error is the mean over all answers, ties
 * too, of |mean p - mean t| in their bin.
 */
typedef struct fi_fit {
    double loss;     /* mean Bradley-Terry loss, nats per answer */
    double accuracy; /* share of the answers that are no tie whose sign the model gets right */
    size_t decided;  /* answers that are no tie */
    double calibration_error;
    double accuracy_low; /* 95 % interval of the accuracy (Wilson 1927) */
    double accuracy_high;
} fi_fit;

/* rewards [n_items] of the rows that the pairs name. */
fi_fit fi_evaluate(const float *rewards, const fi_answers *answers);

/*
 * The loss of a model and its gradient, which is a model of the same shape whose parameters hold
 * d loss / d parameter. Each distinct item is run through the model once.
 * -EINVAL for no answers, a row out of range, or a gradient of another shape; -ENOMEM.
 */
int fi_loss_gradient(const fi_model *model, size_t n_items, const float *embeddings,
                     const fi_answers *answers, fi_model *gradient, double *ret_loss) FI_MUST_CHECK;

typedef struct fi_train_progress {
    uint32_t iteration;   /* steps taken so far */
    double train_loss;    /* of the last step's batch */
    double held_out_loss; /* the latest; NaN without held-out answers */
} fi_train_progress;

/* AdamW (Kingma and Ba 2015; Loshchilov and Hutter 2019): the decay acts on the weights themselves.
 */
typedef struct fi_train_options {
    double learning_rate;
    double beta1;
    double beta2;
    double epsilon;
    double weight_decay; /* of weights and beta; biases are not decayed */
    uint32_t iterations; /* most steps */
    uint32_t batch_size; /* answers a step; 0 takes all */
    uint32_t patience;   /* evaluations without a better held-out loss before stopping; 0: never */
    uint32_t evaluate_every; /* steps between two looks at the held-out answers */
    uint64_t seed;           /* order of the mini-batches */
    /* Called at every evaluation and at least every 10 steps; anything but 0 ends the training. */
    int (*progress)(void *context, const fi_train_progress *progress);
    void *context;
} fi_train_options;

/* learning rate 2e-3, betas 0.9 and 0.999, epsilon 1e-8, decay 1e-2, 1,000 steps of 256 answers,
 * patience 10, evaluation every 10 steps. */
fi_train_options fi_train_defaults(void);

typedef struct fi_train_result {
    uint32_t iterations;     /* steps taken */
    uint32_t best_iteration; /* the step whose weights are kept */
    fi_fit train;
    fi_fit held_out;
} fi_train_result;

/*
 * Trains the model from where it stands. With held-out answers (may be NULL or empty) it keeps the
 * weights of the lowest held-out loss seen, the start included; otherwise those of the last step.
 * On failure the model is as it was: -ECANCELED when `progress` ended it, -EDOM when the loss or
 * a weight stopped being finite, -EINVAL as for fi_loss_gradient, -ENOMEM.
 */
int fi_train(fi_model *model, size_t n_items, const float *embeddings, const fi_answers *answers,
             const fi_answers *held_out, const fi_train_options *options,
             fi_train_result *ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
