/* Recomputes what each stored model recorded of its information, and compares. */
#include "verify_models.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "annotators.h"
#include "assignment_id.h"
#include "item_extras.h"
#include "item_table.h"
#include "item_text_features.h"
#include "model_serving.h"
#include "snapshot.h"
#include "training_data.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)
FD_DEFINE_CLEANUP(fi_last_layer, fi_last_layer_free)
FD_DEFINE_CLEANUP(fi_information, fi_information_free)
FD_DEFINE_CLEANUP(fi_factor, fi_factor_free)

/* Relative to log det, or to the number of features if that is larger: processors round features
 * differently. */
static const double tolerance = 1e-6;

struct verification {
    fd_finding_visit *visit;
    void *context;
    size_t n_items;
    int64_t newest_item_ms;
    fd_growing_matrix *embeddings; /* NULL without items */
    fd_growing_matrix *text_features;
    fd_growing_matrix *groups;
    fd_item_table items; /* for the prompts */
    fd_label_table labels;
    fd_annotators *annotators;
    unsigned char assignment_key[FD_ASSIGNMENT_KEY_SIZE];
};

static void verification_clear(struct verification *verification) {
    fd_growing_matrix_free(verification->embeddings);
    fd_growing_matrix_free(verification->text_features);
    fd_growing_matrix_free(verification->groups);
    fd_item_table_clear(&verification->items);
    fd_label_table_clear(&verification->labels);
    if (verification->annotators)
        fd_annotators_free(verification->annotators);
}

static int report(const struct verification *verification, const fd_model_row *row,
                  const char *text) {
    char finding[160];
    (void)snprintf(finding, sizeof(finding), "model %llu %s", (unsigned long long)row->version,
                   text);
    return verification->visit(verification->context, finding);
}

/* ---- items and labels ---- */

/* A row that makes no sense ends the reading without an error: the store's own check reports it. */
static int ignore_damage(int result) {
    return result == -EBADMSG || result > 0 ? 0 : result;
}

static int make_matrices(struct verification *verification, size_t dimension) {
    int r = fd_growing_matrix_new(dimension, 0, &verification->embeddings);
    if (r == 0)
        r = fd_growing_matrix_new(FD_TEXT_FEATURES, 0, &verification->text_features);
    return r < 0 ? r : fd_growing_matrix_new(1, 0, &verification->groups);
}

static int reserve_rows(struct verification *verification) {
    size_t used = verification->n_items;
    int r = fd_growing_matrix_reserve(&verification->embeddings, used, 1);
    if (r == 0)
        r = fd_growing_matrix_reserve(&verification->text_features, used, 1);
    return r < 0 ? r : fd_growing_matrix_reserve(&verification->groups, used, 1);
}

static int read_item(void *context, const fd_item_row *row) {
    static const fd_engine_options options = {.text_features = true};
    struct verification *verification = context;
    FD_CLEANUP(fd_item_entry_freep) fd_item_entry *entry = NULL;
    int r = verification->embeddings ? 0 : make_matrices(verification, row->dimension);
    if (r < 0)
        return r;
    if (row->index != verification->n_items || row->dimension != verification->embeddings->width)
        return 1;
    r = reserve_rows(verification);
    if (r == 0)
        r = fd_item_entry_new(row, &entry);
    if (r == 0)
        r = fd_item_table_reserve(&verification->items, 1, &entry, &row->prompt_id, 1);
    if (r < 0)
        return r;
    size_t item = verification->n_items++;
    if (row->created_ms > verification->newest_item_ms)
        verification->newest_item_ms = row->created_ms;
    memcpy(fd_growing_matrix_row(verification->embeddings, item), row->embedding,
           row->dimension * sizeof(float));
    fd_text_features_place(&options, row, fd_growing_matrix_row(verification->text_features, item));
    fd_item_group_set(verification->groups, item, entry->prompt->index);
    fd_item_table_add(&verification->items, FD_STEAL(entry));
    return 0;
}

static int read_label(void *context, const fd_label_row *row) {
    struct verification *verification = context;
    fd_label_table *labels = &verification->labels;
    if (row->item_a >= verification->n_items || row->item_b >= verification->n_items ||
        row->sequence != (int64_t)labels->count + 1 || row->original < 1 ||
        row->original > row->sequence)
        return 1;
    uint32_t annotator;
    int r = fd_label_table_reserve(labels, 1);
    if (r == 0)
        r = fd_annotators_get_or_add(verification->annotators, row->annotator, &annotator);
    if (r < 0)
        return r;
    fd_label_revision revision = {.pair = {row->item_a, row->item_b},
                                  .annotator = annotator,
                                  .label = (uint32_t)(row->original - 1),
                                  .preference = (uint8_t)row->preference};
    fd_label_table_add(labels, &revision, fd_origin_of(verification->assignment_key, row));
    return 0;
}

/* ---- models ---- */

/* Whether the extras that the model was trained with can be found again. Scores may have changed
 * since, the cosine takes an option of the daemon, and centres of prompts, which pairs of two
 * prompts depend on, change with new items. */
static bool are_extras_known(const struct verification *verification, const fi_model *model,
                             const fd_model_row *row) {
    uint32_t count = fi_model_shape(model)->extras;
    const double *within = fi_model_extra_statistics(model).within;
    for (uint32_t j = 0; j < count; j++) {
        uint32_t id = fi_model_extra_ids(model)[j];
        if (id >= FD_TEXT_FEATURES || (id == FD_TEXT_COSINE && within[j] > 0.0))
            return false;
    }
    if (verification->newest_item_ms <= row->created_ms)
        return true;
    for (size_t i = 0; count > 0 && i < (size_t)row->answers; i++) {
        fi_pair pair = verification->labels.revisions[i].pair;
        if (verification->items.entries[pair.a]->prompt !=
            verification->items.entries[pair.b]->prompt)
            return false;
    }
    return true;
}

/* A snapshot of the first row->answers revisions. Takes *model over. */
static int rebuild(const struct verification *verification, fi_model **model,
                   const fd_model_row *row, fd_snapshot **ret) {
    static const fd_score_table no_scores;
    FD_CLEANUP(fd_served_model_freep) fd_served_model *served = NULL;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *empty = NULL;
    FD_CLEANUP(fd_item_extras_clear) fd_item_extras extras = {0};
    int r = fd_served_model_new(*model, row, &served);
    if (r < 0)
        return r;
    *model = NULL;
    served->fitted = (size_t)row->answers;
    r = fd_model_reliabilities_find(served->model, verification->labels.revisions,
                                    verification->labels.count, &served->reliabilities);
    if (r == 0)
        r = fd_snapshot_new(served, &empty);
    if (r == 0)
        r = fd_item_extras_init(&extras, fi_model_extra_ids(served->model),
                                fi_model_shape(served->model)->extras, 0, verification->n_items,
                                verification->groups);
    if (r < 0)
        return r;
    fd_item_extras_copy(&extras, verification->text_features, &no_scores, 0, verification->n_items);
    return fd_snapshot_extend(empty, verification->embeddings, &extras, verification->n_items,
                              verification->labels.revisions, (size_t)row->answers, NULL, ret);
}

/* log det M by the same fit on the same answers, once more. */
static int fit_again(const struct verification *verification, const fd_snapshot *snapshot,
                     const fi_last_layer *layer, double *ret) {
    FD_CLEANUP(fd_training_set_clear) fd_training_set set = {0};
    FD_CLEANUP(fi_last_layer_freep) fi_last_layer *again = NULL;
    FD_CLEANUP(fi_information_freep) fi_information *information = NULL;
    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    fd_training_data data = {.n_revisions = snapshot->revisions,
                             .revisions = verification->labels.revisions,
                             .reliabilities = fd_served_model_reliabilities(snapshot->served)};
    fi_last_layer_options options = fi_last_layer_defaults();
    options.blocks = layer->blocks;
    options.n_blocks = layer->n_blocks;
    options.design_effect = layer->design_effect;
    options.rounds = 0;
    int r = fd_training_set_fill(&data, &set);
    if (r == 0)
        r = fi_last_layer_fit(snapshot->items, snapshot->features->width, snapshot->features->data,
                              &set.answers, &options, layer, &again);
    if (r == 0)
        r = fi_last_layer_information(again, &information);
    if (r == 0)
        r = fi_factor_new_raised(information, 0.0, &factor);
    if (r == 0)
        *ret = fi_factor_logdet(factor);
    return r;
}

static int recompute(const struct verification *verification, fi_model **model,
                     const fd_model_row *row, double *ret) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    int r = rebuild(verification, model, row, &snapshot);
    if (r < 0)
        return r;
    const fi_last_layer *layer = fi_model_last_layer(snapshot->served->model);
    *ret = fi_factor_logdet(snapshot->design);
    return layer ? fit_again(verification, snapshot, layer, ret) : 0;
}

static int verify_model(void *context, const fd_model_row *row) {
    struct verification *verification = context;
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = fi_model_decode(row->bytes, row->size, &model);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return report(verification, row, "is damaged");
    if (row->is_foreign)
        return 0; /* the embeddings that it was trained on are not there any more */
    if (!verification->embeddings ||
        fi_model_shape(model)->inputs != verification->embeddings->width)
        return report(verification, row, "takes embeddings of another size than the items have");
    if (row->answers < 0 || isnan(row->logdet))
        return 0;
    if ((uint64_t)row->answers > verification->labels.count)
        return report(verification, row, "has learned from more labels than there are");
    if (!are_extras_known(verification, model, row))
        return 0;
    double logdet = NAN, scale = fmax((double)fi_model_feature_count(model), fabs(row->logdet));
    r = recompute(verification, &model, row, &logdet);
    if (r < 0)
        return r;
    if (fabs(logdet - row->logdet) <= tolerance * scale)
        return 0;
    char text[120];
    (void)snprintf(text, sizeof(text),
                   "recorded information of log det %.9g, but items and labels give %.9g",
                   row->logdet, logdet);
    return report(verification, row, text);
}

int fd_engine_verify(fd_store *store, fd_finding_visit *visit, void *context) {
    FD_CLEANUP(verification_clear)
    struct verification verification = {.visit = visit, .context = context};
    const fd_store_operations *operations = store->operations;
    int r = fd_annotators_new(&verification.annotators);
    if (r == 0)
        r = operations->assignment_key(store, verification.assignment_key);
    if (r == 0)
        r = ignore_damage(
            operations->items_read(store, 0, SIZE_MAX, true, read_item, &verification));
    if (r == 0)
        r = ignore_damage(operations->labels_read(store, 0, SIZE_MAX, read_label, &verification));
    if (r == 0)
        r = operations->models_read(store, INT64_MAX, SIZE_MAX, true, verify_model, &verification);
    return r;
}
