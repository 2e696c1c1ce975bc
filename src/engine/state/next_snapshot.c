/* Extends the snapshot that serves, or another model's, to what a transaction stored. Until the
 * first training an untrained model serves. */
#include "next_snapshot.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "coming_vectors.h"
#include "component_blocks.h"
#include "item_components.h"
#include "item_extras.h"
#include "score_changes.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)
FD_DEFINE_CLEANUP(fi_last_layer, fi_last_layer_free)

/* An untrained model takes its input statistics from at most this many items: more would slow the
 * start down, and the first training looks at all of them. */
enum { UNTRAINED_ITEMS = 20000 };

/* A sample that tells how long the features of an item are. */
enum { SQUARED_ITEMS = 1000 };

static fd_growing_matrix *texts_of(const fd_engine *engine, const fd_pending *pending) {
    return pending->coming ? pending->coming->text_features : engine->text_features;
}

static size_t dimension_of(const fd_engine *engine, const fd_pending *pending) {
    return pending->coming ? pending->coming->dimension : engine->dimension;
}

/* ---- embeddings ---- */

static fd_vector_source source_of(const fd_engine *engine, const fd_pending *pending) {
    return (fd_vector_source){engine->store, pending->coming != NULL};
}

/* The items whose embeddings are in the store; those of the others have just arrived. */
static size_t stored_items(const fd_engine *engine, const fd_pending *pending) {
    return pending->coming ? pending->items : engine->items.count;
}

/* Copies the embeddings of the first n items. */
static int copy_embeddings(const fd_engine *engine, const fd_pending *pending, size_t n,
                           float *to) {
    fd_vector_source source = source_of(engine, pending);
    size_t stored = stored_items(engine, pending), dimension = dimension_of(engine, pending);
    size_t read = n < stored ? n : stored;
    if (n > read)
        memcpy(to + read * dimension, engine->arrivals.embeddings,
               (n - read) * dimension * sizeof(*to));
    return fd_stored_vectors_copy(&source, 0, read, dimension, to);
}

/* ---- components ---- */

static bool has_same_inputs(const fd_snapshot *a, const fd_snapshot *b) {
    return strcmp(a->served->inputs, b->served->inputs) == 0;
}

/* Reads or copies what the base lacks of the components of stored items. */
static int project_stored(const fd_engine *engine, const fd_pending *pending,
                          const fd_snapshot *base, const fd_snapshot *like, size_t first,
                          size_t stored, fd_growing_matrix *matrix) {
    const fi_model *model = base->served->model;
    fd_vector_source source = source_of(engine, pending);
    if (!like)
        return first == 0 && !pending->coming
                   ? fd_component_blocks_read(engine, model, base->served->inputs, stored, NULL,
                                              matrix)
                   : fd_components_read(&source, model, first, stored, NULL, matrix);
    fd_components_copy(like->components, fi_model_prepared_count(model), first, stored, matrix);
    return 0;
}

static int own_matrix(const fd_snapshot *base, size_t rows, fd_growing_matrix **ret) {
    int r = fd_growing_matrix_new(base->components->width, rows, ret);
    if (r == 0)
        memcpy((*ret)->data, base->components->data,
               base->projected * base->components->width * sizeof(float));
    return r;
}

/*
 * The components of all items under the inputs of `base`. Those of the snapshot that serves are
 * extended where `base` shares them; other rows were copied, or are read from the store, and the
 * newest are those of the embeddings that have just arrived.
 */
static int find_components(const fd_engine *engine, const fd_pending *pending,
                           const fd_snapshot *base, fd_growing_matrix **ret) {
    const fd_snapshot *serving = pending->coming ? NULL : engine->snapshot;
    const fd_snapshot *like = serving && has_same_inputs(base, serving) ? serving : NULL;
    bool follows = like && (base->shares_components || base->components == like->components);
    size_t first = follows ? like->items : base->projected, items = pending->items;
    size_t stored = stored_items(engine, pending);
    FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *matrix = NULL;
    int r = 0;
    if (base->shares_components && !follows)
        r = own_matrix(base, items, &matrix);
    else
        matrix = fd_growing_matrix_reference(follows ? like->components : base->components);
    if (r == 0 && first < items)
        r = fd_growing_matrix_reserve(&matrix, first, items - first);
    if (r == 0 && first < stored) {
        r = project_stored(engine, pending, base, like, first, stored, matrix);
        first = stored;
    }
    if (r == 0 && first < items)
        r = fd_components_place(base->served->model, items - first,
                                engine->arrivals.embeddings +
                                    (first - engine->items.count) * engine->dimension,
                                matrix, first);
    if (r == 0)
        *ret = FD_STEAL(matrix);
    return r;
}

/* ---- extras ---- */

/* The extras of n items in the columns of the model, with the scores that the transaction sets.
 * Only the writer changes them, so it needs no lock. */
static int collect_extras(const fd_engine *engine, const fd_pending *pending, const fi_model *model,
                          size_t first, size_t n, fd_item_extras *ret) {
    int r = fd_item_extras_init(ret, fi_model_extra_ids(model), fi_model_shape(model)->extras,
                                first, n, engine->groups);
    if (r < 0)
        return r;
    fd_item_extras_copy(ret, texts_of(engine, pending), &engine->scores, first, first + n);
    fd_score_changes_overlay(pending->scores, ret);
    return 0;
}

static int untrained_extras(const fd_engine *engine, const fd_pending *pending, size_t n_items,
                            fi_model *model) {
    FD_CLEANUP(fd_item_extras_clear) fd_item_extras extras = {0};
    if (fi_model_shape(model)->extras == 0)
        return 0;
    int r = collect_extras(engine, pending, model, 0, n_items, &extras);
    if (r < 0)
        return r;
    fi_extras view = fd_item_extras_view(&extras);
    return fi_model_fit_extras(model, &view);
}

/* The items that tell how long features are. */
static size_t squared_items(size_t n_items) {
    return n_items < SQUARED_ITEMS ? n_items : SQUARED_ITEMS;
}

/* An untrained model that was made from the same items has the inputs already; else NULL. */
static const fd_snapshot *known_inputs(const fd_engine *engine, const fd_pending *pending,
                                       size_t n_items) {
    const fd_snapshot *serving = pending->coming ? NULL : engine->snapshot;
    bool is_known = serving && serving->served->row.version == 0 &&
                    serving->served->row.items == n_items && serving->items >= n_items;
    return is_known ? serving : NULL;
}

/* Sets the inputs, and computes the features of some items, which have no extras yet. */
static int untrained_inputs(const fd_engine *engine, const fd_pending *pending, size_t n_items,
                            fi_model *model, float *features) {
    size_t sample = squared_items(n_items);
    const fd_snapshot *known = known_inputs(engine, pending, n_items);
    if (known && fi_model_take_inputs(model, known->served->model) == 0)
        return fi_model_features_of_prepared(model, sample, known->components->data,
                                             known->components->width, NULL, features);
    FD_FREE float *embeddings =
        reallocarray(NULL, n_items, dimension_of(engine, pending) * sizeof(*embeddings));
    int r = embeddings ? copy_embeddings(engine, pending, n_items, embeddings) : -ENOMEM;
    if (r == 0)
        r = fi_model_fit_inputs(model, n_items, embeddings);
    return r < 0 ? r : fi_model_features(model, sample, embeddings, NULL, features);
}

/* What is known of beta before any answer: nothing, but for scores that somebody trusts. */
static int untrained_layer(const fd_engine *engine, size_t sample, const float *features,
                           fi_model *model) {
    static const fi_answers none = {0};
    FD_CLEANUP(fi_last_layer_freep) fi_last_layer *layer = NULL;
    fi_block blocks[FI_BLOCKS_MAX], extra_blocks[FI_EXTRAS_MAX];
    size_t width = fi_model_feature_count(model), h = width - fi_model_shape(model)->extras;
    fi_learn_options learn = {.prior_precision = engine->options.prior_precision,
                              .extra_blocks = extra_blocks};
    learn.n_extra_blocks =
        fd_extra_blocks(fi_model_extra_ids(model), fi_model_shape(model)->extras,
                        &engine->scores.names, &engine->project.settings, extra_blocks);
    fi_last_layer_options options = fi_last_layer_defaults();
    options.blocks = blocks;
    options.n_blocks =
        fi_learn_blocks(&learn, h, fi_mean_square(sample, width, features, &none, 0, h), blocks);
    int r = fi_last_layer_fit(sample, width, features, &none, &options, NULL, &layer);
    return r < 0 ? r : fi_model_set_last_layer(model, layer);
}

static int untrained_model(const fd_engine *engine, const fd_pending *pending, size_t n_items,
                           fi_model **ret) {
    const fd_engine_options *options = &engine->options;
    uint32_t dimension = (uint32_t)dimension_of(engine, pending);
    uint32_t ids[FI_EXTRAS_MAX];
    double share;
    fi_shape shape = {
        .inputs = dimension,
        .components = options->components < dimension ? options->components : dimension,
        .hidden_layers = options->kind == FI_KIND_NETWORK ? options->hidden_layers : 0,
        .hidden_width = options->hidden_width,
        .extras = fd_extra_columns(options->text_features, texts_of(engine, pending),
                                   &engine->scores, n_items, ids, &share),
    };
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = fi_model_new(&shape, options->seed, &model);
    if (r < 0)
        return r;
    fi_model_set_extra_ids(model, ids);
    size_t sample = squared_items(n_items);
    FD_FREE float *features =
        reallocarray(NULL, sample, fi_model_feature_count(model) * sizeof(*features));
    if (!features)
        return -ENOMEM;
    r = untrained_inputs(engine, pending, n_items, model, features);
    if (r == 0)
        r = untrained_extras(engine, pending, n_items, model);
    if (r == 0)
        r = untrained_layer(engine, sample, features, model);
    if (r == 0)
        *ret = FD_STEAL(model);
    return r;
}

/* The items that an untrained model is made from. All replicas of a shared store must make the same
 * one, in whatever portions the items come to them. */
static size_t untrained_items(const fd_engine *engine, size_t items) {
    size_t doubled = 1;
    while (2 * doubled <= items && 2 * doubled <= UNTRAINED_ITEMS)
        doubled *= 2;
    if (engine->store->replicas)
        return doubled;
    return items < UNTRAINED_ITEMS ? items : UNTRAINED_ITEMS;
}

static int untrained_snapshot(const fd_engine *engine, const fd_pending *pending,
                              fd_snapshot **ret) {
    size_t n_items = untrained_items(engine, pending->items);
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    FD_CLEANUP(fd_served_model_freep) fd_served_model *served = NULL;
    int r = untrained_model(engine, pending, n_items, &model);
    if (r < 0)
        return r;
    fd_model_row row = {.items = n_items,
                        .prior_precision = fi_model_last_layer(model)->precisions[0]};
    r = fd_served_model_new(model, &row, &served);
    if (r < 0)
        return r;
    (void)FD_STEAL(model);
    served->extra_changes = engine->extra_changes;
    served->project = engine->project.version;
    r = fd_snapshot_new(served, ret);
    const fd_snapshot *known = r == 0 ? known_inputs(engine, pending, n_items) : NULL;
    if (known && has_same_inputs(*ret, known))
        (*ret)->shares_components =
            fd_snapshot_take_components(*ret, known->components, known->items);
    return r;
}

/* A refit knows the settings of its time, and the next refit those of now. */
static bool is_behind(const fd_engine *engine, const fd_served_model *served) {
    return served->row.version == 0 &&
           (served->extra_changes != engine->extra_changes ||
            (served->refits == 0 && served->project != engine->project.version));
}

bool fd_untrained_is_behind(const fd_engine *engine) {
    return engine->snapshot && is_behind(engine, engine->snapshot->served);
}

/* Whether an untrained model took its input statistics from half of the items or fewer, or is to
 * learn of extras or settings. */
static bool is_outdated(const fd_engine *engine, const fd_snapshot *base,
                        const fd_pending *pending) {
    const fd_served_model *served = base->served;
    if (served->row.version != 0)
        return false;
    return (served->row.items < untrained_items(engine, pending->items) &&
            pending->items >= 2 * served->row.items) ||
           (pending->refreshes && is_behind(engine, served));
}

int fd_next_snapshot(fd_engine *engine, const fd_pending *pending, fd_snapshot **ret) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *untrained = NULL;
    FD_CLEANUP(fd_item_extras_clear) fd_item_extras extras = {0};
    const fd_snapshot *base = pending->base     ? pending->base
                              : pending->coming ? NULL /* the model knows other ones */
                                                : engine->snapshot;
    int r = 0;

    *ret = NULL;
    if (pending->items == 0)
        return 0;
    if (!base || is_outdated(engine, base, pending)) {
        r = untrained_snapshot(engine, pending, &untrained);
        if (r < 0)
            return r;
        base = untrained;
        assert(base);
    }
    if (base == engine->snapshot && base->items == pending->items &&
        base->revisions == pending->revisions)
        return 0;
    const fi_model *model = base->served->model;
    if (pending->items > base->items && fi_model_shape(model)->extras > 0)
        r = collect_extras(engine, pending, model, base->items, pending->items - base->items,
                           &extras);
    FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *components = NULL;
    if (r == 0)
        r = find_components(engine, pending, base, &components);
    return r < 0 ? r
                 : fd_snapshot_extend(base, components, &extras, pending->items,
                                      engine->labels.revisions, pending->revisions, NULL, ret);
}
