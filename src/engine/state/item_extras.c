/* Collects the extras of items out of the text features and the scores, and their priors. */
#include "item_extras.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* With fewer texts than this, the features of the text would say who has one. */
#define TEXT_SHARE_LEAST 0.95

/* The priors of the coefficients: one standard deviation of an extra within its prompt is worth
 * about 1 / sqrt(guess) of reward. Chosen on data sets of votes; see docs/EVIDENCE.md. */
#define LENGTH_GUESS 4.0
#define STYLE_GUESS 160.0
#define SCORE_GUESS 64.0
#define TRUSTED_MEAN 0.3
#define LENGTH_MEAN 0.25

void fd_item_extras_clear(fd_item_extras *extras) {
    free(extras->raw);
    free(extras->empty);
    fd_growing_matrix_free(extras->groups);
    memset(extras, 0, sizeof(*extras));
}

/* ---- columns ---- */

static double share_with_texts(const fd_growing_matrix *texts, size_t n_items) {
    size_t count = 0;
    for (size_t i = 0; i < n_items; i++)
        count += isnan(fd_growing_matrix_row(texts, i)[FD_TEXT_LOG_LENGTH]) ? 0 : 1;
    return n_items > 0 ? (double)count / (double)n_items : 0.0;
}

uint32_t fd_extra_columns(bool text_features, const fd_growing_matrix *texts,
                          const fd_score_table *scores, size_t n_items,
                          uint32_t ids[static FI_EXTRAS_MAX], double *ret_share) {
    uint32_t count = 0;
    *ret_share = text_features && texts ? share_with_texts(texts, n_items) : 0.0;
    for (uint32_t i = 0; *ret_share >= TEXT_SHARE_LEAST && i < FD_TEXT_FEATURES; i++)
        ids[count++] = i;
    for (uint32_t i = 0; i < scores->names.count; i++)
        if (scores->columns[i].count > 0)
            ids[count++] = FD_EXTRA_SCORES + i;
    return count;
}

/* ---- rows ---- */

int fd_item_extras_init(fd_item_extras *extras, const uint32_t *ids, uint32_t count, size_t first,
                        size_t n, fd_growing_matrix *groups) {
    extras->first = first;
    extras->n_items = n;
    extras->count = count;
    if (count > 0)
        memcpy(extras->ids, ids, count * sizeof(*ids));
    extras->groups = fd_growing_matrix_reference(groups);
    extras->raw = reallocarray(NULL, n + 1, (count + 1) * sizeof(*extras->raw));
    extras->empty = calloc(n + 1, sizeof(*extras->empty));
    return extras->raw && extras->empty ? 0 : -ENOMEM;
}

static float raw_extra(const fd_item_extras *extras, uint32_t column, const float *text,
                       const fd_score_table *scores, size_t item) {
    uint32_t id = extras->ids[column];
    if (id < FD_TEXT_FEATURES)
        return text ? text[id] : NAN;
    if (id < FD_EXTRA_SCORES || id - FD_EXTRA_SCORES >= scores->names.count)
        return NAN;
    return (float)fd_score_table_at(scores, id - FD_EXTRA_SCORES, (uint32_t)item);
}

void fd_item_extras_copy(fd_item_extras *extras, const fd_growing_matrix *texts,
                         const fd_score_table *scores, size_t from, size_t end) {
    for (size_t i = from; i < end; i++) {
        float *row = extras->raw + (i - extras->first) * extras->count;
        const float *text = texts ? fd_growing_matrix_row(texts, i) : NULL;
        for (uint32_t j = 0; j < extras->count; j++)
            row[j] = raw_extra(extras, j, text, scores, i);
        extras->empty[i - extras->first] = text && text[FD_TEXT_LOG_LENGTH] == 0.0f;
    }
}

void fd_item_extras_set(fd_item_extras *extras, uint32_t id, size_t item, double value) {
    for (uint32_t j = 0; j < extras->count; j++)
        if (extras->ids[j] == id)
            extras->raw[(item - extras->first) * extras->count + j] = (float)value;
}

fi_extras fd_item_extras_view(const fd_item_extras *extras) {
    return (fi_extras){.n_items = extras->n_items,
                       .count = extras->count,
                       .ids = extras->ids,
                       .raw = extras->raw,
                       .groups = fd_item_groups(extras->groups, extras->first),
                       .empty = extras->empty};
}

/* ---- priors ---- */

static double mean_of(fd_trust trust) {
    return trust == FD_TRUST_TRUSTED    ? TRUSTED_MEAN
           : trust == FD_TRUST_INVERTED ? -TRUSTED_MEAN
                                        : 0.0;
}

static double length_mean(fd_better_length better) {
    return better == FD_LENGTH_LONGER    ? LENGTH_MEAN
           : better == FD_LENGTH_SHORTER ? -LENGTH_MEAN
                                         : 0.0;
}

static fi_block block_of(uint32_t id, const fd_score_names *names,
                         const fd_project_settings *settings) {
    fi_block block = {.shape = 1.0};
    if (id < FD_TEXT_FEATURES) {
        block.averaged = true;
        block.guess = id == FD_TEXT_LOG_LENGTH ? LENGTH_GUESS : STYLE_GUESS;
        block.mean = id == FD_TEXT_LOG_LENGTH ? length_mean(settings->better_length) : 0.0;
        return block;
    }
    block.guess = SCORE_GUESS;
    if (id - FD_EXTRA_SCORES < names->count)
        block.mean =
            mean_of(fd_project_settings_trust(settings, names->list[id - FD_EXTRA_SCORES]));
    return block;
}

/* The features of the text other than the length share a block. */
static bool goes_on(uint32_t id) {
    return id < FD_TEXT_FEATURES && id > FD_TEXT_LOG_LENGTH + 1;
}

size_t fd_extra_blocks(const uint32_t *ids, uint32_t count, const fd_score_names *names,
                       const fd_project_settings *settings, fi_block *blocks) {
    size_t n = 0;
    for (uint32_t j = 0; j < count; j++) {
        if (j == 0 || !goes_on(ids[j])) {
            blocks[n] = block_of(ids[j], names, settings);
            blocks[n++].first = j;
        }
        blocks[n - 1].count++;
    }
    return n;
}

/* ---- names ---- */

const char *fd_block_name(const fi_model *model, const fi_block *block, uint32_t *ret_score) {
    size_t embedded = fi_model_feature_count(model) - fi_model_shape(model)->extras;
    *ret_score = UINT32_MAX;
    if (block->first < embedded)
        return "embedding";
    uint32_t id = fi_model_extra_ids(model)[block->first - embedded];
    if (id == FD_TEXT_LOG_LENGTH)
        return "log_length";
    if (id < FD_TEXT_FEATURES)
        return "style";
    *ret_score = id - FD_EXTRA_SCORES;
    return "score";
}
