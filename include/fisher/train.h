/*
 * Training a reward model on answers with the Bradley-Terry loss.
 *
 * The answer to a pair (a, b) has a target t = P(a is preferred): 1, 0, or 0.5 for a tie. With the
 * logit z = r(a) - r(b) its loss is
 *
 *     -t log sigmoid(z) - (1 - t) log sigmoid(-z) = log(1 + exp(z)) - t z,    nats
 *
 * (Bradley and Terry 1952). The loss of a set of answers is the mean. Only models without extras
 * are trained; their last layer with extras is fitted afterwards (last_layer.h).
 */
#ifndef FISHER_TRAIN_H
#define FISHER_TRAIN_H

#include <fisher/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The arrays belong to the caller. Those after the targets may be NULL, and only the last layer
 * reads them (last_layer.h). */
typedef struct fi_answers {
    size_t count;
    const fi_pair *pairs; /* [count], rows of the embeddings */
    const float *targets; /* [count], each in [0, 1] */
    const float *sides;   /* [count] 1: a was shown on the left, -1: b was, 0: not known */
    /* [count] x of the annotator: 1 as careful as most, 0 answers at random, below 0 the opposite;
     * NULL: all 1 */
    const float *reliabilities;
    const uint32_t *clusters;   /* [count] answers that are alike, as those about one prompt; NULL:
                                   one cluster for each pair */
    const uint32_t *annotators; /* [count] their numbers; NULL: not known (reliability.h) */
} fi_answers;

/*
 * How well a model fits a set of answers. A mean over no answers is NaN.
 *
 * The calibration error is the expected one (Naeini, Cooper and Hauskrecht 2015). Each answer is
 * first turned to the side that the model prefers: a pair with p < 1/2 counts with 1 - p and 1 - t,
 * and a pair with p = 1/2 counts with t = 1/2. So it does not matter which item is called a. Then p
 * falls into one of ten bins of equal width between 1/2 and 1. The error is the mean over all
 * answers, ties included, of |mean p - mean t| in their bin.
 *
 * With few answers this is far above 0 even if every p is right, since t is a draw. So what it is
 * expected to be then is subtracted: in a bin with V = sum p (1 - p), about sqrt(2 V / pi) of the
 * sum, as the mean of |x| for a normal x of variance V. The result is never below 0.
 */
typedef struct fi_fit {
    double loss;     /* mean Bradley-Terry loss, nats per answer */
    double accuracy; /* share of the answers other than ties whose winner the model predicts */
    size_t decided;  /* answers other than ties */
    double calibration_error; /* without its bias */
    double accuracy_low;      /* 95 % interval of the accuracy (Wilson 1927) */
    double accuracy_high;
} fi_fit;

/* rewards [n_items], one for each row that a pair may name. */
fi_fit fi_evaluate(const float *rewards, const fi_answers *answers);

/* The same from logits [count]. Answers whose logit is NaN are left out; *ret_count is the number
 * of the others. */
fi_fit fi_evaluate_logits(size_t count, const double *logits, const float *targets,
                          size_t *ret_count);

/*
 * Computes the loss of a model on answers about embeddings [n_items x D], and its gradient: a model
 * of the same shape that receives d loss / d parameter in its parameters. Each item passes through
 * the model once. -EINVAL for no answers, a row or target out of range, a model with extras, or a
 * gradient of another shape; -ENOMEM.
 */
int fi_loss_gradient(const fi_model *model, size_t n_items, const float *embeddings,
                     const fi_answers *answers, fi_model *gradient, double *ret_loss) FI_MUST_CHECK;

typedef struct fi_train_progress {
    uint32_t iteration;   /* steps taken so far */
    double train_loss;    /* of the last step's mini-batch */
    double held_out_loss; /* the latest; NaN without held-out answers */
} fi_train_progress;

/* AdamW (Kingma and Ba 2015; Loshchilov and Hutter 2019): weight decay shrinks the weights
 * directly, not through the gradient. */
typedef struct fi_train_options {
    double learning_rate;
    double beta1;
    double beta2;
    double epsilon;
    double weight_decay; /* of the weights and beta, not of the biases */
    uint32_t iterations; /* steps at most */
    uint32_t batch_size; /* answers per step; 0: all */
    uint32_t patience;   /* evaluations without a lower held-out loss before it stops; 0: never */
    uint32_t evaluate_every; /* steps between two evaluations on the held-out answers */
    uint64_t seed;           /* for the order of the mini-batches */
    /* Called after every step. Any value but 0 ends the training with -ECANCELED. NULL is
     * allowed. */
    int (*progress)(void *context, const fi_train_progress *progress);
    void *context;
} fi_train_options;

/* Learning rate 2e-3, betas 0.9 and 0.999, epsilon 1e-8, weight decay 1e-2, 1,000 steps of 256
 * answers, patience 10, an evaluation every 10 steps. */
fi_train_options fi_train_defaults(void);

typedef struct fi_train_result {
    uint32_t iterations;     /* steps taken */
    uint32_t best_iteration; /* the step whose weights are kept */
    fi_fit train;
    fi_fit held_out;
} fi_train_result;

/*
 * Trains the model, starting from its present weights, on answers about embeddings [n_items x D].
 * With held-out answers it keeps the weights of the lowest held-out loss, which may be those of the
 * start; otherwise those of the last step. `held_out` may be NULL or empty. On failure the model is
 * unchanged: -ECANCELED if `progress` ended the training, -EDOM if the loss or a weight is no
 * longer finite, -EINVAL as fi_loss_gradient, -ENOMEM.
 */
int fi_train(fi_model *model, size_t n_items, const float *embeddings, const fi_answers *answers,
             const fi_answers *held_out, const fi_train_options *options,
             fi_train_result *ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
