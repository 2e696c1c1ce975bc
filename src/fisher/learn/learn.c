/* Learns a model: prepares the answers, lets the kinds compete, and fits the winner to all answers.
 */
#include <errno.h>
#include <fisher/learn.h>
#include <math.h>
#include <string.h>

#include "choosing_trials.h"
#include "exam_stages.h"
#include "kind_trials.h"
#include "learned_slopes.h"
#include "length_baseline.h"
#include "model_layout.h"

/* The items as they are given: embeddings, or prepared inputs. */
typedef struct given_items {
    size_t count;
    const float *rows;
    size_t stride;
    bool are_prepared;
} given_items;

static void learning_clear(fi_learning *learning) {
    fi_model_free(learning->inputs);
    fi_data_set_clear(&learning->data);
    fi_part_clear(&learning->copies);
    free(learning->extras);
    free(learning->folds);
    fi_reliabilities_free(learning->reliabilities);
}

/* ---- the model ---- */

static bool takes_network(const fi_learning *learning, const fi_kind_trials *trials) {
    return learning->kind == FI_KIND_NETWORK ||
           (learning->kind == FI_KIND_AUTO && fi_kind_comparison_network_wins(&trials->comparison));
}

static int learn_from_all(fi_learning *learning, const fi_kind_trials *trials, fi_fitted *ret) {
    const fi_train_options *train = &learning->options->train;
    if (!takes_network(learning, trials))
        return fi_fit_linear(learning, &learning->all, ret);
    uint32_t steps = fi_kind_trials_steps(trials);
    int r =
        fi_fit_network(learning, &learning->all, NULL, steps > 0 ? steps : train->iterations, ret);
    return r == 0 ? fi_learned_slopes_of_network(learning, &learning->all, ret) : r;
}

/* Makes a model of embeddings out of one of prepared items. */
static int finish(const fi_learning *learning, const fi_fitted *fitted, fi_model **ret) {
    const fi_model *prepared = fitted->model;
    fi_shape shape = learning->inputs->shape;
    shape.hidden_layers = prepared->shape.hidden_layers;
    shape.hidden_width = prepared->shape.hidden_width;
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = fi_model_new(&shape, 0, &model);
    if (r < 0)
        return r;
    fi_model_copy_inputs(model, learning->inputs);
    memcpy(model->parameters, prepared->parameters,
           prepared->parameter_count * sizeof(*prepared->parameters));
    r = fi_model_set_last_layer(model, fitted->layer);
    if (r == 0)
        *ret = FD_STEAL(model);
    return r;
}

/* ---- the answers ---- */

static fi_shape shape_of(const fi_learn_options *options, const fi_extras *extras) {
    fi_shape shape = options->shape;
    if (shape.components > shape.inputs)
        shape.components = shape.inputs;
    shape.extras = extras ? extras->count : 0;
    return shape;
}

static bool can_continue(const fi_learning *learning, const fi_model *start,
                         const fi_shape *shape) {
    return start && learning->kind != FI_KIND_LINEAR &&
           memcmp(&start->shape, shape, sizeof(*shape)) == 0;
}

static bool takes_over(const fi_model *inputs, const fi_shape *shape) {
    return inputs && inputs->shape.inputs == shape->inputs &&
           inputs->shape.components == shape->components;
}

static bool goes_on(void *context) {
    return fi_learning_report(context, 0.0) == 0;
}

/* The inputs belong to the smallest network, because a linear model may not be as wide as the
 * inputs of a network. The columns of extras are always measured: values may have come since the
 * given model was made, and the hidden layers do not read them. */
static int take_inputs(fi_learning *learning, const given_items *items, const fi_extras *extras,
                       fi_shape shape, const fi_model *inputs) {
    shape.hidden_layers = shape.hidden_width = 1;
    int r = fi_model_new(&shape, 0, &learning->inputs);
    if (r < 0)
        return r;
    if (takes_over(inputs, &shape))
        fi_model_copy_inputs(learning->inputs, inputs);
    else if (items->are_prepared)
        return -EINVAL;
    else
        r = fi_model_fit_inputs_while(learning->inputs, items->count, items->rows, goes_on,
                                      learning);
    if (r == 0 && extras)
        r = fi_model_fit_extras(learning->inputs, extras);
    return r;
}

/* Places the extras of the items that the answers name. */
static int take_extras(fi_learning *learning, const fi_extras *extras) {
    const fi_data_set *data = &learning->data;
    size_t n_groups = 0;
    learning->extras = calloc(data->n_items + 1, (extras->count + 1) * sizeof(float));
    for (size_t i = 0; i < extras->n_items; i++)
        n_groups = extras->groups[i] >= n_groups ? (size_t)extras->groups[i] + 1 : n_groups;
    FD_FREE float *centres = calloc(n_groups + 1, (extras->count + 1) * sizeof(*centres));
    if (!learning->extras || !centres)
        return -ENOMEM;
    int r = fi_model_extra_centres(learning->inputs, extras, 0, n_groups, centres);
    for (size_t i = 0; i < data->n_items && r == 0; i++)
        fi_model_place_extras(learning->inputs, extras->raw + (size_t)data->rows[i] * extras->count,
                              centres + (size_t)extras->groups[data->rows[i]] * extras->count,
                              learning->extras + i * extras->count);
    return r;
}

/* Copies them, with neutral values for what is not known. */
static int copy_answers(const fi_answers *answers, fi_part *ret) {
    size_t count = answers->count;
    ret->pairs = calloc(count, sizeof(*ret->pairs));
    ret->targets = calloc(count, sizeof(*ret->targets));
    ret->sides = calloc(count, sizeof(*ret->sides));
    ret->reliabilities = calloc(count, sizeof(*ret->reliabilities));
    ret->clusters = answers->clusters ? calloc(count, sizeof(*ret->clusters)) : NULL;
    ret->annotators = answers->annotators ? calloc(count, sizeof(*ret->annotators)) : NULL;
    if (!ret->pairs || !ret->targets || !ret->sides || !ret->reliabilities ||
        (answers->clusters && !ret->clusters) || (answers->annotators && !ret->annotators))
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        ret->pairs[i] = answers->pairs[i];
        ret->targets[i] = answers->targets[i];
        ret->sides[i] = answers->sides ? answers->sides[i] : 0.0f;
        ret->reliabilities[i] = answers->reliabilities ? answers->reliabilities[i] : 1.0f;
        if (answers->clusters)
            ret->clusters[i] = answers->clusters[i];
        if (answers->annotators)
            ret->annotators[i] = answers->annotators[i];
    }
    ret->answers = (fi_answers){.count = count,
                                .pairs = ret->pairs,
                                .targets = ret->targets,
                                .sides = ret->sides,
                                .reliabilities = ret->reliabilities,
                                .clusters = ret->clusters,
                                .annotators = ret->annotators};
    return 0;
}

static int take_answers(fi_learning *learning, const given_items *items,
                        const fi_answers *answers) {
    int r = copy_answers(answers, &learning->copies);
    if (r < 0)
        return r;
    learning->all = learning->copies.answers;
    learning->folds = calloc(learning->all.count, sizeof(*learning->folds));
    if (!learning->folds)
        return -ENOMEM;
    r = fi_folds_assign(&learning->all, learning->folds);
    if (r == 0 && items->are_prepared)
        r = fi_data_set_init_prepared(&learning->data, learning->inputs, items->count, items->rows,
                                      items->stride, &learning->all);
    else if (r == 0)
        r = fi_data_set_init(&learning->data, learning->inputs, items->count, items->rows,
                             &learning->all);
    learning->all.pairs = learning->data.pairs; /* numbered */
    return r;
}

static fi_kind kind_of(const fi_learn_options *options, size_t answers) {
    if (options->shape.hidden_layers == 0 ||
        (options->kind == FI_KIND_AUTO && answers < FI_ANSWERS_LEAST))
        return FI_KIND_LINEAR;
    return options->kind;
}

/* Fills the figures on answers that a model did not see. */
static int cross_fit(fi_learning *learning, fi_kind_trials *trials, fi_learned *ret) {
    const fi_learn_options *options = learning->options;
    bool network = takes_network(learning, trials);
    int r = network ? 0 : fi_kind_trials_complete(learning, trials);
    if (r == 0)
        r = fi_exam_hold(learning, trials, network, &ret->exam);
    if (r == 0)
        r = fi_choosing_try(learning, &ret->choosing);
    if (r < 0 || !options->lengths)
        return r;
    ret->length_fitted = calloc(learning->all.count + 1, sizeof(*ret->length_fitted));
    if (!ret->length_fitted)
        return -ENOMEM;
    fi_length_baseline(learning, ret->length_fitted);
    return 0;
}

/* `start` only begins what is learned from all answers: it has seen those that test. */
static int run(fi_learning *learning, const fi_model *start, fi_kind_trials *trials,
               fi_fitted *fitted, fi_learned *ret) {
    int r = fi_learning_report(learning, 0.0);
    if (r == 0)
        r = fi_learned_slopes_begin(learning);
    if (r == 0)
        r = fi_kind_trials_run(learning, trials);
    if (r == 0 && learning->options->cross_fits)
        r = cross_fit(learning, trials, ret);
    learning->start = start;
    if (r == 0)
        r = learn_from_all(learning, trials, fitted);
    return r != 0 ? r : fi_learning_report(learning, 1.0);
}

static bool are_options(const fi_learn_options *options, const fi_extras *extras) {
    return options->prior_precision >= 0.0 && isfinite(options->prior_precision) &&
           options->n_extra_blocks < FI_BLOCKS_MAX && (extras || options->n_extra_blocks == 0) &&
           options->embedded_stiffness >= 0.0 && options->embedded_shape >= 0.0;
}

static int learn(const given_items *items, const fi_extras *extras, const fi_answers *answers,
                 const fi_model *inputs, const fi_model *start, const fi_learn_options *options,
                 fi_learned *ret) {
    extras = extras && extras->count > 0 ? extras : NULL;
    if (answers->count == 0 || !are_options(options, extras) ||
        (extras && extras->n_items < items->count))
        return -EINVAL;
    FD_CLEANUP(learning_clear) fi_learning learning = {.options = options, .share = 1.0};
    FD_CLEANUP(fi_kind_trials_clear) fi_kind_trials trials = {0};
    FD_CLEANUP(fi_fitted_clear) fi_fitted fitted = {0};
    fi_learned found = {.choosing = {0, NAN, NAN}};
    fi_shape shape = shape_of(options, extras);
    learning.kind = kind_of(options, answers->count);
    if (!can_continue(&learning, start, &shape))
        start = NULL;
    if (start)
        inputs = start;
    int r = take_inputs(&learning, items, extras, shape, inputs);
    if (r == 0)
        r = take_answers(&learning, items, answers);
    if (r == 0 && extras)
        r = take_extras(&learning, extras);
    if (r == 0)
        r = run(&learning, start, &trials, &fitted, &found);
    if (r == 0)
        r = finish(&learning, &fitted, &found.model);
    if (r != 0) {
        free(found.length_fitted);
        return r;
    }

    double tried = (double)trials.comparison.count;
    bool network = fitted.model->shape.hidden_layers > 0;
    double **logits = network ? &trials.network_logits : &trials.linear_logits;
    double *cross_fitted = options->cross_fits ? FD_STEAL(*logits) : NULL;
    *ret = (fi_learned){.model = found.model,
                        .prior_precision = fitted.layer->precisions[0],
                        .cross_fitted = cross_fitted,
                        .length_fitted = found.length_fitted,
                        .exam = found.exam,
                        .choosing = found.choosing,
                        .reliabilities = learning.reliabilities,
                        .iterations = fitted.steps,
                        .went_on = start && network,
                        .tried = trials.comparison.count,
                        .linear_loss = trials.comparison.linear / tried,
                        .network_loss = trials.comparison.network / tried,
                        .loss_error = fi_kind_comparison_error(&trials.comparison)};
    learning.reliabilities = NULL;
    return 0;
}

int fi_learn(size_t n_items, const float *embeddings, const fi_extras *extras,
             const fi_answers *answers, const fi_model *inputs, const fi_model *start,
             const fi_learn_options *options, fi_learned *ret) {
    given_items items = {.count = n_items, .rows = embeddings};
    return learn(&items, extras, answers, inputs, start, options, ret);
}

static bool has_inputs_of(const fi_model *model, const fi_model *other) {
    size_t inputs = model->shape.inputs, components = model->shape.components;
    return other->shape.inputs == inputs && other->shape.components == components &&
           memcmp(model->mean, other->mean, inputs * sizeof(*model->mean)) == 0 &&
           memcmp(model->scale, other->scale, inputs * sizeof(*model->scale)) == 0 &&
           (components == 0 || memcmp(model->projection, other->projection,
                                      components * inputs * sizeof(*model->projection)) == 0);
}

int fi_learn_prepared(size_t n_items, const float *prepared, size_t stride, const fi_extras *extras,
                      const fi_answers *answers, const fi_model *inputs, const fi_model *start,
                      const fi_learn_options *options, fi_learned *ret) {
    given_items items = {
        .count = n_items, .rows = prepared, .stride = stride, .are_prepared = true};
    if (start && !has_inputs_of(start, inputs))
        start = NULL;
    return learn(&items, extras, answers, inputs, start, options, ret);
}
