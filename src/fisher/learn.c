#include <errno.h>
#include <fisher/learn.h>
#include <math.h>
#include <string.h>

#include "lesson.h"
#include "loss.h"

/* Answers are cut into FOLDS; folds are tried until TRIED_LEAST answers were. With fewer than
 * ANSWERS_LEAST a fold says nothing. */
enum { FOLDS = 4, HELD_OUT = FOLDS, TRIED_LEAST = 200, ANSWERS_LEAST = 8 };

struct learning {
    const fi_learn_options *options;
    fi_model *linear; /* the input statistics, and in the end the linear model */
    fi_lesson lesson; /* all answers, then those held out if there is a start */
    uint8_t *folds;   /* [lesson count] */
    size_t count;     /* answers to learn from */
    fi_shape network; /* on prepared items */
    const fi_model *start;
    fi_model *went_on; /* the network from `start`, trained */
    double done;       /* share of the work behind the training that runs */
    double share;      /* of the work that it makes up */
};

static void learning_clear(struct learning *learning) {
    fi_model_free(learning->linear);
    fi_lesson_clear(&learning->lesson);
    fi_model_free(learning->went_on);
    free(learning->folds);
}

static size_t width_of(const struct learning *learning) {
    return fi_model_feature_count(learning->linear);
}

/* ---- answers in part ---- */

struct part {
    fi_answers answers;
    fi_pair *pairs;
    float *targets;
};

static void part_clear(struct part *part) {
    free(part->pairs);
    free(part->targets);
}

/* The fold of a pair whatever its sides are called. */
static uint8_t fold_of(fi_pair pair) {
    uint64_t low = pair.a < pair.b ? pair.a : pair.b;
    uint64_t high = pair.a < pair.b ? pair.b : pair.a;
    fi_rng rng = fi_rng_seeded(high << 32 | low);
    return (uint8_t)fi_rng_below(&rng, FOLDS);
}

/* The answers of a fold, or all others but those held out. */
static int part_init(const struct learning *learning, size_t fold, bool inside, struct part *ret) {
    const fi_lesson *lesson = &learning->lesson;
    ret->pairs = calloc(lesson->count + 1, sizeof(*ret->pairs));
    ret->targets = calloc(lesson->count + 1, sizeof(*ret->targets));
    if (!ret->pairs || !ret->targets)
        return -ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < lesson->count; i++) {
        bool is_in = learning->folds[i] == fold;
        if (inside ? !is_in : is_in || learning->folds[i] == HELD_OUT)
            continue;
        ret->pairs[count] = lesson->pairs[i];
        ret->targets[count++] = lesson->targets[i];
    }
    ret->answers = (fi_answers){count, ret->pairs, ret->targets};
    return 0;
}

static fi_answers all_answers(const struct learning *learning) {
    return (fi_answers){learning->count, learning->lesson.pairs, learning->lesson.targets};
}

/* ---- the linear model ---- */

/* The square of a feature on average, which is the prior precision under which rewards have a
 * standard deviation of about one. */
static double mean_square(const fi_lesson *lesson, size_t width) {
    double sum = 0.0;
    for (size_t i = 0; i < lesson->n_items * width; i++)
        sum += (double)lesson->inputs[i] * (double)lesson->inputs[i];
    return sum / (double)lesson->n_items;
}

/* beta [width] starts where it stands. */
static int fit_linear(const struct learning *learning, const fi_answers *answers, double *beta,
                      double *ret_precision, uint32_t *ret_iterations) {
    const fi_lesson *lesson = &learning->lesson;
    size_t width = width_of(learning);
    fi_refit_options options = fi_refit_defaults();
    fi_refit_result result;
    double given = learning->options->prior_precision;
    int r;
    if (given > 0.0) {
        *ret_precision = options.prior_precision = given;
        r = fi_refit(lesson->n_items, width, lesson->inputs, answers, &options, beta, &result);
    } else {
        *ret_precision = options.prior_guess = mean_square(lesson, width) + FI_PRECISION_LEAST;
        r = fi_refit_evidence(lesson->n_items, width, lesson->inputs, answers, &options, beta,
                              ret_precision, &result);
    }
    *ret_iterations = r < 0 ? 0 : result.iterations;
    return r;
}

/* ---- the network ---- */

static int on_progress(void *context, const fi_train_progress *progress) {
    const struct learning *learning = context;
    const fi_learn_options *options = learning->options;
    double share = (double)progress->iteration / (double)options->train.iterations;
    return options->go_on &&
           !options->go_on(options->context, learning->done + learning->share * share);
}

static fi_train_options train_options(struct learning *learning) {
    fi_train_options train = learning->options->train;
    train.progress = on_progress;
    train.context = learning;
    train.seed = learning->options->seed;
    return train;
}

/* Fresh weights, or halfway between them and those to go on from. */
static int begin_network(const struct learning *learning, fi_model **ret) {
    fi_model *model;
    int r = fi_model_new(&learning->network, learning->options->seed, &model);
    if (r == 0 && learning->start)
        for (size_t i = 0; i < model->parameter_count; i++)
            model->parameters[i] =
                0.5f * model->parameters[i] + 0.5f * learning->start->parameters[i];
    if (r == 0)
        *ret = model;
    return r;
}

/* ---- trying both ---- */

/* What was seen of both kinds on answers that they had not seen. */
struct trial {
    size_t count;
    size_t networks; /* trained */
    double linear;   /* sums over the answers */
    double network;
    double difference; /* linear - network */
    double square;     /* of the difference */
    double steps;      /* of the networks */
};

static void compare(struct trial *trial, const fi_answers *answers, const float *linear,
                    const float *network) {
    for (size_t i = 0; i < answers->count; i++) {
        fi_pair pair = answers->pairs[i];
        double target = (double)answers->targets[i];
        double first = fi_loss((double)linear[pair.a] - (double)linear[pair.b], target);
        double second = fi_loss((double)network[pair.a] - (double)network[pair.b], target);
        trial->linear += first;
        trial->network += second;
        trial->difference += first - second;
        trial->square += (first - second) * (first - second);
    }
    trial->count += answers->count;
}

static int rewards_of(const fi_model *model, const fi_lesson *lesson, float *rewards) {
    FD_FREE float *features =
        calloc(lesson->n_items + 1, fi_model_feature_count(model) * sizeof(*features));
    if (!features)
        return -ENOMEM;
    int r = fi_model_features(model, lesson->n_items, lesson->inputs, features);
    if (r == 0)
        fi_model_rewards(model, lesson->n_items, features, rewards);
    return r;
}

static void linear_rewards(const fi_lesson *lesson, size_t width, const double *beta,
                           float *rewards) {
    for (size_t i = 0; i < lesson->n_items; i++) {
        double sum = 0.0;
        for (size_t j = 0; j < width; j++)
            sum += (double)lesson->inputs[i * width + j] * beta[j];
        rewards[i] = (float)sum;
    }
}

static int try_fold(struct learning *learning, size_t fold, double *beta, struct trial *trial) {
    FD_CLEANUP(part_clear) struct part learn = {0};
    FD_CLEANUP(part_clear) struct part test = {0};
    int r = part_init(learning, fold, false, &learn);
    if (r == 0)
        r = part_init(learning, fold, true, &test);
    if (r < 0 || learn.answers.count == 0 || test.answers.count == 0)
        return r;

    const fi_lesson *lesson = &learning->lesson;
    FD_FREE float *linear = calloc(lesson->n_items, sizeof(*linear));
    FD_FREE float *network = calloc(lesson->n_items, sizeof(*network));
    if (!linear || !network)
        return -ENOMEM;
    double precision;
    uint32_t iterations;
    r = fit_linear(learning, &learn.answers, beta, &precision, &iterations);
    if (r < 0)
        return r;
    linear_rewards(lesson, width_of(learning), beta, linear);

    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    r = begin_network(learning, &model);
    if (r < 0)
        return r;
    fi_train_options train = train_options(learning);
    fi_train_result result;
    r = fi_train(model, lesson->n_items, lesson->inputs, &learn.answers, &test.answers, &train,
                 &result);
    if (r == 0)
        r = rewards_of(model, lesson, network);
    if (r < 0)
        return r;
    compare(trial, &test.answers, linear, network);
    trial->networks++;
    trial->steps += (double)result.best_iteration;
    if (fold == HELD_OUT)
        learning->went_on = FD_STEAL(model);
    return 0;
}

/* As many folds as it takes, or the answers held out from a network that goes on. */
static int try_both(struct learning *learning, struct trial *trial) {
    FD_FREE double *beta = calloc(width_of(learning), sizeof(*beta));
    if (!beta)
        return -ENOMEM;
    size_t needed = 1 + (TRIED_LEAST - 1) * FOLDS / learning->count;
    size_t folds = learning->start ? 1 : needed < FOLDS ? needed : FOLDS;
    learning->share = 1.0 / (double)(folds + !learning->start);
    int r = 0;
    for (size_t i = 0; i < folds && r == 0; i++) {
        learning->done = (double)i * learning->share;
        r = try_fold(learning, learning->start ? HELD_OUT : i, beta, trial);
        if (r == -EDOM) /* a network that diverged has lost */
            trial->network = INFINITY, r = 0;
    }
    learning->done = 1.0 - learning->share;
    return r;
}

static double error_of(const struct trial *trial) {
    double count = (double)trial->count;
    double mean = trial->difference / count;
    return sqrt(fmax(trial->square / count - mean * mean, 0.0) / count);
}

static bool does_network_win(const struct trial *trial) {
    return trial->count > 0 && isfinite(trial->network) && trial->steps > 0.0 &&
           trial->difference / (double)trial->count > error_of(trial);
}

/* ---- all answers ---- */

static int finish_linear(struct learning *learning, fi_learned *ret) {
    size_t width = width_of(learning);
    FD_FREE double *beta = calloc(width, sizeof(*beta));
    if (!beta)
        return -ENOMEM;
    fi_answers answers = all_answers(learning);
    int r = fit_linear(learning, &answers, beta, &ret->prior_precision, &ret->iterations);
    if (r < 0)
        return r;
    for (size_t j = 0; j < width; j++)
        learning->linear->parameters[j] = (float)beta[j];
    ret->model = FD_STEAL(learning->linear);
    return 0;
}

/* h / |beta|^2, and where beta is nothing the precision that makes rewards vary by one. */
static double precision_of(fi_model *model) {
    fi_layer last = fi_model_layer(model, model->shape.hidden_layers);
    double square = 0.0;
    for (size_t j = 0; j < last.inputs; j++)
        square += (double)last.weights[j] * (double)last.weights[j];
    return fmin(fmax((double)last.inputs / fmax(square, 1e-12), FI_PRECISION_LEAST),
                FI_PRECISION_MOST);
}

/* The network of the options with the input statistics of the linear model. */
static int network_with_inputs(const struct learning *learning, const fi_model *trained,
                               fi_model **ret) {
    fi_shape shape = learning->linear->shape;
    shape.hidden_layers = learning->network.hidden_layers;
    shape.hidden_width = learning->network.hidden_width;
    int r = fi_model_allocate(&shape, ret);
    if (r < 0)
        return r;
    fi_model_copy_inputs(*ret, learning->linear);
    memcpy((*ret)->parameters, trained->parameters, trained->parameter_count * sizeof(float));
    return 0;
}

static int train_on_all(struct learning *learning, const struct trial *trial,
                        uint32_t *ret_iterations, fi_model **ret) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = begin_network(learning, &model);
    if (r < 0)
        return r;
    fi_train_options train = train_options(learning);
    if (trial->networks > 0)
        train.iterations = (uint32_t)lround(fmax(trial->steps / (double)trial->networks, 1.0));
    fi_answers answers = all_answers(learning);
    fi_train_result result;
    r = fi_train(model, learning->lesson.n_items, learning->lesson.inputs, &answers, NULL, &train,
                 &result);
    if (r < 0)
        return r;
    *ret_iterations = result.iterations;
    *ret = FD_STEAL(model);
    return 0;
}

static int finish_network(struct learning *learning, const struct trial *trial, fi_learned *ret) {
    FD_CLEANUP(fi_model_freep) fi_model *model = FD_STEAL(learning->went_on);
    int r = 0;
    ret->went_on = learning->start != NULL;
    ret->iterations = (uint32_t)trial->steps;
    if (!model)
        r = train_on_all(learning, trial, &ret->iterations, &model);
    if (r == 0)
        r = network_with_inputs(learning, model, &ret->model);
    if (r < 0)
        return r;
    double given = learning->options->prior_precision;
    ret->prior_precision = given > 0.0 ? given : precision_of(ret->model);
    return 0;
}

/* ---- what there is to learn from ---- */

static bool is_same_inputs(const fi_model *inputs, const fi_shape *shape) {
    return inputs && inputs->shape.inputs == shape->inputs &&
           inputs->shape.components == shape->components;
}

static int prepare_inputs(struct learning *learning, size_t n_items, const float *embeddings,
                          const fi_model *inputs) {
    fi_shape shape = learning->options->shape;
    shape.hidden_layers = 0;
    if (shape.components > shape.inputs)
        shape.components = shape.inputs;
    int r = fi_model_allocate(&shape, &learning->linear);
    if (r < 0)
        return r;
    if (!is_same_inputs(inputs, &shape))
        return fi_model_fit_inputs(learning->linear, n_items, embeddings);
    fi_model_copy_inputs(learning->linear, inputs);
    return 0;
}

static bool can_go_on(const struct learning *learning, const fi_model *start) {
    const fi_shape *wanted = &learning->options->shape;
    return start && is_same_inputs(start, &learning->linear->shape) &&
           start->shape.hidden_layers == wanted->hidden_layers &&
           start->shape.hidden_width == wanted->hidden_width;
}

/* The answers to learn from and, behind them, those held out. */
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
        learning->folds[i] = is_held_out ? HELD_OUT : fold_of(pairs[i]);
    }
    learning->count = answers->count;
    fi_answers all = {count, pairs, targets};
    return fi_lesson_init(&learning->lesson, learning->linear, n_items, embeddings, &all);
}

static int learning_init(struct learning *learning, size_t n_items, const float *embeddings,
                         const fi_answers *answers, const fi_answers *held_out,
                         const fi_model *inputs, const fi_model *start, fi_kind kind) {
    static const fi_answers none = {0};
    int r = prepare_inputs(learning, n_items, embeddings, inputs);
    if (r < 0)
        return r;
    learning->network = learning->options->shape;
    learning->network.inputs = (uint32_t)width_of(learning);
    learning->network.components = 0;
    bool is_held_out = held_out && held_out->count > 0;
    if ((is_held_out || kind == FI_KIND_NETWORK) && can_go_on(learning, start))
        learning->start = start;
    learning->share = 1.0;
    return take_answers(learning, n_items, embeddings, answers,
                        learning->start && is_held_out ? held_out : &none);
}

static fi_kind kind_of(const fi_learn_options *options, size_t answers) {
    if (options->shape.hidden_layers == 0 ||
        (options->kind == FI_KIND_AUTO && answers < ANSWERS_LEAST))
        return FI_KIND_LINEAR;
    return options->kind;
}

static bool is_tried(const struct learning *learning, fi_kind kind) {
    if (kind == FI_KIND_NETWORK)
        return learning->options->train.patience > 0 && learning->count >= ANSWERS_LEAST;
    return kind == FI_KIND_AUTO;
}

int fi_learn(size_t n_items, const float *embeddings, const fi_answers *answers,
             const fi_answers *held_out, const fi_model *inputs, const fi_model *start,
             const fi_learn_options *options, fi_learned *ret) {
    if (answers->count == 0)
        return -EINVAL;
    FD_CLEANUP(learning_clear) struct learning learning = {.options = options};
    fi_kind kind = kind_of(options, answers->count);
    int r = learning_init(&learning, n_items, embeddings, answers, held_out, inputs, start, kind);
    if (r < 0)
        return r;

    struct trial trial = {0};
    if (is_tried(&learning, kind))
        r = try_both(&learning, &trial);
    if (r < 0)
        return r;
    double tried = (double)trial.count;
    fi_learned learned = {.tried = trial.count,
                          .linear_loss = trial.linear / tried,
                          .network_loss = trial.network / tried,
                          .loss_error = error_of(&trial)};
    if (kind == FI_KIND_AUTO)
        kind = does_network_win(&trial) ? FI_KIND_NETWORK : FI_KIND_LINEAR;
    r = kind == FI_KIND_NETWORK ? finish_network(&learning, &trial, &learned)
                                : finish_linear(&learning, &learned);
    if (r == 0)
        *ret = learned;
    return r;
}
