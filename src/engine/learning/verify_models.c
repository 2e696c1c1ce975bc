/* Recomputes what each stored model recorded of its information, and compares. */
#include "verify_models.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "annotators.h"
#include "assignment_id.h"
#include "extras_history.h"
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
    fd_finding_visit *unchecked;
    void *context;
    size_t n_items;
    fd_extras_history history;
    bool has_uncounted; /* an item has texts, but not their features */
    fd_store *store;
    size_t dimension;              /* 0 without items */
    fd_growing_matrix *components; /* of the inputs of that name; NULL: of none yet */
    char inputs[FD_INPUTS_NAME_SIZE];
    fd_growing_matrix *text_features;
    fd_growing_matrix *groups;
    fd_item_table items; /* for the prompts */
    fd_label_table labels;
    fd_annotators *annotators;
    unsigned char assignment_key[FD_ASSIGNMENT_KEY_SIZE];
};

static void verification_clear(struct verification *verification) {
    fd_extras_history_clear(&verification->history);
    fd_growing_matrix_free(verification->components);
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

static int report_unchecked(const struct verification *verification, const fd_model_row *row,
                            const char *reason) {
    char text[200];
    (void)snprintf(text, sizeof(text), "model %llu was not checked: %s",
                   (unsigned long long)row->version, reason);
    return verification->unchecked(verification->context, text);
}

/* ---- items, scores and labels ---- */

/* A row that makes no sense ends the reading without an error: the store's own check reports it. */
static int ignore_damage(int result) {
    return result == -EBADMSG || result > 0 ? 0 : result;
}

static int make_matrices(struct verification *verification, size_t dimension) {
    verification->dimension = dimension;
    int r = fd_growing_matrix_new(FD_TEXT_FEATURES, 0, &verification->text_features);
    return r < 0 ? r : fd_growing_matrix_new(1, 0, &verification->groups);
}

static int reserve_rows(struct verification *verification) {
    size_t used = verification->n_items;
    int r = fd_growing_matrix_reserve(&verification->text_features, used, 1);
    return r < 0 ? r : fd_growing_matrix_reserve(&verification->groups, used, 1);
}

static int read_item(void *context, const fd_item_row *row) {
    /* A cosine is 0, and nothing depends on it, unless half of the numbers come from the prompt. */
    static const fd_engine_options options = {.text_features = true, .prompt_is_half = true};
    struct verification *verification = context;
    FD_CLEANUP(fd_item_entry_freep) fd_item_entry *entry = NULL;
    int r = verification->groups ? 0 : make_matrices(verification, row->dimension);
    if (r < 0)
        return r;
    if (row->index != verification->n_items || row->dimension != verification->dimension)
        return 1;
    r = reserve_rows(verification);
    if (r == 0)
        r = fd_item_entry_new(row, &entry);
    if (r == 0)
        r = fd_item_table_reserve(&verification->items, 1, &entry, &row->prompt_id, 1);
    if (r == 0)
        r = fd_extras_history_add_item(&verification->history, row->created_ms);
    if (r < 0)
        return r;
    size_t item = verification->n_items++;
    verification->has_uncounted |= fd_item_has_texts(row) && !fd_item_has_text_features(row);
    fd_text_features_place(&options, row, fd_growing_matrix_row(verification->text_features, item));
    fd_item_group_set(verification->groups, item, entry->prompt->index);
    fd_item_table_add(&verification->items, FD_STEAL(entry));
    return 0;
}

static int read_score(void *context, const fd_score_row *row) {
    struct verification *verification = context;
    return fd_extras_history_add_score(&verification->history, row);
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

/* Marks the prompts of the pairs that the model learned from, whose items its information depends
 * on. *ret_items: all of these items are among the first that many. */
static void mark_prompts(const struct verification *verification, const fd_model_row *row,
                         bool *marked, size_t *ret_items) {
    *ret_items = 0;
    for (size_t i = 0; i < (size_t)row->answers; i++) {
        const uint32_t pair[] = {verification->labels.revisions[i].pair.a,
                                 verification->labels.revisions[i].pair.b};
        for (size_t side = 0; side < FD_LENGTH(pair); side++) {
            marked[verification->items.entries[pair[side]]->prompt->index] = true;
            if (pair[side] >= *ret_items)
                *ret_items = pair[side] + 1;
        }
    }
}

static bool has_column(const fi_model *model, uint32_t id) {
    for (uint32_t j = 0; j < fi_model_shape(model)->extras; j++)
        if (fi_model_extra_ids(model)[j] == id)
            return true;
    return false;
}

/* What the extras were when the training read them. */
struct bracket {
    fd_moment moments[3]; /* in the order in which they are tried; the last one is now */
    size_t n;
    const char *doubt; /* why none of them may be right; NULL: one must be */
};

/* Whether what came between two moments matters to the model. */
static bool matters(const struct verification *verification, const fi_model *model,
                    const bool *marked, fd_moment from, fd_moment to) {
    const fd_extras_history *history = &verification->history;
    for (size_t i = from.items; i < to.items; i++)
        if (marked[verification->items.entries[i]->prompt->index])
            return true;
    for (size_t i = from.changes; i < to.changes; i++) {
        const fd_score_change *change = &history->changes[i];
        if (marked[verification->items.entries[change->item]->prompt->index] &&
            has_column(model, FD_EXTRA_SCORES + change->name))
            return true;
    }
    return false;
}

static bool takes_texts(const fi_model *model) {
    return fi_model_shape(model)->extras > 0 && fi_model_extra_ids(model)[0] < FD_TEXT_FEATURES;
}

static int find_bracket(const struct verification *verification, const fi_model *model,
                        const fd_model_row *row, struct bracket *ret) {
    const fd_moment now = fd_extras_history_now(&verification->history);
    *ret = (struct bracket){.moments = {now}, .n = 1};
    if (fi_model_shape(model)->extras == 0)
        return 0;
    FD_FREE bool *marked = calloc(verification->n_items + 1, sizeof(*marked));
    if (!marked)
        return -ENOMEM;
    size_t least;
    fd_moment early, late;
    mark_prompts(verification, row, marked, &least);
    fd_extras_history_find(&verification->history, row, &early, &late);
    early.items = early.items < least ? least : early.items;
    late.items = late.items < least ? least : late.items;
    ret->n = 0;
    ret->moments[ret->n++] = late;
    if (matters(verification, model, marked, early, late)) {
        ret->moments[ret->n++] = early;
        ret->doubt = "items or scores came while it was trained";
    }
    if (matters(verification, model, marked, late, now))
        ret->moments[ret->n++] = now;
    if (verification->history.went_back)
        ret->doubt = "the clock was set back while items or scores came";
    if (verification->has_uncounted && takes_texts(model))
        ret->doubt = "the texts of some items are not counted; the daemon does so once it runs";
    return 0;
}

/* The components of all items under a model's inputs. The next model mostly has the same. */
static int project(struct verification *verification, const fd_served_model *served) {
    const fd_vector_source source = {.store = verification->store};
    if (verification->components && strcmp(verification->inputs, served->inputs) == 0)
        return 0;
    fd_growing_matrix_free(FD_STEAL(verification->components));
    int r = fd_growing_matrix_new(fi_model_prepared_count(served->model), verification->n_items,
                                  &verification->components);
    memcpy(verification->inputs, served->inputs, sizeof(verification->inputs));
    return r < 0 ? r
                 : fd_components_read(&source, served->model, 0, verification->n_items, NULL,
                                      verification->components);
}

/* Gives an empty snapshot of a model the components of the first items. */
static int take_components(struct verification *verification, size_t items, fd_snapshot *snapshot) {
    int r = project(verification, snapshot->served);
    if (r < 0 || fd_snapshot_take_components(snapshot, verification->components, items))
        return r;
    r = fd_growing_matrix_reserve(&snapshot->components, 0, items);
    if (r == 0)
        fd_components_copy(verification->components,
                           fi_model_prepared_count(snapshot->served->model), 0, items,
                           snapshot->components);
    return r;
}

/* The snapshot of a moment and the first row->answers revisions. Takes *model over. */
static int rebuild(struct verification *verification, fd_moment moment, fi_model **model,
                   const fd_model_row *row, fd_snapshot **ret) {
    FD_CLEANUP(fd_score_table_clear) fd_score_table scores = {0};
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
        r = fd_extras_history_scores(&verification->history, moment, &scores);
    if (r == 0)
        r = fd_item_extras_init(&extras, fi_model_extra_ids(served->model),
                                fi_model_shape(served->model)->extras, 0, moment.items,
                                verification->groups);
    if (r < 0)
        return r;
    fd_item_extras_copy(&extras, verification->text_features, &scores, 0, moment.items);
    r = take_components(verification, moment.items, empty);
    if (r < 0)
        return r;
    return fd_snapshot_extend(empty, empty->components, &extras, moment.items,
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

/* log det M as the training of a moment would have recorded it. */
static int recompute(struct verification *verification, fd_moment moment, const fd_model_row *row,
                     double *ret) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    int r = fi_model_decode(row->bytes, row->size, &model);
    if (r == 0)
        r = rebuild(verification, moment, &model, row, &snapshot);
    if (r < 0)
        return r;
    const fi_last_layer *layer = fi_model_last_layer(snapshot->served->model);
    *ret = fi_factor_logdet(snapshot->design);
    return layer ? fit_again(verification, snapshot, layer, ret) : 0;
}

static int compare(struct verification *verification, const fi_model *model,
                   const fd_model_row *row) {
    struct bracket bracket;
    double logdet = NAN, scale = fmax((double)fi_model_feature_count(model), fabs(row->logdet));
    char text[120];
    int r = find_bracket(verification, model, row, &bracket);
    for (size_t i = 0; i < bracket.n && r == 0; i++) {
        double found = NAN;
        r = recompute(verification, bracket.moments[i], row, &found);
        if (r == 0 && fabs(found - row->logdet) <= tolerance * scale)
            return 0;
        logdet = i == 0 ? found : logdet;
    }
    if (r < 0)
        return r;
    if (bracket.doubt)
        return report_unchecked(verification, row, bracket.doubt);
    (void)snprintf(text, sizeof(text),
                   "recorded information of log det %.9g, but items and labels give %.9g",
                   row->logdet, logdet);
    return report(verification, row, text);
}

static int verify_model(struct verification *verification, const fd_model_row *row) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = fi_model_decode(row->bytes, row->size, &model);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return report(verification, row, "is damaged");
    if (row->is_foreign)
        return report_unchecked(verification, row,
                                "the embeddings that it was trained on are not there any more");
    if (fi_model_shape(model)->inputs != verification->dimension)
        return report(verification, row, "takes embeddings of another size than the items have");
    if (row->answers < 0 || isnan(row->logdet))
        return report_unchecked(verification, row, "it does not say what it has learned from");
    if ((uint64_t)row->answers > verification->labels.count)
        return report(verification, row, "has learned from more labels than there are");
    return compare(verification, model, row);
}

struct kept_model {
    fd_model_row row;
    uint8_t *bytes;
};

static int keep_model(void *context, const fd_model_row *row) {
    struct kept_model *kept = context;
    kept->row = *row;
    kept->row.reason = NULL;
    kept->bytes = malloc(row->size + 1);
    if (!kept->bytes)
        return -ENOMEM;
    kept->row.bytes = memcpy(kept->bytes, row->bytes, row->size);
    return 0;
}

/* One after another, not inside a reading: verifying a model reads embeddings, and a store may have
 * one reader. */
static int verify_all_models(struct verification *verification) {
    uint64_t highest = INT64_MAX;
    int r = 0;
    while (r == 0 && highest > 0) {
        struct kept_model kept = {0};
        fd_store *store = verification->store;
        r = store->operations->models_read(store, highest, 1, true, keep_model, &kept);
        if (r == 0 && kept.bytes)
            r = verify_model(verification, &kept.row);
        highest = kept.bytes ? kept.row.version - 1 : 0;
        free(kept.bytes);
    }
    return r;
}

int fd_engine_verify(fd_store *store, fd_finding_visit *visit, fd_finding_visit *unchecked,
                     void *context) {
    FD_CLEANUP(verification_clear)
    struct verification verification = {
        .visit = visit, .unchecked = unchecked, .context = context, .store = store};
    const fd_store_operations *operations = store->operations;
    int r = fd_annotators_new(&verification.annotators);
    if (r == 0)
        r = operations->assignment_key(store, verification.assignment_key);
    if (r == 0)
        r = ignore_damage(
            operations->items_read(store, 0, SIZE_MAX, true, read_item, &verification));
    if (r == 0)
        r = ignore_damage(operations->scores_read(store, read_score, &verification));
    if (r == 0)
        r = ignore_damage(operations->labels_read(store, 0, SIZE_MAX, read_label, &verification));
    if (r == 0)
        r = verify_all_models(&verification);
    return r;
}
