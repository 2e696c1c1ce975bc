/* Reads the coefficients of a last layer's extras. */
#include "learned_coefficients.h"

#include <math.h>

#include "engine_state.h"
#include "item_extras.h"

static const fd_coefficient unknown = {NAN, NAN};

/* ---- blocks ---- */

static void read_blocks(const fd_engine *engine, const fi_model *model,
                        fd_learned_coefficients *ret) {
    const fi_last_layer *layer = fi_model_last_layer(model);
    ret->n_blocks = layer->n_blocks;
    for (size_t g = 0; g < layer->n_blocks; g++) {
        uint32_t score;
        ret->blocks[g] = (fd_learned_block){
            .name = fd_block_name(model, &layer->blocks[g], &score),
            .columns = layer->blocks[g].count,
            .precision = layer->precisions[g],
            .probability = layer->probabilities[g],
        };
        if (score < engine->scores.names.count)
            ret->blocks[g].score = engine->scores.names.list[score];
    }
}

/* ---- columns ---- */

static fd_coefficient coefficient_at(const fi_last_layer *layer, size_t column) {
    return (fd_coefficient){layer->beta[column],
                            sqrt(layer->covariance[column * (layer->n_features + 1)])};
}

/* Twice the characters raise log_length by log 2. */
static fd_coefficient twice_the_length(const fi_model *model, size_t extra,
                                       fd_coefficient coefficient) {
    fi_extra_statistics statistics = fi_model_extra_statistics(model);
    double step = log(2.0) * statistics.scale[extra] * statistics.within[extra];
    return (fd_coefficient){step * coefficient.value, step * coefficient.stddev};
}

static void read_columns(const fd_engine *engine, const fi_model *model,
                         fd_learned_coefficients *ret) {
    const fi_last_layer *layer = fi_model_last_layer(model);
    size_t extras = fi_model_shape(model)->extras;
    for (size_t j = 0; j < extras; j++) {
        uint32_t id = fi_model_extra_ids(model)[j];
        fd_coefficient coefficient = coefficient_at(layer, layer->n_features - extras + j);
        if (id < FD_TEXT_FEATURES) {
            ret->has_text = true;
            ret->text[id] = coefficient;
        } else if (id - FD_EXTRA_SCORES < engine->scores.names.count) {
            ret->scores[id - FD_EXTRA_SCORES].coefficient = coefficient;
        }
        if (id == FD_TEXT_LOG_LENGTH)
            ret->twice_the_length = twice_the_length(model, j, coefficient);
    }
}

/* ---- all of it ---- */

static void read_scores(const fd_engine *engine, fd_learned_coefficients *ret) {
    const fd_score_table *table = &engine->scores;
    ret->n_scores = table->names.count;
    for (size_t i = 0; i < table->names.count; i++)
        ret->scores[i] = (fd_learned_score){
            .name = table->names.list[i],
            .trust = fd_project_settings_trust(&engine->project.settings, table->names.list[i]),
            .missing = engine->items.count - table->columns[i].count,
            .coefficient = unknown,
        };
}

void fd_learned_coefficients_read(const fd_engine *engine, const fd_served_model *served,
                                  fd_learned_coefficients *ret) {
    const fi_last_layer *layer = served ? fi_model_last_layer(served->model) : NULL;
    *ret = (fd_learned_coefficients){
        .twice_the_length = unknown, .side = unknown, .design_effect = NAN};
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++)
        ret->text[i] = unknown;
    read_scores(engine, ret);
    if (!layer)
        return;
    read_blocks(engine, served->model, ret);
    read_columns(engine, served->model, ret);
    ret->side = (fd_coefficient){layer->side, layer->side_stddev};
    ret->design_effect = layer->design_effect;
}
