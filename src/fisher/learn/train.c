/* Trains a network with AdamW and early stopping. */
#include <errno.h>
#include <fisher/train.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "adamw.h"
#include "data_set.h"
#include "model_layout.h"

int fi_loss_gradient(const fi_model *model, size_t n_items, const float *embeddings,
                     const fi_answers *answers, fi_model *gradient, double *ret_loss) {
    if (answers->count == 0 || model->shape.extras > 0 ||
        memcmp(&model->shape, &gradient->shape, sizeof(model->shape)) != 0)
        return -EINVAL;
    FD_CLEANUP(fi_data_set_clear) fi_data_set data = {0};
    int r = fi_data_set_init(&data, model, n_items, embeddings, answers);
    if (r < 0)
        return r;
    *ret_loss = fi_data_set_gradient(&data, model, gradient->parameters);
    return 0;
}

/* ---- training ---- */

fi_train_options fi_train_defaults(void) {
    return (fi_train_options){
        .learning_rate = 2e-3,
        .beta1 = 0.9,
        .beta2 = 0.999,
        .epsilon = 1e-8,
        .weight_decay = 1e-2,
        .iterations = 1000,
        .batch_size = 256,
        .patience = 10,
        .evaluate_every = 10,
    };
}

struct training {
    const fi_train_options *options;
    fi_model *model; /* changes with every step */
    fi_model *best;  /* the weights kept so far */
    fi_data_set learn;
    fi_data_set held_out;
    fi_batches batches; /* of `learn` */
    float *gradient;    /* [parameter_count] */
    fi_adamw adam;
    uint32_t iteration;
    uint32_t best_iteration;
    uint32_t since_best; /* evaluations */
    double best_loss;
    double held_out_loss;
    double train_loss;
};

static void training_clear(struct training *training) {
    fi_model_free(training->model);
    fi_model_free(training->best);
    fi_data_set_clear(&training->learn);
    fi_data_set_clear(&training->held_out);
    fi_batches_clear(&training->batches);
    fi_adamw_clear(&training->adam);
    free(training->gradient);
}

static int training_init(struct training *training, const fi_model *model, size_t n_items,
                         const float *embeddings, const fi_answers *answers,
                         const fi_answers *held_out) {
    const fi_train_options *options = training->options;
    training->best_loss = INFINITY;
    training->held_out_loss = NAN;
    training->train_loss = NAN;
    training->gradient = calloc(model->parameter_count, sizeof(float));
    int r = training->gradient ? 0 : -ENOMEM;
    if (r == 0)
        r = fi_model_copy(model, &training->model);
    if (r == 0)
        r = fi_model_copy(model, &training->best);
    if (r == 0)
        r = fi_data_set_init(&training->learn, model, n_items, embeddings, answers);
    if (r == 0)
        r = fi_data_set_init(&training->held_out, model, n_items, embeddings, held_out);
    if (r == 0)
        r = fi_batches_init(&training->batches, model, &training->learn, options->batch_size,
                            options->seed);
    return r < 0 ? r : fi_adamw_init(&training->adam, model, options);
}

static void keep_best(struct training *training) {
    memcpy(training->best->parameters, training->model->parameters,
           training->model->parameter_count * sizeof(float));
    training->best_iteration = training->iteration;
}

/* Evaluates the model on the held-out answers. True if training should stop. */
static bool evaluate_held_out(struct training *training) {
    if (training->held_out.count == 0)
        return false;
    training->held_out_loss = fi_data_set_loss(&training->held_out, training->model).loss;
    if (training->held_out_loss < training->best_loss) {
        training->best_loss = training->held_out_loss;
        training->since_best = 0;
        keep_best(training);
        return false;
    }
    training->since_best++;
    return training->options->patience > 0 && training->since_best >= training->options->patience;
}

static int step(struct training *training) {
    fi_data_set *batch = fi_batches_next(&training->batches, training->model);
    training->train_loss = fi_data_set_gradient(batch, training->model, training->gradient);
    if (!isfinite(training->train_loss))
        return -EDOM;
    fi_adamw_step(&training->adam, training->model, training->gradient);
    training->iteration++;
    return 0;
}

static bool is_cancelled(const struct training *training) {
    const fi_train_options *options = training->options;
    fi_train_progress progress = {training->iteration, training->train_loss,
                                  training->held_out_loss};
    return options->progress && options->progress(options->context, &progress) != 0;
}

static int run_steps(struct training *training) {
    uint32_t every = training->options->evaluate_every > 0 ? training->options->evaluate_every : 1;
    while (training->iteration < training->options->iterations) {
        if (training->iteration % every == 0 && evaluate_held_out(training))
            return 0;
        int r = step(training);
        if (r < 0)
            return r;
        if (is_cancelled(training))
            return -ECANCELED;
    }
    if (training->held_out.count == 0)
        keep_best(training);
    else
        (void)evaluate_held_out(training);
    return 0;
}

int fi_train(fi_model *model, size_t n_items, const float *embeddings, const fi_answers *answers,
             const fi_answers *held_out, const fi_train_options *options, fi_train_result *ret) {
    static const fi_answers none = {0};
    if (answers->count == 0 || model->shape.extras > 0)
        return -EINVAL;
    FD_CLEANUP(training_clear) struct training training = {.options = options};
    int r =
        training_init(&training, model, n_items, embeddings, answers, held_out ? held_out : &none);
    if (r == 0)
        r = run_steps(&training);
    if (r < 0)
        return r;

    fi_train_result result = {
        .iterations = training.iteration,
        .best_iteration = training.best_iteration,
        .train = fi_data_set_loss(&training.learn, training.best),
        .held_out = fi_data_set_loss(&training.held_out, training.best),
    };
    if (!isfinite(result.train.loss))
        return -EDOM;
    memcpy(model->parameters, training.best->parameters, model->parameter_count * sizeof(float));
    *ret = result;
    return 0;
}
