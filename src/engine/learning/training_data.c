/* Copies the labels of one moment, and chooses from them what a model learns from. */
#include "training_data.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "assignment_id.h"
#include "component_blocks.h"
#include "engine_state.h"
#include "rng.h"
#include "thread.h"

void fd_training_data_clear(fd_training_data *data) {
    fd_snapshot_free(data->snapshot);
    fd_growing_matrix_free(data->components);
    fd_item_extras_clear(&data->extras);
    free(data->revisions);
    free(data->clusters);
    free(data->lengths);
    fd_annotator_order_clear(&data->annotators);
}

/* Takes what belongs to one moment. */
static void take_references(fd_engine *engine, fd_training_data *ret) {
    FD_READ_LOCKED(&engine->state_lock);
    ret->n_revisions = engine->labels.count;
    if (!engine->snapshot || ret->n_revisions == 0)
        return;
    ret->n_items = engine->items.count;
    ret->snapshot = fd_snapshot_reference(engine->snapshot);
    ret->dimension = engine->dimension;
    ret->components = fd_growing_matrix_reference(engine->snapshot->components);
    memcpy(ret->inputs, engine->snapshot->served->inputs, sizeof(ret->inputs));
    ret->re_embeddings = engine->re_embeddings;
    ret->settings = engine->project.settings;
    ret->project = engine->project.version;
    /* The writer may be adding the next name, which does not count yet. */
    const fd_score_names *names = &engine->scores.names;
    ret->score_names.count = names->count;
    memcpy(ret->score_names.list, names->list, names->count * sizeof(names->list[0]));
}

/* Revisions that are copied at once: labels wait meanwhile. */
enum { REVISIONS_AT_ONCE = 4096 };

/* Numbers of prompts are small; a pair of two prompts is a cluster of its own. */
static uint32_t cluster_of(const fd_engine *engine, fi_pair pair) {
    const fd_prompt *a = engine->items.entries[pair.a]->prompt;
    const fd_prompt *b = engine->items.entries[pair.b]->prompt;
    if (a == b)
        return a->index;
    fd_rng rng = fd_rng_seeded((uint64_t)(pair.a < pair.b ? pair.a : pair.b) << 32 |
                               (pair.a < pair.b ? pair.b : pair.a));
    return UINT32_C(1) << 31 | (uint32_t)fd_rng_below(&rng, UINT32_C(1) << 31);
}

/* Revisions do not change once they are there, except for `newest`, which no training reads. */
static void copy_revisions(fd_engine *engine, size_t first, size_t end, fd_training_data *to) {
    FD_READ_LOCKED(&engine->state_lock);
    memcpy(to->revisions + first, engine->labels.revisions + first,
           (end - first) * sizeof(*to->revisions));
    for (size_t i = first; i < end; i++)
        to->clusters[i] = cluster_of(engine, to->revisions[i].pair);
}

int fd_training_data_read(fd_engine *engine, fd_training_data *ret) {
    take_references(engine, ret);
    size_t n = ret->n_revisions;
    if (!ret->snapshot)
        return 0;
    ret->revisions = calloc(n, sizeof(*ret->revisions));
    ret->clusters = calloc(n, sizeof(*ret->clusters));
    if (!ret->revisions || !ret->clusters)
        return -ENOMEM;
    for (size_t i = 0; i < n; i += REVISIONS_AT_ONCE)
        copy_revisions(engine, i, i + REVISIONS_AT_ONCE < n ? i + REVISIONS_AT_ONCE : n, ret);
    ret->reliabilities = fd_served_model_reliabilities(ret->snapshot->served);
    return fd_annotator_order_find(ret->revisions, n, &ret->annotators);
}

int fd_training_data_take_coming(fd_training_data *data, fd_coming_vectors *coming) {
    if (coming->rows < data->n_items)
        return -EAGAIN;
    fd_growing_matrix_free(FD_STEAL(data->components));
    data->inputs[0] = '\0';
    data->dimension = coming->dimension;
    data->coming = coming;
    return 0;
}

int fd_training_data_project(fd_engine *engine, const fi_model *inputs, const fd_going_on *going_on,
                             fd_training_data *data) {
    const fd_vector_source source = {.store = engine->store, .are_coming = data->coming != NULL};
    char name[FD_INPUTS_NAME_SIZE];
    FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *matrix = NULL;
    fd_inputs_name(inputs, name);
    if (data->components && strcmp(name, data->inputs) == 0)
        return 0;
    int r = fd_growing_matrix_new(fi_model_prepared_count(inputs), data->n_items, &matrix);
    if (r == 0)
        r = data->coming
                ? fd_components_read(&source, inputs, 0, data->n_items, going_on, matrix)
                : fd_component_blocks_read(engine, inputs, name, data->n_items, going_on, matrix);
    if (r < 0)
        return r;
    fd_growing_matrix_free(data->components);
    data->components = FD_STEAL(matrix);
    memcpy(data->inputs, name, sizeof(name));
    return 0;
}

/* ---- extras ---- */

/* Items whose extras are copied at once: labels wait meanwhile. */
enum { ITEMS_AT_ONCE = 8192 };

static int begin_extras(fd_engine *engine, const fi_model *model, fd_training_data *data) {
    uint32_t ids[FI_EXTRAS_MAX];
    FD_READ_LOCKED(&engine->state_lock);
    uint32_t count = fd_extra_columns(engine->options.text_features, engine->text_features,
                                      &engine->scores, data->n_items, ids, &data->text_share);
    return fd_item_extras_init(&data->extras, model ? fi_model_extra_ids(model) : ids,
                               model ? fi_model_shape(model)->extras : count, 0, data->n_items,
                               engine->groups);
}

static void copy_extras(fd_engine *engine, size_t first, size_t end, fd_training_data *data) {
    FD_READ_LOCKED(&engine->state_lock);
    const fd_growing_matrix *texts = engine->text_features;
    fd_item_extras_copy(&data->extras, texts, &engine->scores, first, end);
    for (size_t i = first; i < end; i++)
        data->lengths[i] = texts ? fd_growing_matrix_row(texts, i)[FD_TEXT_LOG_LENGTH] : NAN;
    for (size_t i = first; i < end && data->coming; i++)
        if (!isnan(data->lengths[i]))
            fd_item_extras_set(&data->extras, FD_TEXT_COSINE, i, data->coming->cosines[i]);
}

int fd_training_data_read_extras(fd_engine *engine, const fi_model *model, fd_training_data *data) {
    int r = begin_extras(engine, model, data);
    data->lengths = calloc(data->n_items + 1, sizeof(*data->lengths));
    if (r < 0 || !data->lengths)
        return r < 0 ? r : -ENOMEM;
    for (size_t i = 0; i < data->n_items; i += ITEMS_AT_ONCE)
        copy_extras(engine, i,
                    i + ITEMS_AT_ONCE < data->n_items ? i + ITEMS_AT_ONCE : data->n_items, data);
    return 0;
}

size_t fd_training_data_blocks(const fd_training_data *data, const uint32_t *ids, uint32_t count,
                               fi_block *blocks) {
    return fd_extra_blocks(ids, count, &data->score_names, &data->settings, blocks);
}

/* ---- sets of labels ---- */

void fd_training_set_clear(fd_training_set *set) {
    free(set->pairs);
    free(set->targets);
    free(set->sides);
    free(set->reliabilities);
    free(set->clusters);
    free(set->arms);
    free(set->revisions);
    free(set->annotators);
}

static int allocate(const fd_training_data *data, fd_training_set *ret) {
    size_t n = data->n_revisions + 1;
    ret->pairs = calloc(n, sizeof(*ret->pairs));
    ret->targets = calloc(n, sizeof(*ret->targets));
    ret->sides = calloc(n, sizeof(*ret->sides));
    ret->reliabilities = calloc(n, sizeof(*ret->reliabilities));
    ret->clusters = calloc(n, sizeof(*ret->clusters));
    ret->annotators = calloc(n, sizeof(*ret->annotators));
    ret->arms = calloc(n, sizeof(*ret->arms));
    ret->revisions = calloc(n, sizeof(*ret->revisions));
    return ret->pairs && ret->targets && ret->sides && ret->reliabilities && ret->clusters &&
                   ret->annotators && ret->arms && ret->revisions
               ? 0
               : -ENOMEM;
}

static uint32_t place_of(const fd_annotator_order *annotators, uint32_t number) {
    return annotators->places ? annotators->places[number] : 0;
}

/* What was assigned is shown with its first item on the left; of other labels nobody knows. */
static float side_of(const fd_label_revision *revision) {
    return revision->origin == FD_ORIGIN_NONE     ? 0.0f
           : revision->origin & FD_ORIGIN_SWAPPED ? -1.0f
                                                  : 1.0f;
}

static fi_arm arm_of(uint16_t origin) {
    return origin & FD_ORIGIN_ACTIVE    ? FI_ARM_CHOSEN
           : origin & FD_ORIGIN_CONTROL ? FI_ARM_RANDOM
                                        : FI_ARM_OTHER;
}

int fd_training_set_fill(const fd_training_data *data, fd_training_set *ret) {
    FD_FREE uint8_t *newest = calloc(data->n_revisions + 1, sizeof(*newest));
    if (!newest || allocate(data, ret) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < data->n_revisions; i++)
        newest[data->revisions[i].label] = data->revisions[i].preference;
    size_t count = 0;
    for (size_t i = 0; i < data->n_revisions; i++) {
        const fd_label_revision *revision = &data->revisions[i];
        fd_preference preference = (fd_preference)newest[i];
        if (revision->label != i || !fd_preference_counts(preference))
            continue;
        ret->pairs[count] = revision->pair;
        ret->revisions[count] = i;
        ret->targets[count] = fd_preference_probability(preference);
        ret->sides[count] = side_of(revision);
        ret->reliabilities[count] = (float)fi_reliability(data->reliabilities, revision->annotator);
        ret->annotators[count] = place_of(&data->annotators, revision->annotator);
        ret->arms[count] = (uint8_t)arm_of(revision->origin);
        ret->clusters[count++] = data->clusters ? data->clusters[i] : 0;
    }
    ret->answers = (fi_answers){.count = count,
                                .pairs = ret->pairs,
                                .targets = ret->targets,
                                .sides = ret->sides,
                                .reliabilities = ret->reliabilities,
                                .clusters = data->clusters ? ret->clusters : NULL,
                                .annotators = data->annotators.places ? ret->annotators : NULL};
    return 0;
}
