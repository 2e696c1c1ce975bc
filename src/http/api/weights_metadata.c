/* Describes a model, its extras and its blocks in texts. */
#include "weights_metadata.h"

#include <stdlib.h>

#include "embedder_json.h"
#include "item_extras.h"
#include "json_tree.h"
#include "json_write.h"
#include "text_features.h"

enum { FORMAT_VERSION = 1 };

/* The name of a score, or NULL for a number that is not one's. */
static const char *score_name(const fd_score_counts *scores, uint32_t score) {
    return score < scores->n ? scores->names[score] : NULL;
}

/* [{"name": …, "score"?: …}] of the extras, in their order */
static json_t *extras_json(const fi_model *model, const fd_score_counts *scores) {
    FD_JSON json_t *list = json_array();
    const uint32_t *ids = fi_model_extra_ids(model);
    for (size_t j = 0; j < fi_model_shape(model)->extras; j++) {
        bool is_text = ids[j] < FD_TEXT_FEATURES;
        json_t *json =
            json_pack("{s:s, s:s*}", "name", is_text ? fd_text_feature_name(ids[j]) : "score",
                      "score", is_text ? NULL : score_name(scores, ids[j] - FD_EXTRA_SCORES));
        if (json_array_append_new(list, json) < 0)
            return NULL;
    }
    return FD_STEAL(list);
}

static json_t *blocks_json(const fi_model *model, const fd_score_counts *scores) {
    FD_JSON json_t *list = json_array();
    const fi_last_layer *layer = fi_model_last_layer(model);
    for (size_t g = 0; layer && g < layer->n_blocks; g++) {
        const fi_block *block = &layer->blocks[g];
        uint32_t score;
        const char *name = fd_block_name(model, block, &score);
        json_t *json =
            json_pack("{s:s, s:s*, s:I, s:I, s:o, s:o, s:o}", "name", name, "score",
                      score_name(scores, score), "first", (json_int_t)block->first, "columns",
                      (json_int_t)block->count, "mean", fd_json_real(block->mean), "precision",
                      fd_json_real(layer->precisions[g]), "probability",
                      fd_json_real(layer->probabilities[g]));
        if (json_array_append_new(list, json) < 0)
            return NULL;
    }
    return FD_STEAL(list);
}

/* Sets a member to a tree as a text, which takes the tree. */
static int set_text(json_t *object, const char *member, json_t *tree) {
    FD_FREE char *text = tree ? json_dumps(tree, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(tree);
    return text ? json_object_set_new(object, member, json_string(text)) : -1;
}

static json_t *count_text(uint64_t count) {
    return json_sprintf("%llu", (unsigned long long)count);
}

json_t *fd_weights_metadata(const fd_model_row *row, const fi_model *model,
                            const fd_score_counts *scores, const fd_embedder_row *embedder) {
    const fi_shape *shape = fi_model_shape(model);
    json_t *metadata =
        json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "format_version",
                  count_text(FORMAT_VERSION), "architecture", "reward-mlp", "inputs",
                  count_text(shape->inputs), "components", count_text(shape->components),
                  "hidden_layers", count_text(shape->hidden_layers), "hidden_width",
                  count_text(shape->hidden_width), "activation", "gelu-erf", "model_version",
                  count_text(row->version), "labels", count_text(row->labels));
    if (row->prior_precision > 0) /* otherwise it is not known */
        (void)json_object_set_new(metadata, "prior_precision",
                                  json_sprintf("%.17g", row->prior_precision));
    if (set_text(metadata, "extras", extras_json(model, scores)) < 0 ||
        set_text(metadata, "blocks", blocks_json(model, scores)) < 0 ||
        (embedder && set_text(metadata, "embedder", fd_embedder_json(embedder)) < 0))
        json_decref(FD_STEAL(metadata));
    return metadata;
}
