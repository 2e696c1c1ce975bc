/* Engines that refit, and the labels that they were given. */
#ifndef REFIT_WORLD_H
#define REFIT_WORLD_H

#include "fixture.h"
#include "model_versions.h"
#include "score.h"
#include "trainer.h"
#include <errno.h>
#include <fisher/learn.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

FD_DEFINE_CLEANUP(fi_model, fi_model_free)
FD_DEFINE_CLEANUP(fi_last_layer, fi_last_layer_free)
FD_DEFINE_CLEANUP(fi_information, fi_information_free)
FD_DEFINE_CLEANUP(fi_factor, fi_factor_free)

enum { PROMPTS = 8, RESPONSES = 8, ITEMS = PROMPTS * RESPONSES, ANSWERS = 200, WIDEST = 16 };

static inline fd_engine_options refit_options(fi_kind kind) {
    fd_engine_options options = fixture_options();
    options.refit = true;
    options.kind = kind;
    return options;
}

struct known {
    size_t count;
    fi_pair pairs[ANSWERS];
    float targets[ANSWERS];
    uint32_t clusters[ANSWERS];
};

static inline const char *id_of(uint32_t row) {
    return fixture_item_id(row / RESPONSES, row % RESPONSES);
}

/* Answers the next pairs up to the `last`-th as the first number of the embeddings has it, but each
 * fifth the other way round. */
static inline void answer_up_to(fd_engine *engine, struct known *known, size_t last) {
    float embeddings[ITEMS * DIMENSION];
    fixture_embeddings(embeddings, ITEMS);
    for (size_t i = known->count; i < last; i++) {
        uint32_t a = (uint32_t)(i % ITEMS), b = (uint32_t)((i * 7 + 1 + i / ITEMS) % ITEMS);
        if (a == b)
            b = (b + 1) % ITEMS;
        bool first = embeddings[a * DIMENSION] > embeddings[b * DIMENSION];
        bool prefers_a = first != (i % 5 == 4);
        assert_int_equal(
            fixture_label(engine, i, id_of(a), id_of(b), prefers_a ? FD_PREFER_A : FD_PREFER_B), 0);
        known->pairs[i] = (fi_pair){a, b};
        known->targets[i] = prefers_a ? 1.0f : 0.0f;
        known->clusters[i] = a / RESPONSES == b / RESPONSES ? a / RESPONSES
                             : a < b                        ? 1000 + a * ITEMS + b
                                                            : 1000 + b * ITEMS + a;
    }
    known->count = last;
}

/* Answers first to last - 1. */
static inline fi_answers learned(const struct known *known, size_t first, size_t last,
                                 struct known *room) {
    room->count = 0;
    for (size_t i = first; i < last; i++) {
        room->pairs[room->count] = known->pairs[i];
        room->clusters[room->count] = known->clusters[i];
        room->targets[room->count++] = known->targets[i];
    }
    return (fi_answers){.count = room->count,
                        .pairs = room->pairs,
                        .targets = room->targets,
                        .clusters = room->clusters};
}

static inline double score_of(fd_engine *engine, const char *id) {
    fd_item_reference reference = {.id = id};
    fd_score result;
    fd_fault fault = {0};
    uint64_t version;
    assert_int_equal(fd_engine_score(engine, &reference, 1, &result, &version, &fault), 0);
    return result.reward;
}

static inline void all_scores(fd_engine *engine, double *scores) {
    for (uint32_t i = 0; i < ITEMS; i++)
        scores[i] = score_of(engine, id_of(i));
}

static inline bool is_close(const double *x, const double *y, size_t n, double tolerance) {
    for (size_t i = 0; i < n; i++)
        if (fabs(x[i] - y[i]) > tolerance)
            return false;
    return true;
}

static inline void train(fd_engine *engine) {
    fd_fault fault = {0};
    assert_int_equal(fd_engine_train(engine, true, &fault), 0);
    fd_engine_wait_trained(engine);
    fd_engine_wait_refitted(engine);
}

/* A version: its features of all items and its last layer. */
struct serving {
    size_t width;
    float features[ITEMS * WIDEST];
    float rewards[ITEMS];
    double beta[WIDEST];
    double precision; /* of the embedded features */
    double logdet;    /* of what its layer knows */
    fd_model_row row;
    fi_last_layer *layer; /* a copy */
};

static inline void serving_clear(struct serving *serving) {
    fi_last_layer_free(serving->layer);
}

#define SERVING FD_CLEANUP(serving_clear) struct serving

static inline double logdet_of(const fi_last_layer *layer) {
    FD_CLEANUP(fi_information_freep) fi_information *known = NULL;
    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    assert_int_equal(fi_last_layer_information(layer, &known), 0);
    assert_int_equal(fi_factor_new(known, 0.0, &factor), 0);
    return fi_factor_logdet(factor);
}

static inline void copy_model(fd_engine *engine, uint64_t version, struct serving *ret) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    float embeddings[ITEMS * DIMENSION];
    fd_fault fault = {0};
    assert_int_equal(fd_engine_model_copy(engine, version, &ret->row, &model, &fault), 0);
    ret->width = fi_model_feature_count(model);
    assert_in_range(ret->width, 1, WIDEST);
    fixture_embeddings(embeddings, ITEMS);
    assert_int_equal(fi_model_features(model, ITEMS, embeddings, NULL, ret->features), 0);
    fi_model_rewards(model, ITEMS, ret->features, ret->rewards);
    fi_layer last = fi_model_layer(model, fi_model_shape(model)->hidden_layers);
    for (size_t j = 0; j < ret->width; j++)
        ret->beta[j] = (double)last.weights[j];
    assert_non_null(fi_model_last_layer(model));
    assert_int_equal(fi_last_layer_copy(fi_model_last_layer(model), &ret->layer), 0);
    ret->precision = ret->layer->precisions[0];
    ret->logdet = logdet_of(ret->layer);
}

/* The fit of the last layer of a version to answers. */
static inline fi_last_layer *fitted_to(const struct serving *version, const fi_answers *answers,
                                       double prior_precision) {
    fi_block blocks[FI_BLOCKS_MAX];
    fi_learn_options learning = {.prior_precision = prior_precision};
    double square =
        fi_mean_square(ITEMS, version->width, version->features, answers, 0, version->width);
    fi_last_layer_options options = fi_last_layer_defaults();
    options.blocks = blocks;
    options.n_blocks = fi_learn_blocks(&learning, version->width, square, blocks);
    fi_last_layer *layer = NULL;
    assert_int_equal(fi_last_layer_fit(ITEMS, version->width, version->features, answers, &options,
                                       version->layer, &layer),
                     0);
    return layer;
}

static inline fd_engine *answered(const fd_engine_options *options, struct known *known) {
    fd_engine *engine = fixture_memory(options);
    fixture_add_items(engine, PROMPTS, RESPONSES);
    known->count = 0;
    answer_up_to(engine, known, ANSWERS / 2);
    train(engine);
    assert_int_equal(fixture_model(engine).version, 1);
    assert_int_equal(fixture_model(engine).refits, 0);
    answer_up_to(engine, known, ANSWERS);
    fd_engine_wait_refitted(engine);
    fd_model_info model = fixture_model(engine);
    assert_int_equal(model.version, 1);
    assert_true(model.refits > 0);
    assert_int_equal(model.labels_fitted, ANSWERS);
    return engine;
}

#endif
