/* Learns a model: prepares the answers, lets the kinds compete, and fits the winner to all answers.
 */
#include <errno.h>
#include <fisher/learn.h>
#include <math.h>
#include <string.h>

#include "kind_trials.h"
#include "model_layout.h"

static void learning_clear(fi_learning *learning) {
    fi_model_free(learning->inputs);
    fi_data_set_clear(&learning->data);
    free(learning->folds);
}

/* ---- the model ---- */

static int learn_from_all(fi_learning *learning, fi_kind_trials *trials, fi_fitted *ret) {
    const fi_train_options *train = &learning->options->train;
    fi_answers all = {learning->count, learning->data.pairs, learning->data.targets};
    bool network =
        learning->kind == FI_KIND_NETWORK ||
        (learning->kind == FI_KIND_AUTO && fi_kind_comparison_network_wins(&trials->comparison));
    if (!network)
        return fi_fit_linear(learning, &all, ret);
    if (trials->continued.model) {
        *ret = trials->continued;
        trials->continued.model = NULL;
        return 0;
    }
    double steps = trials->networks > 0.0 ? fmax(round(trials->steps / trials->networks), 1.0)
                                          : (double)train->iterations;
    return fi_fit_network(learning, &all, NULL, (uint32_t)steps, ret);
}

/* Makes a model of embeddings out of one of prepared items. */
static int finish(const fi_learning *learning, const fi_model *prepared, fi_model **ret) {
    fi_shape shape = learning->inputs->shape;
    shape.hidden_layers = prepared->shape.hidden_layers;
    shape.hidden_width = prepared->shape.hidden_width;
    int r = fi_model_new(&shape, 0, ret);
    if (r < 0)
        return r;
    fi_model_copy_inputs(*ret, learning->inputs);
    memcpy((*ret)->parameters, prepared->parameters,
           prepared->parameter_count * sizeof(*prepared->parameters));
    return 0;
}

/* ---- the answers ---- */

static fi_shape shape_of(const fi_learn_options *options) {
    fi_shape shape = options->shape;
    if (shape.components > shape.inputs)
        shape.components = shape.inputs;
    return shape;
}

/* Whether `start` can continue: a few held-out answers would not tell the kinds apart. */
static bool can_continue(const fi_learning *learning, const fi_model *start, size_t held_out) {
    fi_shape shape = shape_of(learning->options);
    return start && learning->kind != FI_KIND_LINEAR &&
           memcmp(&start->shape, &shape, sizeof(shape)) == 0 &&
           (held_out >= FI_ANSWERS_LEAST || learning->kind == FI_KIND_NETWORK);
}

static bool goes_on(void *context) {
    return fi_learning_report(context, 0.0) == 0;
}

/* The inputs belong to the smallest network, because a linear model may not be as wide as the
 * inputs of a network. */
static int take_inputs(fi_learning *learning, size_t n_items, const float *embeddings,
                       const fi_model *inputs) {
    fi_shape shape = shape_of(learning->options);
    shape.hidden_layers = shape.hidden_width = 1;
    int r = fi_model_new(&shape, 0, &learning->inputs);
    if (r < 0)
        return r;
    if (!inputs || inputs->shape.inputs != shape.inputs ||
        inputs->shape.components != shape.components)
        return fi_model_fit_inputs_while(learning->inputs, n_items, embeddings, goes_on, learning);
    fi_model_copy_inputs(learning->inputs, inputs);
    return 0;
}

static int take_answers(fi_learning *learning, size_t n_items, const float *embeddings,
                        const fi_answers *answers, const fi_answers *held_out) {
    size_t count = answers->count + held_out->count;
    FD_FREE fi_pair *pairs = calloc(count, sizeof(*pairs));
    FD_FREE float *targets = calloc(count, sizeof(*targets));
    learning->folds = calloc(count, sizeof(*learning->folds));
    if (!pairs || !targets || !learning->folds)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        bool is_held_out = i >= answers->count;
        const fi_answers *from = is_held_out ? held_out : answers;
        size_t at = is_held_out ? i - answers->count : i;
        pairs[i] = from->pairs[at];
        targets[i] = from->targets[at];
        learning->folds[i] = is_held_out ? FI_FOLD_HELD_OUT : fi_fold_of(pairs[i]);
    }
    learning->count = answers->count;
    fi_answers all = {count, pairs, targets};
    return fi_data_set_init(&learning->data, learning->inputs, n_items, embeddings, &all);
}

static fi_kind kind_of(const fi_learn_options *options, size_t answers) {
    if (options->shape.hidden_layers == 0 ||
        (options->kind == FI_KIND_AUTO && answers < FI_ANSWERS_LEAST))
        return FI_KIND_LINEAR;
    return options->kind;
}

static int run(fi_learning *learning, fi_kind_trials *trials, fi_fitted *fitted) {
    int r = fi_learning_report(learning, 0.0);
    if (r == 0 && fi_kind_trials_are_needed(learning))
        r = fi_kind_trials_run(learning, trials);
    if (r == 0)
        r = learn_from_all(learning, trials, fitted);
    return r != 0 ? r : fi_learning_report(learning, 1.0);
}

int fi_learn(size_t n_items, const float *embeddings, const fi_answers *answers,
             const fi_answers *held_out, const fi_model *inputs, const fi_model *start,
             const fi_learn_options *options, fi_learned *ret) {
    static const fi_answers none = {0};
    if (answers->count == 0 ||
        !(options->prior_precision >= 0.0 && isfinite(options->prior_precision)))
        return -EINVAL;
    FD_CLEANUP(learning_clear) fi_learning learning = {.options = options, .share = 1.0};
    FD_CLEANUP(fi_kind_trials_clear) fi_kind_trials trials = {0};
    FD_CLEANUP(fi_fitted_clear) fi_fitted fitted = {0};
    learning.kind = kind_of(options, answers->count);
    if (can_continue(&learning, start, held_out ? held_out->count : 0))
        inputs = learning.start = start;
    int r = take_inputs(&learning, n_items, embeddings, inputs);
    if (r == 0)
        r = take_answers(&learning, n_items, embeddings, answers,
                         learning.start && held_out ? held_out : &none);
    if (r == 0)
        r = run(&learning, &trials, &fitted);
    fi_model *model;
    if (r == 0)
        r = finish(&learning, fitted.model, &model);
    if (r != 0)
        return r;

    double tried = (double)trials.comparison.count;
    *ret = (fi_learned){.model = model,
                        .prior_precision = fitted.precision,
                        .iterations = fitted.steps,
                        .went_on = learning.start && fitted.model->shape.hidden_layers > 0,
                        .tried = trials.comparison.count,
                        .linear_loss = trials.comparison.linear / tried,
                        .network_loss = trials.comparison.network / tried,
                        .loss_error = fi_kind_comparison_error(&trials.comparison)};
    return 0;
}
