/* Writes text_features, blocks, scores, side and design_effect. */
#include "coefficients_json.h"

#include "json_tree.h"
#include "json_write.h"

static json_t *text_feature_json(const fd_learned_coefficients *all, size_t feature) {
    const fd_coefficient *one = &all->text[feature], *twice = &all->twice_the_length;
    const char *name = fd_text_feature_name(feature);
    if (feature != FD_TEXT_LOG_LENGTH)
        return json_pack("{s:s, s:o, s:o}", "name", name, "coefficient", fd_json_real(one->value),
                         "stddev", fd_json_real(one->stddev));
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", name, "coefficient",
                     fd_json_real(one->value), "stddev", fd_json_real(one->stddev),
                     "twice_the_length", fd_json_real(twice->value), "twice_the_length_stddev",
                     fd_json_real(twice->stddev));
}

static json_t *text_features_json(const fd_learned_coefficients *all) {
    FD_JSON json_t *list = json_array();
    for (size_t i = 0; all->has_text && i < FD_TEXT_FEATURES; i++)
        if (json_array_append_new(list, text_feature_json(all, i)) < 0)
            return NULL;
    return json_pack("{s:b, s:O}", "on", all->has_text, "features", list);
}

static json_t *blocks_json(const fd_learned_coefficients *all) {
    FD_JSON json_t *list = json_array();
    for (size_t i = 0; i < all->n_blocks; i++) {
        const fd_learned_block *block = &all->blocks[i];
        json_t *json = json_pack("{s:s, s:s*, s:I, s:o, s:o}", "name", block->name, "score",
                                 block->score, "columns", (json_int_t)block->columns, "precision",
                                 fd_json_real(block->precision), "probability",
                                 fd_json_real(block->probability));
        if (json_array_append_new(list, json) < 0)
            return NULL;
    }
    return FD_STEAL(list);
}

static json_t *scores_json(const fd_learned_coefficients *all) {
    FD_JSON json_t *scores = json_object();
    for (size_t i = 0; i < all->n_scores; i++) {
        const fd_learned_score *score = &all->scores[i];
        json_t *json = json_pack("{s:s, s:o, s:o, s:I}", "trust", fd_trust_names[score->trust],
                                 "coefficient", fd_json_real(score->coefficient.value), "stddev",
                                 fd_json_real(score->coefficient.stddev), "missing",
                                 (json_int_t)score->missing);
        if (json_object_set_new(scores, score->name, json) < 0)
            return NULL;
    }
    return FD_STEAL(scores);
}

json_t *fd_coefficients_json(const fd_learned_coefficients *all) {
    return json_pack("{s:o, s:o, s:o, s:{s:o, s:o}, s:o}", "text_features", text_features_json(all),
                     "blocks", blocks_json(all), "scores", scores_json(all), "side", "effect",
                     fd_json_real(all->side.value), "stddev", fd_json_real(all->side.stddev),
                     "design_effect", fd_json_real(all->design_effect));
}
