#include <errno.h>
#include <fisher/learn.h>
#include <math.h>
#include <string.h>

#include "data_set.h"
#include "folds.h"
#include "kind_comparison.h"

/* Folds are tried until TRIED_LEAST answers were. Fewer than ANSWERS_LEAST tell nothing. */
enum { TRIED_LEAST = 200, ANSWERS_LEAST = 8 };

/* Beside the folds: the answers held out from a network that goes on. */
enum { HELD_OUT = FI_FOLDS };

struct learning {
    const fi_learn_options *options;
    fi_kind kind;
    fi_model *inputs;      /* for its input statistics */
    const fi_model *start; /* NULL: from scratch */
    fi_data_set lesson;    /* prepared items; all answers, then those held out */
    uint8_t *folds;        /* [lesson count] */
    size_t count;          /* answers to learn from */
    /* Shares of the work: what is done, and what the training that runs makes up in its steps. */
    double done;
    double share;
    uint32_t steps;
};

static void learning_clear(struct learning *learning) {
    fi_model_free(learning->inputs);
    fi_data_set_clear(&learning->lesson);
    free(learning->folds);
}

static int tell(const struct learning *learning, double share) {
    const fi_learn_options *options = learning->options;
    return !options->go_on || options->go_on(options->context, share) ? 0 : -ECANCELED;
}

/* ---- the two kinds; their models take prepared items ---- */

/* Of a linear fit: its steps are few, and the share stands still meanwhile. */
static bool goes_on(void *context) {
    const struct learning *learning = context;
    return tell(learning, learning->done) == 0;
}

/* A model, and how it came about. */
struct attempt {
    fi_model *model;
    double precision;
    uint32_t steps; /* Newton steps, or those whose weights were kept */
};

static void attempt_clear(struct attempt *attempt) {
    fi_model_free(attempt->model);
}

static fi_shape prepared_shape(const struct learning *learning, uint32_t hidden_layers) {
    return (fi_shape){.inputs = (uint32_t)fi_model_prepared_count(learning->inputs),
                      .hidden_layers = hidden_layers,
                      .hidden_width = learning->options->shape.hidden_width};
}

static int fit_linear(struct learning *learning, const fi_answers *answers, struct attempt *ret) {
    const fi_data_set *lesson = &learning->lesson;
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
        r = fi_learn_linear(lesson->n_items, shape.inputs, lesson->inputs, answers, &options, beta,
                            &ret->precision, &result);
    if (r < 0)
        return r;
    for (size_t j = 0; j < shape.inputs; j++)
        ret->model->parameters[j] = (float)beta[j];
    ret->steps = result.iterations;
    return 0;
}

/* h / |beta|^2 */
static double precision_of(const fi_model *model) {
    size_t h = fi_model_feature_count(model);
    const float *beta = model->parameters + model->parameter_count - h;
    double square = 0.0;
    for (size_t j = 0; j < h; j++)
        square += (double)beta[j] * (double)beta[j];
    return fmin(fmax((double)h / square, FI_PRECISION_LEAST), FI_PRECISION_MOST);
}

/* Fresh weights, or halfway between them and those to go on from. */
static int begin_network(const struct learning *learning, fi_model **ret) {
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
    const struct learning *learning = context;
    double share = (double)progress->iteration / (double)learning->steps;
    return tell(learning, learning->done + learning->share * share);
}

/* `held_out` tells when to stop, NULL: after `steps`. */
static int train_network(struct learning *learning, const fi_answers *answers,
                         const fi_answers *held_out, uint32_t steps, struct attempt *ret) {
    const fi_data_set *lesson = &learning->lesson;
    double given = learning->options->prior_precision;
    fi_train_options train = learning->options->train;
    train.iterations = learning->steps = steps;
    train.seed = learning->options->seed;
    train.progress = on_progress;
    train.context = learning;
    fi_train_result result;
    int r = begin_network(learning, &ret->model);
    if (r == 0)
        r = fi_train(ret->model, lesson->n_items, lesson->inputs, answers, held_out, &train,
                     &result);
    if (r != 0)
        return r;
    ret->precision = given > 0.0 ? given : precision_of(ret->model);
    ret->steps = result.best_iteration;
    return 0;
}

/* ---- trying them on answers that they have not seen ---- */

struct trials {
    fi_kind_comparison sums;
    double networks; /* trained */
    double steps;    /* of those */
    struct attempt went_on;
};

static void trials_clear(struct trials *trials) {
    attempt_clear(&trials->went_on);
}

static int try_kinds(struct learning *learning, const fi_answers *learn, const fi_answers *test,
                     struct trials *trials) {
    const fi_train_options *train = &learning->options->train;
    FD_CLEANUP(attempt_clear) struct attempt linear = {0};
    FD_CLEANUP(attempt_clear) struct attempt network = {0};
    bool competes = learning->kind == FI_KIND_AUTO;
    int r = competes ? fit_linear(learning, learn, &linear) : 0;
    if (r < 0)
        return r;
    r = train_network(learning, learn, train->patience > 0 ? test : NULL, train->iterations,
                      &network);
    bool diverged = r == -EDOM && competes;
    if (r < 0 && !diverged)
        return r;
    r = fi_kind_comparison_add(&trials->sums, &learning->lesson, test, linear.model,
                               diverged ? NULL : network.model);
    if (r < 0)
        return r;
    trials->networks++;
    trials->steps += (double)network.steps;
    if (learning->start) {
        trials->went_on = network;
        network.model = NULL;
    }
    return 0;
}

/* Where answers are held out they are the only fold, and so in no training. */
static int try_fold(struct learning *learning, uint8_t fold, struct trials *trials) {
    const fi_data_set *lesson = &learning->lesson;
    fi_answers all = {lesson->count, lesson->pairs, lesson->targets};
    FD_CLEANUP(fi_part_clear) fi_part learn = {0};
    FD_CLEANUP(fi_part_clear) fi_part test = {0};
    int r = fi_part_init(&learn, &all, learning->folds, fold, false);
    if (r == 0)
        r = fi_part_init(&test, &all, learning->folds, fold, true);
    if (r < 0 || learn.answers.count == 0 || test.answers.count == 0)
        return r;
    return try_kinds(learning, &learn.answers, &test.answers, trials);
}

/* How many folds hold enough answers. */
static uint8_t folds_to_try(const struct learning *learning) {
    size_t sizes[FI_FOLDS] = {0};
    for (size_t i = 0; i < learning->count; i++)
        sizes[learning->folds[i]]++;
    uint8_t folds = 0;
    for (size_t found = 0; folds < FI_FOLDS && found < TRIED_LEAST; folds++)
        found += sizes[folds];
    return folds;
}

static int try_folds(struct learning *learning, struct trials *trials) {
    uint8_t first = learning->start ? HELD_OUT : 0;
    uint8_t folds = learning->start ? 1 : folds_to_try(learning);
    learning->share = 1.0 / (1.0 + (double)folds);
    int r = 0;
    for (uint8_t i = 0; i < folds && r == 0; i++) {
        r = try_fold(learning, (uint8_t)(first + i), trials);
        learning->done = (1.0 + (double)i) * learning->share;
        if (r == 0)
            r = tell(learning, learning->done);
    }
    return r;
}

static bool is_tried(const struct learning *learning) {
    switch (learning->kind) {
    case FI_KIND_AUTO:
        return true;
    case FI_KIND_NETWORK:
        return learning->options->train.patience > 0 &&
               (learning->start || learning->count >= ANSWERS_LEAST);
    case FI_KIND_LINEAR:
        break;
    }
    return false;
}

/* ---- all answers ---- */

static int learn_from_all(struct learning *learning, struct trials *trials, struct attempt *ret) {
    const fi_train_options *train = &learning->options->train;
    fi_answers all = {learning->count, learning->lesson.pairs, learning->lesson.targets};
    bool network =
        learning->kind == FI_KIND_NETWORK ||
        (learning->kind == FI_KIND_AUTO && fi_kind_comparison_network_wins(&trials->sums));
    if (!network)
        return fit_linear(learning, &all, ret);
    if (trials->went_on.model) {
        *ret = trials->went_on;
        trials->went_on.model = NULL;
        return 0;
    }
    double steps = trials->networks > 0.0 ? fmax(round(trials->steps / trials->networks), 1.0)
                                          : (double)train->iterations;
    return train_network(learning, &all, NULL, (uint32_t)steps, ret);
}

/* The attempt as a model of embeddings. */
static int finish(const struct learning *learning, const fi_model *prepared, fi_model **ret) {
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

/* ---- what there is to learn from ---- */

static fi_shape shape_of(const fi_learn_options *options) {
    fi_shape shape = options->shape;
    if (shape.components > shape.inputs)
        shape.components = shape.inputs;
    return shape;
}

/* Few held-out answers tell no more than few answers. */
static bool can_go_on(const struct learning *learning, const fi_model *start, size_t held_out) {
    fi_shape shape = shape_of(learning->options);
    return start && learning->kind != FI_KIND_LINEAR &&
           memcmp(&start->shape, &shape, sizeof(shape)) == 0 &&
           (held_out >= ANSWERS_LEAST || learning->kind == FI_KIND_NETWORK);
}

/* Held by the smallest network, as a linear model may not be as wide as a network's inputs. */
static int take_inputs(struct learning *learning, size_t n_items, const float *embeddings,
                       const fi_model *inputs) {
    fi_shape shape = shape_of(learning->options);
    shape.hidden_layers = shape.hidden_width = 1;
    int r = fi_model_new(&shape, 0, &learning->inputs);
    if (r < 0)
        return r;
    if (!inputs || inputs->shape.inputs != shape.inputs ||
        inputs->shape.components != shape.components)
        return fi_model_fit_inputs(learning->inputs, n_items, embeddings);
    fi_model_copy_inputs(learning->inputs, inputs);
    return 0;
}

static int take_answers(struct learning *learning, size_t n_items, const float *embeddings,
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
        learning->folds[i] = is_held_out ? HELD_OUT : fi_fold_of(pairs[i]);
    }
    learning->count = answers->count;
    fi_answers all = {count, pairs, targets};
    return fi_data_set_init(&learning->lesson, learning->inputs, n_items, embeddings, &all);
}

static fi_kind kind_of(const fi_learn_options *options, size_t answers) {
    if (options->shape.hidden_layers == 0 ||
        (options->kind == FI_KIND_AUTO && answers < ANSWERS_LEAST))
        return FI_KIND_LINEAR;
    return options->kind;
}

static int run(struct learning *learning, struct trials *trials, struct attempt *attempt) {
    int r = tell(learning, 0.0);
    if (r == 0 && is_tried(learning))
        r = try_folds(learning, trials);
    if (r == 0)
        r = learn_from_all(learning, trials, attempt);
    return r != 0 ? r : tell(learning, 1.0);
}

int fi_learn(size_t n_items, const float *embeddings, const fi_answers *answers,
             const fi_answers *held_out, const fi_model *inputs, const fi_model *start,
             const fi_learn_options *options, fi_learned *ret) {
    static const fi_answers none = {0};
    if (answers->count == 0 ||
        !(options->prior_precision >= 0.0 && isfinite(options->prior_precision)))
        return -EINVAL;
    FD_CLEANUP(learning_clear) struct learning learning = {.options = options, .share = 1.0};
    FD_CLEANUP(trials_clear) struct trials trials = {0};
    FD_CLEANUP(attempt_clear) struct attempt attempt = {0};
    learning.kind = kind_of(options, answers->count);
    if (can_go_on(&learning, start, held_out ? held_out->count : 0))
        inputs = learning.start = start;
    int r = take_inputs(&learning, n_items, embeddings, inputs);
    if (r == 0)
        r = take_answers(&learning, n_items, embeddings, answers,
                         learning.start && held_out ? held_out : &none);
    if (r == 0)
        r = run(&learning, &trials, &attempt);
    fi_model *model;
    if (r == 0)
        r = finish(&learning, attempt.model, &model);
    if (r != 0)
        return r;

    double tried = (double)trials.sums.count;
    *ret = (fi_learned){.model = model,
                        .prior_precision = attempt.precision,
                        .iterations = attempt.steps,
                        .went_on = learning.start && attempt.model->shape.hidden_layers > 0,
                        .tried = trials.sums.count,
                        .linear_loss = trials.sums.linear / tried,
                        .network_loss = trials.sums.network / tried,
                        .loss_error = fi_kind_comparison_error(&trials.sums)};
    return 0;
}
