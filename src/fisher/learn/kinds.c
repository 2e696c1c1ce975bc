/* Fits a linear model or a network to answers, and the last layer of either. */
#include "kinds.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "model_layout.h"

void fi_fitted_clear(fi_fitted *fitted) {
    fi_model_free(fitted->model);
    fi_last_layer_free(fitted->layer);
}

fi_shape fi_prepared_shape(const fi_learning *learning, uint32_t hidden_layers) {
    return (fi_shape){.inputs = (uint32_t)fi_model_prepared_count(learning->inputs),
                      .hidden_layers = hidden_layers,
                      .hidden_width = learning->options->shape.hidden_width};
}

/* A linear fit takes few steps. The share stays the same until it ends. */
static bool goes_on(void *context) {
    fi_learning *learning = context;
    return fi_learning_report(learning, learning->done) == 0;
}

/* ---- the last layer ---- */

/* Features of a prepared model, and the extras: [n_items x (h + extras)], malloc'd. */
static int features_of(const fi_learning *learning, const fi_model *model, float **ret) {
    const fi_data_set *data = &learning->data;
    size_t h = fi_model_feature_count(model), e = learning->inputs->shape.extras, width = h + e;
    FD_FREE float *embedded = calloc(data->n_items + 1, h * sizeof(*embedded));
    FD_FREE float *features = calloc(data->n_items + 1, width * sizeof(*features));
    if (!embedded || !features)
        return -ENOMEM;
    int r = fi_model_features(model, data->n_items, data->inputs, NULL, embedded);
    if (r < 0)
        return r;
    for (size_t i = 0; i < data->n_items; i++) {
        memcpy(features + i * width, embedded + i * h, h * sizeof(*features));
        if (e > 0)
            memcpy(features + i * width + h, learning->extras + i * e, e * sizeof(*features));
    }
    *ret = FD_STEAL(features);
    return 0;
}

size_t fi_learn_blocks(const fi_learn_options *options, size_t h, double mean_square,
                       fi_block *blocks) {
    double stiffness = options->embedded_stiffness, shape = options->embedded_shape;
    double guess = (stiffness > 0.0 ? stiffness : FI_EMBEDDED_STIFFNESS) * mean_square;
    blocks[0] = (fi_block){.count = (uint32_t)h,
                           .guess = fmin(fmax(guess, FI_PRECISION_LEAST), FI_PRECISION_MOST),
                           .shape = shape > 0.0 ? shape : FI_EMBEDDED_SHAPE};
    if (options->prior_precision > 0.0) {
        blocks[0].guess = options->prior_precision;
        blocks[0].shape = INFINITY;
    }
    for (size_t g = 0; g < options->n_extra_blocks; g++) {
        blocks[g + 1] = options->extra_blocks[g];
        blocks[g + 1].first += (uint32_t)h;
    }
    return options->n_extra_blocks + 1;
}

/* What a fit of a last layer takes. */
struct layer_problem {
    size_t width;
    float *features; /* [n_items x width] */
    fi_block blocks[FI_BLOCKS_MAX];
    fi_last_layer_options options;
};

static void layer_problem_clear(struct layer_problem *problem) {
    free(problem->features);
}

static int pose(fi_learning *learning, const fi_model *model, const fi_answers *answers,
                struct layer_problem *ret) {
    size_t h = fi_model_feature_count(model);
    int r = features_of(learning, model, &ret->features);
    if (r < 0)
        return r;
    ret->width = h + learning->inputs->shape.extras;
    double square =
        fi_mean_square(learning->data.n_items, ret->width, ret->features, answers, 0, h);
    ret->options = fi_last_layer_defaults();
    ret->options.blocks = ret->blocks;
    ret->options.n_blocks = fi_learn_blocks(learning->options, h, square, ret->blocks);
    ret->options.go_on = goes_on;
    ret->options.context = learning;
    return 0;
}

int fi_fit_last_layer(fi_learning *learning, const fi_answers *answers, fi_fitted *fitted) {
    FD_CLEANUP(layer_problem_clear) struct layer_problem problem = {0};
    int r = pose(learning, fitted->model, answers, &problem);
    if (r < 0)
        return r;
    fi_last_layer_free(FD_STEAL(fitted->layer));
    return fi_last_layer_fit(learning->data.n_items, problem.width, problem.features, answers,
                             &problem.options, NULL, &fitted->layer);
}

int fi_fit_reliabilities(fi_learning *learning, const fi_model *model, const fi_answers *answers,
                         fi_reliabilities **ret) {
    FD_CLEANUP(layer_problem_clear) struct layer_problem problem = {0};
    int r = pose(learning, model, answers, &problem);
    return r < 0 ? r
                 : fi_reliabilities_fit(learning->data.n_items, problem.width, problem.features,
                                        answers, &problem.options, NULL, ret);
}

int fi_fitted_rewards(const fi_learning *learning, const fi_fitted *fitted, float *rewards) {
    FD_FREE float *features = NULL;
    int r = features_of(learning, fitted->model, &features);
    if (r < 0)
        return r;
    size_t width = fitted->layer->n_features;
    for (size_t i = 0; i < learning->data.n_items; i++) {
        double reward = 0.0;
        for (size_t j = 0; j < width; j++)
            reward += fitted->layer->beta[j] * (double)features[i * width + j];
        rewards[i] = (float)reward;
    }
    return 0;
}

int fi_fit_linear(fi_learning *learning, const fi_answers *answers, fi_fitted *ret) {
    fi_shape shape = fi_prepared_shape(learning, 0);
    int r = fi_model_new(&shape, 0, &ret->model);
    if (r == 0)
        r = fi_fit_last_layer(learning, answers, ret);
    if (r == 0)
        ret->steps = ret->layer->iterations;
    return r;
}

/* ---- networks ---- */

/* Makes a network with fresh weights, or with weights halfway between them and those of `start`. */
static int begin_network(const fi_learning *learning, fi_model **ret) {
    const fi_learn_options *options = learning->options;
    fi_shape shape = fi_prepared_shape(learning, options->shape.hidden_layers);
    int r = fi_model_new(&shape, options->seed, ret);
    if (r < 0 || !learning->start)
        return r;
    float *parameters = (*ret)->parameters;
    for (size_t i = 0; i < (*ret)->parameter_count; i++) /* the extras' coefficients follow */
        parameters[i] = 0.5f * (parameters[i] + learning->start->parameters[i]);
    return 0;
}

static int on_progress(void *context, const fi_train_progress *progress) {
    fi_learning *learning = context;
    double share = (double)progress->iteration / (double)learning->steps;
    return fi_learning_report(learning, learning->done + learning->share * share);
}

int fi_fit_network(fi_learning *learning, const fi_answers *answers, const fi_answers *held_out,
                   uint32_t steps, fi_fitted *ret) {
    const fi_data_set *data = &learning->data;
    fi_train_options train = learning->options->train;
    train.iterations = learning->steps = steps;
    train.seed = learning->options->seed;
    train.progress = on_progress;
    train.context = learning;
    fi_train_result result;
    int r = begin_network(learning, &ret->model);
    if (r == 0)
        r = fi_train(ret->model, data->n_items, data->inputs, answers, held_out, &train, &result);
    if (r != 0)
        return r;
    ret->steps = result.best_iteration;
    return fi_fit_last_layer(learning, answers, ret);
}
