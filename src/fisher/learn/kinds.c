/* Fits a linear model or a network to answers. */
#include "kinds.h"

#include <math.h>

#include "model_layout.h"

void fi_fitted_clear(fi_fitted *fitted) {
    fi_model_free(fitted->model);
}

static fi_shape prepared_shape(const fi_learning *learning, uint32_t hidden_layers) {
    return (fi_shape){.inputs = (uint32_t)fi_model_prepared_count(learning->inputs),
                      .hidden_layers = hidden_layers,
                      .hidden_width = learning->options->shape.hidden_width};
}

/* A linear fit takes few steps. The share stays the same until it ends. */
static bool goes_on(void *context) {
    const fi_learning *learning = context;
    return fi_learning_report(learning, learning->done) == 0;
}

int fi_fit_linear(fi_learning *learning, const fi_answers *answers, fi_fitted *ret) {
    const fi_data_set *data = &learning->data;
    fi_shape shape = prepared_shape(learning, 0);
    FD_FREE double *beta = calloc(shape.inputs, sizeof(*beta));
    if (!beta)
        return -ENOMEM;
    fi_refit_options options = fi_refit_defaults();
    options.prior_precision = learning->options->prior_precision;
    options.go_on = goes_on;
    options.context = learning;
    fi_refit_result result = {0};
    int r = fi_model_new(&shape, 0, &ret->model);
    if (r == 0)
        r = fi_learn_linear(data->n_items, shape.inputs, data->inputs, answers, &options, beta,
                            &ret->precision, &result);
    if (r < 0)
        return r;
    for (size_t j = 0; j < shape.inputs; j++)
        ret->model->parameters[j] = (float)beta[j];
    ret->steps = result.iterations;
    return 0;
}

/* h / |beta|^2, within the limits of a precision */
static double precision_of(const fi_model *model) {
    size_t h = fi_model_feature_count(model);
    const float *beta = model->parameters + model->parameter_count - h;
    double square = 0.0;
    for (size_t j = 0; j < h; j++)
        square += (double)beta[j] * (double)beta[j];
    return fmin(fmax((double)h / square, FI_PRECISION_LEAST), FI_PRECISION_MOST);
}

/* Makes a network with fresh weights, or with weights halfway between them and those of `start`. */
static int begin_network(const fi_learning *learning, fi_model **ret) {
    const fi_learn_options *options = learning->options;
    fi_shape shape = prepared_shape(learning, options->shape.hidden_layers);
    int r = fi_model_new(&shape, options->seed, ret);
    if (r < 0 || !learning->start)
        return r;
    float *parameters = (*ret)->parameters;
    for (size_t i = 0; i < (*ret)->parameter_count; i++)
        parameters[i] = 0.5f * (parameters[i] + learning->start->parameters[i]);
    return 0;
}

static int on_progress(void *context, const fi_train_progress *progress) {
    const fi_learning *learning = context;
    double share = (double)progress->iteration / (double)learning->steps;
    return fi_learning_report(learning, learning->done + learning->share * share);
}

int fi_fit_network(fi_learning *learning, const fi_answers *answers, const fi_answers *held_out,
                   uint32_t steps, fi_fitted *ret) {
    const fi_data_set *data = &learning->data;
    double given = learning->options->prior_precision;
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
    ret->precision = given > 0.0 ? given : precision_of(ret->model);
    ret->steps = result.best_iteration;
    return 0;
}
