/* Makes the next snapshot out of one before it and what changed. */
#include "snapshot.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "snapshot_rows.h"

FD_DEFINE_CLEANUP(fi_information, fi_information_free)
FD_DEFINE_CLEANUP(fi_last_layer, fi_last_layer_free)

/* ---- life ---- */

fd_snapshot *fd_snapshot_reference(fd_snapshot *snapshot) {
    (void)atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

void fd_snapshot_free(fd_snapshot *snapshot) {
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1)
        return;
    fd_served_model_free(snapshot->served);
    fd_growing_matrix_free(snapshot->features);
    fd_growing_matrix_free(snapshot->components);
    fd_growing_matrix_free(snapshot->centres);
    fi_information_free(snapshot->past);
    fi_information_free(snapshot->prior);
    fi_factor_free(snapshot->design);
    free(snapshot);
}

/* ---- the design matrix ---- */

/* lambda * identity, for a model whose last layer nobody fitted */
static int plain_prior(size_t width, double precision, fi_information **ret) {
    FD_CLEANUP(fi_last_layer_freep) fi_last_layer *layer = NULL;
    int r = fi_last_layer_new(width, 0, &layer);
    for (size_t j = 0; j < width && r == 0; j++)
        layer->covariance[j * (width + 1)] = 1.0 / precision;
    return r < 0 ? r : fi_last_layer_information(layer, ret);
}

/* sum = past / D */
static int scaled_past(const fd_snapshot *snapshot, fi_information **ret) {
    int r = fi_information_copy(snapshot->past, ret);
    if (r == 0)
        fi_information_scale(*ret, 1.0 / fd_served_model_design_effect(snapshot->served));
    return r;
}

/* Finds the prior, now that `past` covers the fitted revisions. */
static int find_prior(fd_snapshot *snapshot) {
    const fd_served_model *served = snapshot->served;
    const fi_last_layer *layer = fi_model_last_layer(served->model);
    FD_CLEANUP(fi_information_freep) fi_information *past = NULL;
    FD_CLEANUP(fi_information_freep) fi_information *prior = NULL;
    size_t width = fi_information_size(snapshot->past);
    int r = layer ? fi_last_layer_information(layer, &prior)
                  : plain_prior(width, served->row.prior_precision, &prior);
    if (r == 0 && layer)
        r = scaled_past(snapshot, &past);
    if (r < 0)
        return r;
    if (past)
        fi_information_subtract(prior, past);
    snapshot->prior = FD_STEAL(prior);
    return 0;
}

static int find_design(fd_snapshot *snapshot) {
    FD_CLEANUP(fi_information_freep) fi_information *design = NULL;
    int r = scaled_past(snapshot, &design);
    if (r < 0)
        return r;
    if (!snapshot->prior)
        return fi_factor_new_raised(design, snapshot->served->row.prior_precision,
                                    &snapshot->design);
    fi_information_merge(design, snapshot->prior);
    return fi_factor_new_raised(design, 0.0, &snapshot->design);
}

/* ---- the first ---- */

static bool is_linear(const fd_snapshot *snapshot) {
    return fi_model_shape(snapshot->served->model)->hidden_layers == 0;
}

/* An empty matrix of features, and one of components unless they are the same. */
static int make_matrices(fd_snapshot *snapshot) {
    const fi_model *model = snapshot->served->model;
    int r = fd_growing_matrix_new(fi_model_feature_count(model), 0, &snapshot->features);
    if (r < 0)
        return r;
    if (!is_linear(snapshot))
        return fd_growing_matrix_new(fi_model_prepared_count(model), 0, &snapshot->components);
    snapshot->components = fd_growing_matrix_reference(snapshot->features);
    return 0;
}

/* Replaces a matrix by a reference to another one. */
static void take_matrix(fd_growing_matrix **matrix, fd_growing_matrix *other) {
    fd_growing_matrix *before = *matrix;
    *matrix = fd_growing_matrix_reference(other);
    fd_growing_matrix_free(before);
}

bool fd_snapshot_take_components(fd_snapshot *snapshot, fd_growing_matrix *components,
                                 size_t rows) {
    if (is_linear(snapshot) && (fi_model_shape(snapshot->served->model)->extras > 0 ||
                                components->width != snapshot->features->width))
        return false;
    take_matrix(&snapshot->components, components);
    if (is_linear(snapshot))
        take_matrix(&snapshot->features, components);
    snapshot->projected = rows;
    return true;
}

int fd_snapshot_new(fd_served_model *served, fd_snapshot **ret) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return -ENOMEM;
    atomic_init(&snapshot->references, 1);
    snapshot->served = fd_served_model_reference(served);

    size_t width = fi_model_feature_count(served->model);
    int r = make_matrices(snapshot);
    if (r == 0 && fi_model_shape(served->model)->extras > 0)
        r = fd_growing_matrix_new(fi_model_shape(served->model)->extras, 0, &snapshot->centres);
    if (r < 0)
        return r;
    r = fi_information_new(width, &snapshot->past);
    if (r == 0 && served->fitted == 0)
        r = find_prior(snapshot);
    if (r == 0)
        r = find_design(snapshot);
    if (r < 0)
        return r;
    *ret = FD_STEAL(snapshot);
    return 0;
}

/* ---- rewards ---- */

double fd_snapshot_reward(const fd_snapshot *snapshot, uint32_t row) {
    float reward;
    fi_model_rewards(snapshot->served->model, 1, fd_growing_matrix_row(snapshot->features, row),
                     &reward);
    return (double)reward;
}

int fd_snapshot_rewards(const fd_snapshot *snapshot, float **ret) {
    float *rewards = calloc(snapshot->items + 1, sizeof(*rewards));
    if (!rewards)
        return -ENOMEM;
    fi_model_rewards(snapshot->served->model, snapshot->items, snapshot->features->data, rewards);
    *ret = rewards;
    return 0;
}

/* ---- growth ---- */

/* Rows whose features are computed between two looks at whether the engine closes. */
enum { ROWS_AT_ONCE = 8192 };

void fd_snapshot_place_extras(const fd_snapshot *snapshot, size_t n, const float *raw,
                              const uint32_t *groups, float *placed) {
    const fi_model *model = snapshot->served->model;
    size_t count = fi_model_shape(model)->extras;
    for (size_t i = 0; i < n; i++)
        fi_model_place_extras(model, raw + i * count,
                              groups[i] < snapshot->groups
                                  ? fd_growing_matrix_row(snapshot->centres, groups[i])
                                  : NULL,
                              placed + i * count);
}

/* Finds the centres of the prompts that are new. */
static int extend_centres(fd_snapshot *snapshot, const fi_extras *extras) {
    size_t groups = snapshot->groups;
    for (size_t i = 0; i < extras->n_items; i++)
        groups = extras->groups[i] >= groups ? (size_t)extras->groups[i] + 1 : groups;
    size_t added = groups - snapshot->groups;
    int r = fd_growing_matrix_reserve(&snapshot->centres, snapshot->groups, added);
    if (r == 0 && added > 0)
        r = fi_model_extra_centres(snapshot->served->model, extras, (uint32_t)snapshot->groups,
                                   added,
                                   fd_growing_matrix_row(snapshot->centres, snapshot->groups));
    if (r == 0)
        snapshot->groups = groups;
    return r;
}

/* The components stand in the features of a linear model already. */
static int compute_rows(fd_snapshot *snapshot, size_t n, const float *placed) {
    const fi_model *model = snapshot->served->model;
    size_t first = snapshot->items, columns = fi_model_shape(model)->extras;
    float *features = fd_growing_matrix_row(snapshot->features, first);
    size_t width = snapshot->features->width;
    if (!is_linear(snapshot))
        return fi_model_features_of_prepared(
            model, n, fd_growing_matrix_row(snapshot->components, first),
            snapshot->components->width, columns > 0 ? placed : NULL, features);
    for (size_t i = 0; i < n && columns > 0; i++)
        memcpy(features + (i + 1) * width - columns, placed + i * columns,
               columns * sizeof(*features));
    return 0;
}

static int extend_features(fd_snapshot *snapshot, const fd_item_extras *given, size_t n_items,
                           const atomic_bool *interrupted) {
    const fi_model *model = snapshot->served->model;
    size_t first = snapshot->items, columns = fi_model_shape(model)->extras;
    assert(columns == 0 || (given && given->count == columns && given->first == first));
    fi_extras extras = columns > 0 ? fd_item_extras_view(given) : (fi_extras){0};
    FD_FREE float *placed = calloc(ROWS_AT_ONCE, (columns + 1) * sizeof(*placed));
    if (!placed)
        return -ENOMEM;
    int r = is_linear(snapshot)
                ? 0
                : fd_growing_matrix_reserve(&snapshot->features, first, n_items - first);
    if (r == 0 && columns > 0)
        r = extend_centres(snapshot, &extras);
    while (r == 0 && snapshot->items < n_items) {
        size_t done = snapshot->items, rows = n_items - done;
        rows = rows < ROWS_AT_ONCE ? rows : ROWS_AT_ONCE;
        if (interrupted && atomic_load(interrupted))
            return -ECANCELED;
        if (columns > 0)
            fd_snapshot_place_extras(snapshot, rows, extras.raw + (done - first) * columns,
                                     extras.groups + (done - first), placed);
        r = compute_rows(snapshot, rows, placed);
        snapshot->items += rows;
    }
    return r;
}

/* Adds to `sum` the information of pairs, by copies of their items' features: libfisher would walk
 * over all items otherwise. */
static int sum_pairs(const fd_snapshot *snapshot, const fi_pair *pairs, const float *reliabilities,
                     size_t count, fi_information *sum) {
    FD_CLEANUP(fd_snapshot_rows_clear) fd_snapshot_rows rows = {0};
    int r = fd_snapshot_rows_copy(snapshot, pairs, count, &rows);
    return r < 0 ? r : fi_information_add_reliable(sum, &rows.candidates, reliabilities);
}

/* Adds to `sum` the information of the pairs whose revisions change it by `change`. */
static int sum_information(const fd_snapshot *snapshot, const fd_label_revision *revisions,
                           size_t n, int change, fi_information *sum) {
    const fi_reliabilities *known = fd_served_model_reliabilities(snapshot->served);
    FD_FREE fi_pair *pairs = calloc(n + 1, sizeof(*pairs));
    FD_FREE float *reliabilities = calloc(n + 1, sizeof(*reliabilities));
    if (!pairs || !reliabilities)
        return -ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (revisions[i].information != change)
            continue;
        reliabilities[count] = (float)fi_reliability(known, revisions[i].annotator);
        pairs[count++] = revisions[i].pair;
    }
    return count == 0 ? 0 : sum_pairs(snapshot, pairs, reliabilities, count, sum);
}

static int add_revisions(fd_snapshot *snapshot, const fd_label_revision *revisions,
                         size_t n_revisions) {
    const fd_label_revision *added = revisions + snapshot->revisions;
    size_t extra = n_revisions - snapshot->revisions;
    FD_CLEANUP(fi_information_freep) fi_information *removed = NULL;
    int r = fi_information_new(fi_information_size(snapshot->past), &removed);
    if (r == 0)
        r = sum_information(snapshot, added, extra, 1, snapshot->past);
    if (r == 0)
        r = sum_information(snapshot, added, extra, -1, removed);
    if (r < 0)
        return r;
    fi_information_subtract(snapshot->past, removed);
    snapshot->revisions = n_revisions;
    return 0;
}

/* Finds the prior on the way, once the fitted revisions are covered, or all that there are. */
static int extend_past(fd_snapshot *snapshot, const fd_label_revision *revisions,
                       size_t n_revisions) {
    size_t fitted = snapshot->served->fitted;
    size_t first = fitted < n_revisions ? fitted : n_revisions;
    int r = 0;
    if (!snapshot->prior && first > snapshot->revisions)
        r = add_revisions(snapshot, revisions, first);
    if (r == 0 && !snapshot->prior)
        r = find_prior(snapshot);
    if (r == 0 && n_revisions > snapshot->revisions)
        r = add_revisions(snapshot, revisions, n_revisions);
    return r < 0 ? r : find_design(snapshot);
}

/* Gives the snapshot the features of another one. */
static void share_features(fd_snapshot *snapshot, const fd_snapshot *from) {
    snapshot->items = from->items;
    snapshot->groups = from->groups;
    snapshot->features = fd_growing_matrix_reference(from->features);
    snapshot->components = fd_growing_matrix_reference(from->components);
    snapshot->projected = from->items;
    snapshot->centres = from->centres ? fd_growing_matrix_reference(from->centres) : NULL;
}

int fd_snapshot_extend(const fd_snapshot *base, fd_growing_matrix *components,
                       const fd_item_extras *extras, size_t n_items,
                       const fd_label_revision *revisions, size_t n_revisions,
                       const atomic_bool *interrupted, fd_snapshot **ret) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return -ENOMEM;
    atomic_init(&snapshot->references, 1);
    snapshot->served = fd_served_model_reference(base->served);
    share_features(snapshot, base);
    snapshot->projected = base->projected;
    snapshot->shares_components = base->shares_components;
    snapshot->revisions = base->revisions;

    int r = fi_information_copy(base->past, &snapshot->past);
    if (r == 0 && base->prior)
        r = fi_information_copy(base->prior, &snapshot->prior);
    if (r < 0)
        return r;
    if (n_items > snapshot->items) {
        take_matrix(&snapshot->components, components);
        if (is_linear(snapshot))
            take_matrix(&snapshot->features, components);
        r = extend_features(snapshot, extras, n_items, interrupted);
        if (r < 0)
            return r;
        snapshot->projected = n_items;
    }
    r = n_revisions > snapshot->revisions || !snapshot->prior
            ? extend_past(snapshot, revisions, n_revisions)
            : fi_factor_copy(base->design, &snapshot->design);
    if (r < 0)
        return r;
    *ret = FD_STEAL(snapshot);
    return 0;
}

/* ---- refits ---- */

int fd_snapshot_refit(const fd_snapshot *base, fd_served_model *served,
                      const fd_label_revision *revisions, fd_snapshot **ret) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return -ENOMEM;
    atomic_init(&snapshot->references, 1);
    snapshot->served = fd_served_model_reference(served);
    share_features(snapshot, base);
    int r = fi_information_new(base->features->width, &snapshot->past);
    if (r == 0)
        r = extend_past(snapshot, revisions, base->revisions);
    if (r < 0)
        return r;
    *ret = FD_STEAL(snapshot);
    return 0;
}

void fd_snapshot_follow(fd_snapshot *refit, const fd_snapshot *current) {
    fd_growing_matrix_free(refit->features);
    fd_growing_matrix_free(refit->components);
    fd_growing_matrix_free(refit->centres);
    share_features(refit, current);
}
