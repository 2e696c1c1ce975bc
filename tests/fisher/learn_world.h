/* Small problems to learn: items, their true rewards, answers that follow these, and what was
 * learned. */
#ifndef LEARN_WORLD_H
#define LEARN_WORLD_H

#include <fisher/learn.h>
#include <math.h>
#include <string.h>

#include "golden.h"
#include "rng.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)
FD_DEFINE_CLEANUP(fi_last_layer, fi_last_layer_free)

typedef double truth(size_t inputs, const float *x);

static inline double along_the_axes(size_t inputs, const float *x) {
    double sum = 0.0;
    for (size_t j = 0; j < inputs; j++)
        sum += (j % 2 ? -1.0 : 1.0) * (double)x[j];
    return 2.0 * sum / sqrt((double)inputs);
}

static inline double wave(size_t inputs, const float *x) {
    (void)inputs;
    return 3.0 * sin(3.0 * (double)x[0]) + 0.5 * (double)x[1];
}

static inline double exclusive_or(size_t inputs, const float *x) {
    (void)inputs;
    return 3.0 * tanh(3.0 * (double)x[0] * (double)x[1]);
}

static inline double nothing(size_t inputs, const float *x) {
    (void)inputs;
    (void)x;
    return 0.0;
}

/* Normal items, and answers to random pairs: `count` to learn from, then FRESH others. */
enum { FRESH = 2000 };

typedef struct world {
    size_t n_items;
    size_t inputs;
    float *items;
    fi_pair *pairs;
    float *targets;
    double *rewards; /* the truth */
    fi_answers answers;
    fi_answers fresh;
} world;

static inline float ask(fd_rng *rng, const double *rewards, fi_pair pair) {
    return fd_rng_uniform(rng) < 1.0 / (1.0 + exp(rewards[pair.b] - rewards[pair.a])) ? 1.0f : 0.0f;
}

static inline world world_new(uint64_t seed, size_t n_items, size_t inputs, size_t count,
                              truth *reward) {
    fd_rng rng = fd_rng_seeded(seed);
    world made = {.n_items = n_items, .inputs = inputs};
    made.items = calloc(n_items * inputs, sizeof(*made.items));
    made.rewards = calloc(n_items, sizeof(*made.rewards));
    made.pairs = calloc(count + FRESH, sizeof(*made.pairs));
    made.targets = calloc(count + FRESH, sizeof(*made.targets));
    assert_true(made.items && made.rewards && made.pairs && made.targets);
    for (size_t i = 0; i < n_items * inputs; i++)
        made.items[i] = (float)fd_rng_normal(&rng);
    for (size_t i = 0; i < n_items; i++)
        made.rewards[i] = reward(inputs, made.items + i * inputs);
    for (size_t i = 0; i < count + FRESH; i++) {
        uint32_t a = (uint32_t)fd_rng_below(&rng, n_items);
        uint32_t b = (uint32_t)fd_rng_below(&rng, n_items - 1);
        made.pairs[i] = (fi_pair){a, b + (b >= a)};
        made.targets[i] = ask(&rng, made.rewards, made.pairs[i]);
    }
    made.answers = (fi_answers){.count = count, .pairs = made.pairs, .targets = made.targets};
    made.fresh =
        (fi_answers){.count = FRESH, .pairs = made.pairs + count, .targets = made.targets + count};
    return made;
}

static inline void world_clear(world *made) {
    free(made->items);
    free(made->pairs);
    free(made->targets);
    free(made->rewards);
}

#define WORLD FD_CLEANUP(world_clear) world

static inline void learned_clear(fi_learned *learned) {
    fi_model_free(learned->model);
    free(learned->cross_fitted);
    free(learned->length_fitted);
}

#define LEARNED FD_CLEANUP(learned_clear) fi_learned

static inline fi_learn_options options_for(const world *from, fi_kind kind) {
    return (fi_learn_options){
        .kind = kind,
        .shape = {.inputs = (uint32_t)from->inputs, .hidden_layers = 1, .hidden_width = 64},
        .train = fi_train_defaults(),
        .seed = 3,
    };
}

static inline fi_learned learn(const world *from, const fi_learn_options *options) {
    fi_learned learned = {0};
    assert_int_equal(
        fi_learn(from->n_items, from->items, NULL, &from->answers, NULL, NULL, options, &learned),
        0);
    return learned;
}

/* The fit of the last layer to the features of a model, as learning does it. */
static inline fi_last_layer *refit_of(const world *from, const fi_model *model,
                                      const fi_learn_options *learning,
                                      const fi_last_layer *start) {
    size_t h = fi_model_feature_count(model);
    fi_block blocks[FI_BLOCKS_MAX];
    fi_last_layer *layer = NULL;
    float *features = calloc(from->n_items, h * sizeof(*features));
    assert_non_null(features);
    assert_int_equal(fi_model_features(model, from->n_items, from->items, NULL, features), 0);
    double square = fi_mean_square(from->n_items, h, features, &from->answers, 0, h);
    fi_last_layer_options options = fi_last_layer_defaults();
    options.blocks = blocks;
    options.n_blocks = fi_learn_blocks(learning, h, square, blocks);
    assert_int_equal(
        fi_last_layer_fit(from->n_items, h, features, &from->answers, &options, start, &layer), 0);
    free(features);
    return layer;
}

/* [n_items] */
static inline float *rewards_by(const world *from, const fi_model *model) {
    float *features = calloc(from->n_items, fi_model_feature_count(model) * sizeof(*features));
    float *rewards = calloc(from->n_items, sizeof(*rewards));
    assert_true(features && rewards);
    assert_int_equal(fi_model_features(model, from->n_items, from->items, NULL, features), 0);
    fi_model_rewards(model, from->n_items, features, rewards);
    free(features);
    return rewards;
}

static inline fi_fit fresh_fit(const world *from, const fi_model *model) {
    FD_FREE float *rewards = rewards_by(from, model);
    return fi_evaluate(rewards, &from->fresh);
}

static inline fi_fit true_fit(const world *from) {
    FD_FREE float *rewards = calloc(from->n_items, sizeof(*rewards));
    assert_non_null(rewards);
    for (size_t i = 0; i < from->n_items; i++)
        rewards[i] = (float)from->rewards[i];
    return fi_evaluate(rewards, &from->fresh);
}

static inline bool is_network(const fi_learned *learned) {
    return fi_model_shape(learned->model)->hidden_layers > 0;
}

static inline void assert_same_parameters(fi_model *one, fi_model *other) {
    size_t count, other_count;
    const float *parameters = fi_model_parameters(one, &count);
    const float *others = fi_model_parameters(other, &other_count);
    assert_int_equal(count, other_count);
    assert_memory_equal(parameters, others, count * sizeof(*parameters));
}

#endif
