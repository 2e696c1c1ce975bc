#include <errno.h>
#include <fisher/train.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "network.h"
#include "rng.h"

/* ---- loss ---- */

static double probability(double logit) {
    double e = exp(-fabs(logit));
    return (logit >= 0.0 ? 1.0 : e) / (1.0 + e);
}

/* log(1 + exp(z)) - t z, without overflow. */
static double loss_of(double logit, double target) {
    return fmax(logit, 0.0) + log1p(exp(-fabs(logit))) - target * logit;
}

/* ---- fit ---- */

enum { BINS = 10 };

/* Sums over the answers of p and t, folded to the side that the model prefers. */
struct bins {
    double probability[BINS];
    double target[BINS];
};

static void bins_add(struct bins *bins, double logit, double target) {
    double folded = probability(fabs(logit));
    double agreed = logit > 0.0 ? target : logit < 0.0 ? 1.0 - target : 0.5;
    size_t bin = (size_t)fmin((folded - 0.5) * 2.0 * BINS, BINS - 1);
    bins->probability[bin] += folded;
    bins->target[bin] += agreed;
}

static double bins_error(const struct bins *bins, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < BINS; i++)
        sum += fabs(bins->probability[i] - bins->target[i]);
    return sum / (double)count;
}

/* Wilson's interval: the shares from which the one seen is at most 1.96 standard errors away. */
static void find_interval(fi_fit *fit) {
    double z = 1.959963984540054, n = (double)fit->decided;
    double middle = (fit->accuracy + z * z / (2 * n)) / (1 + z * z / n);
    double spread = fit->accuracy * (1 - fit->accuracy) / n + z * z / (4 * n * n);
    double half = z * sqrt(spread) / (1 + z * z / n);
    fit->accuracy_low = fmax(middle - half, 0.0);
    fit->accuracy_high = fmin(middle + half, 1.0);
}

fi_fit fi_evaluate(const float *rewards, const fi_answers *answers) {
    fi_fit fit = {.loss = NAN,
                  .accuracy = NAN,
                  .calibration_error = NAN,
                  .accuracy_low = NAN,
                  .accuracy_high = NAN};
    struct bins bins = {0};
    double loss = 0.0;
    size_t right = 0;
    for (size_t i = 0; i < answers->count; i++) {
        fi_pair pair = answers->pairs[i];
        double logit = (double)rewards[pair.a] - (double)rewards[pair.b];
        double target = (double)answers->targets[i];
        loss += loss_of(logit, target);
        bins_add(&bins, logit, target);
        if (target == 0.5)
            continue;
        fit.decided++;
        right += logit != 0.0 && (logit > 0.0) == (target > 0.5);
    }
    if (answers->count > 0) {
        fit.loss = loss / (double)answers->count;
        fit.calibration_error = bins_error(&bins, answers->count);
    }
    if (fit.decided > 0) {
        fit.accuracy = (double)right / (double)fit.decided;
        find_interval(&fit);
    }
    return fit;
}

/* d mean loss / d reward [n_items], given the rewards; returns the mean loss. */
static double reward_gradient(size_t n_items, const float *rewards, size_t count,
                              const fi_pair *pairs, const float *targets, float *gradient) {
    double loss = 0.0;
    memset(gradient, 0, n_items * sizeof(*gradient));
    for (size_t i = 0; i < count; i++) {
        double logit = (double)rewards[pairs[i].a] - (double)rewards[pairs[i].b];
        double target = (double)targets[i];
        float slope = (float)((probability(logit) - target) / (double)count);
        gradient[pairs[i].a] += slope;
        gradient[pairs[i].b] -= slope;
        loss += loss_of(logit, target);
    }
    return loss / (double)count;
}

/* ---- a set of answers over its distinct items ---- */

struct lesson {
    size_t count;
    const float *targets;
    fi_pair *pairs; /* items 0 … n_items - 1 */
    size_t n_items;
    float *inputs;  /* [n_items x k] prepared */
    float *rewards; /* [n_items] */
    fi_pass pass;
};

static void lesson_clear(struct lesson *lesson) {
    free(lesson->pairs);
    free(lesson->inputs);
    free(lesson->rewards);
    fi_pass_clear(&lesson->pass);
}

static bool is_in_range(size_t n_items, const fi_answers *answers) {
    for (size_t i = 0; i < answers->count; i++)
        if (answers->pairs[i].a >= n_items || answers->pairs[i].b >= n_items ||
            !(answers->targets[i] >= 0.0f && answers->targets[i] <= 1.0f))
            return false;
    return true;
}

/* Numbers the items that the pairs name in the order of their first use; rows [most] gets them. */
static size_t number_items(size_t n_items, size_t count, fi_pair *pairs, uint32_t *numbers,
                           uint32_t *rows) {
    memset(numbers, 0xff, n_items * sizeof(*numbers));
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t *sides[] = {&pairs[i].a, &pairs[i].b};
        for (size_t side = 0; side < 2; side++) {
            uint32_t row = *sides[side];
            if (numbers[row] == UINT32_MAX) {
                rows[found] = row;
                numbers[row] = found++;
            }
            *sides[side] = numbers[row];
        }
    }
    return found;
}

static int lesson_init(struct lesson *lesson, const fi_model *model, size_t n_items,
                       const float *embeddings, const fi_answers *answers) {
    size_t width = fi_model_prepared_count(model);
    lesson->count = answers->count;
    lesson->targets = answers->targets;
    if (!is_in_range(n_items, answers))
        return -EINVAL;
    FD_FREE uint32_t *numbers = calloc(n_items + 1, sizeof(*numbers));
    FD_FREE uint32_t *rows = calloc(n_items + 1, sizeof(*rows));
    lesson->pairs = calloc(answers->count + 1, sizeof(*lesson->pairs));
    if (!numbers || !rows || !lesson->pairs)
        return -ENOMEM;
    if (answers->count > 0)
        memcpy(lesson->pairs, answers->pairs, answers->count * sizeof(*lesson->pairs));
    lesson->n_items = number_items(n_items, answers->count, lesson->pairs, numbers, rows);

    lesson->inputs = calloc(lesson->n_items + 1, width * sizeof(*lesson->inputs));
    lesson->rewards = calloc(lesson->n_items + 1, sizeof(*lesson->rewards));
    if (!lesson->inputs || !lesson->rewards)
        return -ENOMEM;
    for (size_t i = 0; i < lesson->n_items; i++) {
        int r = fi_model_prepare(model, 1, embeddings + (size_t)rows[i] * model->shape.inputs,
                                 lesson->inputs + i * width);
        if (r < 0)
            return r;
    }
    return fi_pass_init(model, lesson->n_items, &lesson->pass);
}

static void run_forward(const fi_model *model, size_t n, const float *inputs, fi_pass *pass,
                        float *rewards) {
    fi_model_rewards(model, n, fi_forward(model, n, inputs, pass), rewards);
}

static fi_fit appraise(const fi_model *model, struct lesson *lesson) {
    run_forward(model, lesson->n_items, lesson->inputs, &lesson->pass, lesson->rewards);
    fi_answers answers = {lesson->count, lesson->pairs, lesson->targets};
    return fi_evaluate(lesson->rewards, &answers);
}

int fi_loss_gradient(const fi_model *model, size_t n_items, const float *embeddings,
                     const fi_answers *answers, fi_model *gradient, double *ret_loss) {
    if (answers->count == 0 || memcmp(&model->shape, &gradient->shape, sizeof(model->shape)) != 0)
        return -EINVAL;
    FD_CLEANUP(lesson_clear) struct lesson lesson = {0};
    int r = lesson_init(&lesson, model, n_items, embeddings, answers);
    if (r < 0)
        return r;
    FD_FREE float *slopes = calloc(lesson.n_items, sizeof(*slopes));
    if (!slopes)
        return -ENOMEM;
    run_forward(model, lesson.n_items, lesson.inputs, &lesson.pass, lesson.rewards);
    *ret_loss = reward_gradient(lesson.n_items, lesson.rewards, lesson.count, lesson.pairs,
                                lesson.targets, slopes);
    fi_backward(model, lesson.n_items, lesson.inputs, &lesson.pass, slopes, gradient->parameters);
    return 0;
}

/* ---- mini-batches ---- */

/* The answers of one step: all of the lesson, or a part of it with its items copied together. */
struct batch {
    size_t count;
    size_t n_items;
    const fi_pair *pairs;
    const float *targets;
    const float *inputs;
    /* For parts: */
    uint32_t *order; /* [lesson count] a permutation, walked through once an epoch */
    size_t next;
    fi_pair *own_pairs;
    float *own_targets;
    float *own_inputs;
    uint32_t *numbers; /* [lesson n_items] */
    uint32_t *rows;
};

static void batch_clear(struct batch *batch) {
    free(batch->order);
    free(batch->own_pairs);
    free(batch->own_targets);
    free(batch->own_inputs);
    free(batch->numbers);
    free(batch->rows);
}

static int batch_init(struct batch *batch, const struct lesson *lesson, size_t width, size_t size) {
    if (size == 0 || size >= lesson->count) {
        *batch = (struct batch){.count = lesson->count,
                                .n_items = lesson->n_items,
                                .pairs = lesson->pairs,
                                .targets = lesson->targets,
                                .inputs = lesson->inputs};
        return 0;
    }
    size_t most = 2 * size < lesson->n_items ? 2 * size : lesson->n_items;
    batch->count = size;
    batch->order = calloc(lesson->count, sizeof(*batch->order));
    batch->own_pairs = calloc(size, sizeof(*batch->own_pairs));
    batch->own_targets = calloc(size, sizeof(*batch->own_targets));
    batch->own_inputs = calloc(most, width * sizeof(*batch->own_inputs));
    batch->numbers = calloc(lesson->n_items, sizeof(*batch->numbers));
    batch->rows = calloc(most, sizeof(*batch->rows));
    if (!batch->order || !batch->own_pairs || !batch->own_targets || !batch->own_inputs ||
        !batch->numbers || !batch->rows)
        return -ENOMEM;
    for (size_t i = 0; i < lesson->count; i++)
        batch->order[i] = (uint32_t)i;
    batch->next = lesson->count; /* the first step begins an epoch */
    batch->pairs = batch->own_pairs;
    batch->targets = batch->own_targets;
    batch->inputs = batch->own_inputs;
    return 0;
}

static void shuffle(fi_rng *rng, size_t n, uint32_t *values) {
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)fi_rng_below(rng, i);
        uint32_t swapped = values[i - 1];
        values[i - 1] = values[j];
        values[j] = swapped;
    }
}

/* The answers that an epoch leaves over are not used in it. */
static void batch_advance(struct batch *batch, const struct lesson *lesson, size_t width,
                          fi_rng *rng) {
    if (!batch->order)
        return;
    if (batch->next + batch->count > lesson->count) {
        shuffle(rng, lesson->count, batch->order);
        batch->next = 0;
    }
    for (size_t i = 0; i < batch->count; i++) {
        uint32_t answer = batch->order[batch->next + i];
        batch->own_pairs[i] = lesson->pairs[answer];
        batch->own_targets[i] = lesson->targets[answer];
    }
    batch->next += batch->count;
    batch->n_items =
        number_items(lesson->n_items, batch->count, batch->own_pairs, batch->numbers, batch->rows);
    for (size_t i = 0; i < batch->n_items; i++)
        memcpy(batch->own_inputs + i * width, lesson->inputs + batch->rows[i] * width,
               width * sizeof(float));
}

/* ---- AdamW ---- */

struct adam {
    const fi_train_options *options;
    uint32_t step;
    float *mean;   /* [parameter_count] of the gradient */
    float *square; /* [parameter_count] of its square */
};

static void adam_clear(struct adam *adam) {
    free(adam->mean);
    free(adam->square);
}

FI_CLONES static void adam_move(size_t count, float beta1, float beta2, float rate, float root,
                                float epsilon, const float *restrict gradient, float *restrict mean,
                                float *restrict square, float *restrict parameters) {
    for (size_t i = 0; i < count; i++) {
        mean[i] = beta1 * mean[i] + (1.0f - beta1) * gradient[i];
        square[i] = beta2 * square[i] + (1.0f - beta2) * gradient[i] * gradient[i];
        parameters[i] -= rate * mean[i] / (sqrtf(square[i]) * root + epsilon);
    }
}

static void decay(const struct adam *adam, fi_model *model) {
    float kept = (float)(1.0 - adam->options->learning_rate * adam->options->weight_decay);
    for (uint32_t l = 0; l <= model->shape.hidden_layers; l++) {
        fi_layer layer = fi_model_layer(model, l);
        for (size_t i = 0; i < layer.outputs * layer.inputs; i++)
            layer.weights[i] *= kept;
    }
}

static void adam_step(struct adam *adam, fi_model *model, const float *gradient) {
    const fi_train_options *options = adam->options;
    double step = (double)++adam->step;
    double rate = options->learning_rate / (1.0 - pow(options->beta1, step));
    double root = 1.0 / sqrt(1.0 - pow(options->beta2, step));
    if (options->weight_decay > 0.0)
        decay(adam, model);
    adam_move(model->parameter_count, (float)options->beta1, (float)options->beta2, (float)rate,
              (float)root, (float)options->epsilon, gradient, adam->mean, adam->square,
              model->parameters);
}

/* ---- training ---- */

fi_train_options fi_train_defaults(void) {
    return (fi_train_options){
        .learning_rate = 1e-3,
        .beta1 = 0.9,
        .beta2 = 0.999,
        .epsilon = 1e-8,
        .weight_decay = 1e-2,
        .iterations = 1000,
        .patience = 10,
        .evaluate_every = 10,
    };
}

struct training {
    const fi_train_options *options;
    fi_model *model; /* moves with every step */
    fi_model *best;  /* the weights kept so far */
    struct lesson learn;
    struct lesson held_out;
    struct batch batch;
    fi_pass pass;   /* of the batch */
    float *rewards; /* [batch items] */
    float *slopes;
    float *gradient;
    struct adam adam;
    fi_rng rng;
    uint32_t iteration;
    uint32_t best_iteration;
    uint32_t since_best; /* evaluations */
    double best_loss;
    double held_out_loss;
    double train_loss;
};

static void training_clear(struct training *training) {
    if (training->model)
        fi_model_free(training->model);
    if (training->best)
        fi_model_free(training->best);
    lesson_clear(&training->learn);
    lesson_clear(&training->held_out);
    batch_clear(&training->batch);
    fi_pass_clear(&training->pass);
    adam_clear(&training->adam);
    free(training->rewards);
    free(training->slopes);
    free(training->gradient);
}

static int training_init(struct training *training, const fi_model *model, size_t n_items,
                         const float *embeddings, const fi_answers *answers,
                         const fi_answers *held_out) {
    size_t width = fi_model_prepared_count(model);
    int r = fi_model_copy(model, &training->model);
    if (r == 0)
        r = fi_model_copy(model, &training->best);
    if (r == 0)
        r = lesson_init(&training->learn, model, n_items, embeddings, answers);
    if (r == 0)
        r = lesson_init(&training->held_out, model, n_items, embeddings, held_out);
    if (r == 0)
        r = batch_init(&training->batch, &training->learn, width, training->options->batch_size);
    if (r == 0)
        r = fi_pass_init(model, training->learn.n_items, &training->pass);
    if (r < 0)
        return r;
    training->rewards = calloc(training->learn.n_items, sizeof(float));
    training->slopes = calloc(training->learn.n_items, sizeof(float));
    training->gradient = calloc(model->parameter_count, sizeof(float));
    training->adam.mean = calloc(model->parameter_count, sizeof(float));
    training->adam.square = calloc(model->parameter_count, sizeof(float));
    if (!training->rewards || !training->slopes || !training->gradient || !training->adam.mean ||
        !training->adam.square)
        return -ENOMEM;
    training->adam.options = training->options;
    training->rng = fi_rng_seeded(training->options->seed);
    training->best_loss = INFINITY;
    training->held_out_loss = NAN;
    training->train_loss = NAN;
    return 0;
}

static void keep_best(struct training *training) {
    memcpy(training->best->parameters, training->model->parameters,
           training->model->parameter_count * sizeof(float));
    training->best_iteration = training->iteration;
}

/* True when held-out answers say that going on does not help. */
static bool look_at_held_out(struct training *training) {
    if (training->held_out.count == 0)
        return false;
    training->held_out_loss = appraise(training->model, &training->held_out).loss;
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
    struct batch *batch = &training->batch;
    const fi_model *model = training->model;
    batch_advance(batch, &training->learn, fi_model_prepared_count(model), &training->rng);
    run_forward(model, batch->n_items, batch->inputs, &training->pass, training->rewards);
    training->train_loss = reward_gradient(batch->n_items, training->rewards, batch->count,
                                           batch->pairs, batch->targets, training->slopes);
    if (!isfinite(training->train_loss))
        return -EDOM;
    fi_backward(model, batch->n_items, batch->inputs, &training->pass, training->slopes,
                training->gradient);
    adam_step(&training->adam, training->model, training->gradient);
    training->iteration++;
    return 0;
}

static bool is_told_to_stop(const struct training *training) {
    const fi_train_options *options = training->options;
    fi_train_progress progress = {training->iteration, training->train_loss,
                                  training->held_out_loss};
    return options->progress && options->progress(options->context, &progress) != 0;
}

static int run_steps(struct training *training) {
    uint32_t every = training->options->evaluate_every > 0 ? training->options->evaluate_every : 1;
    while (training->iteration < training->options->iterations) {
        if (training->iteration % every == 0 && look_at_held_out(training))
            return 0;
        int r = step(training);
        if (r < 0)
            return r;
        if (is_told_to_stop(training))
            return -ECANCELED;
    }
    if (training->held_out.count == 0)
        keep_best(training);
    else
        (void)look_at_held_out(training);
    return 0;
}

int fi_train(fi_model *model, size_t n_items, const float *embeddings, const fi_answers *answers,
             const fi_answers *held_out, const fi_train_options *options, fi_train_result *ret) {
    static const fi_answers none = {0};
    if (answers->count == 0)
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
        .train = appraise(training.best, &training.learn),
        .held_out = appraise(training.best, &training.held_out),
    };
    if (!isfinite(result.train.loss))
        return -EDOM;
    memcpy(model->parameters, training.best->parameters, model->parameter_count * sizeof(float));
    *ret = result;
    return 0;
}
