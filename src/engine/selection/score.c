/* Scores items, and the preference between two of them. */
#include "score.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine_state.h"
#include "inline_features.h"
#include "text_columns.h"

/* A snapshot, what its model knows of rewards, and the items that a request names. */
struct scorer {
    fd_snapshot *snapshot;
    fd_item_rows found;
    fd_text_columns text;
    const float *beta; /* [h] */
    float *extra;      /* [n_extra x h] the features of the inline items */
    double *features;  /* [h] */
};

static void scorer_clear(struct scorer *scorer) {
    fd_snapshot_free(scorer->snapshot);
    fd_item_rows_clear(&scorer->found);
    free(scorer->extra);
    free(scorer->features);
}

static int scorer_init(struct scorer *scorer, fd_engine *engine, const char *list,
                       const char *const *names, size_t members,
                       const fd_item_reference *references, size_t n, fd_fault *fault) {
    int r = fd_engine_snapshot(engine, &scorer->snapshot, fault);
    if (r == 0)
        r = fd_item_lookup(engine, scorer->snapshot, list, names, members, references, n,
                           &scorer->found, fault);
    if (r == 0)
        r = fd_inline_features(scorer->snapshot, &scorer->found, &scorer->extra);
    if (r < 0)
        return r;
    const fi_model *model = scorer->snapshot->served->model;
    scorer->text = fd_text_columns_of(model);
    scorer->beta = fi_model_layer(model, fi_model_shape(model)->hidden_layers).weights;
    scorer->features = calloc(scorer->snapshot->features->width, sizeof(*scorer->features));
    return scorer->features ? 0 : -ENOMEM;
}

/* Adds `sign` times the features of a reference. */
static void add_features(struct scorer *scorer, size_t reference, double sign) {
    const fd_snapshot *snapshot = scorer->snapshot;
    size_t row = scorer->found.rows[reference], width = snapshot->features->width;
    const float *from = row < snapshot->items ? fd_growing_matrix_row(snapshot->features, row)
                                              : scorer->extra + (row - snapshot->items) * width;
    for (size_t j = 0; j < width; j++)
        scorer->features[j] += sign * (double)from[j];
}

static double reward_of(const struct scorer *scorer) {
    double reward = 0.0;
    for (size_t j = 0; j < scorer->snapshot->features->width; j++)
        reward += (double)scorer->beta[j] * scorer->features[j];
    return reward;
}

/* Scores the features that were added, and takes them away. */
static fd_score take_score(struct scorer *scorer) {
    fd_text_columns text = scorer->text;
    const fi_factor *design = scorer->snapshot->design;
    fd_score score = {.reward = reward_of(scorer)};
    double content_leverage;
    score.stddev = sqrt(fi_factor_leverage_without(design, scorer->features, text.first, text.count,
                                                   &content_leverage));
    score.content = score.reward;
    score.content_stddev = score.stddev;
    if (text.count > 0) {
        memset(scorer->features + text.first, 0, text.count * sizeof(*scorer->features));
        score.content = reward_of(scorer);
        score.content_stddev = sqrt(content_leverage);
    }
    memset(scorer->features, 0, scorer->snapshot->features->width * sizeof(*scorer->features));
    return score;
}

int fd_engine_score(fd_engine *engine, const fd_item_reference *items, size_t n, fd_score *scores,
                    uint64_t *ret_model_version, fd_fault *fault) {
    FD_CLEANUP(scorer_clear) struct scorer scorer = {0};
    int r = scorer_init(&scorer, engine, "items", NULL, 1, items, n, fault);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        add_features(&scorer, i, 1.0);
        scores[i] = take_score(&scorer);
    }
    *ret_model_version = scorer.snapshot->served->row.version;
    return 0;
}

int fd_engine_score_pairs(fd_engine *engine, const fd_pair_reference *pairs, size_t n,
                          fd_score *scores, uint64_t *ret_model_version, fd_fault *fault) {
    static const char *const sides[] = {"a", "b"};
    FD_CLEANUP(scorer_clear) struct scorer scorer = {0};
    int r =
        scorer_init(&scorer, engine, "pairs", sides, 2, n > 0 ? &pairs[0].a : NULL, 2 * n, fault);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        add_features(&scorer, 2 * i, 1.0);
        add_features(&scorer, 2 * i + 1, -1.0);
        scores[i] = take_score(&scorer);
    }
    *ret_model_version = scorer.snapshot->served->row.version;
    return 0;
}

double fd_engine_probability(fd_engine *engine, fi_pair pair, uint64_t *ret_model_version) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(engine);
    *ret_model_version = 0;
    if (!snapshot || pair.a >= snapshot->items || pair.b >= snapshot->items)
        return 0.5;
    *ret_model_version = snapshot->served->row.version;
    return fi_probability(fd_snapshot_reward(snapshot, pair.a) -
                          fd_snapshot_reward(snapshot, pair.b));
}
