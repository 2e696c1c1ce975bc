/* Makes the next snapshot out of one before it and what changed. */
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

FD_DEFINE_CLEANUP(fi_information, fi_information_free)

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
    fd_growing_matrix_free(snapshot->rewards);
    fi_information_free(snapshot->past);
    fi_factor_free(snapshot->design);
    free(snapshot);
}

int fd_snapshot_new(fd_served_model *served, fd_snapshot **ret) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return -ENOMEM;
    atomic_init(&snapshot->references, 1);
    snapshot->served = fd_served_model_reference(served);

    size_t width = fi_model_feature_count(served->model);
    int r = fd_growing_matrix_new(width, 0, &snapshot->features);
    if (r < 0)
        return r;
    r = fd_growing_matrix_new(1, 0, &snapshot->rewards);
    if (r < 0)
        return r;
    r = fi_information_new(width, &snapshot->past);
    if (r < 0)
        return r;
    r = fi_factor_new_raised(snapshot->past, served->row.prior_precision, &snapshot->design);
    if (r < 0)
        return r;
    *ret = FD_STEAL(snapshot);
    return 0;
}

fi_candidates fd_snapshot_candidates(const fd_snapshot *snapshot, const uint32_t *groups,
                                     const fi_pair *pairs, size_t n_pairs) {
    return (fi_candidates){
        .n_items = snapshot->items,
        .n_features = snapshot->features->width,
        .n_pairs = n_pairs,
        .features = snapshot->features->data,
        .rewards = snapshot->rewards->data,
        .pairs = pairs,
        .groups = groups,
    };
}

/* ---- growth ---- */

static int extend_features(fd_snapshot *snapshot, fd_growing_matrix *embeddings, size_t n_items) {
    size_t done = snapshot->items;
    size_t extra = n_items - done;
    int r = fd_growing_matrix_reserve(&snapshot->features, done, extra);
    if (r < 0)
        return r;
    r = fd_growing_matrix_reserve(&snapshot->rewards, done, extra);
    if (r < 0)
        return r;
    float *features = fd_growing_matrix_row(snapshot->features, done);
    r = fi_model_features(snapshot->served->model, extra, fd_growing_matrix_row(embeddings, done),
                          features);
    if (r < 0)
        return r;
    fi_model_rewards(snapshot->served->model, extra, features,
                     fd_growing_matrix_row(snapshot->rewards, done));
    snapshot->items = n_items;
    return 0;
}

/* Sums over few pairs get a copy of those pairs' items: libfisher would walk over all items. */
enum { REVISIONS_FEW = 256 };

static int sum_few(const fd_snapshot *snapshot, fi_pair *pairs, size_t count, fi_information *sum) {
    size_t width = snapshot->features->width;
    FD_FREE float *features = calloc(2 * count, width * sizeof(*features));
    FD_FREE float *rewards = calloc(2 * count, sizeof(*rewards));
    if (!features || !rewards)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const uint32_t rows[] = {pairs[i].a, pairs[i].b};
        for (size_t side = 0; side < 2; side++) {
            memcpy(features + (2 * i + side) * width,
                   fd_growing_matrix_row(snapshot->features, rows[side]),
                   width * sizeof(*features));
            rewards[2 * i + side] = *fd_growing_matrix_row(snapshot->rewards, rows[side]);
        }
        pairs[i] = (fi_pair){(uint32_t)(2 * i), (uint32_t)(2 * i + 1)};
    }
    fi_candidates few = {
        .n_items = 2 * count,
        .n_features = width,
        .n_pairs = count,
        .features = features,
        .rewards = rewards,
        .pairs = pairs,
    };
    return fi_information_add(sum, &few);
}

/* Adds to `sum` the information of the pairs whose revisions change it by `change`. */
static int sum_information(const fd_snapshot *snapshot, const fd_label_revision *revisions,
                           size_t n, int change, fi_information *sum) {
    FD_FREE fi_pair *pairs = calloc(n + 1, sizeof(*pairs));
    if (!pairs)
        return -ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (revisions[i].information == change)
            pairs[count++] = revisions[i].pair;
    if (count == 0)
        return 0;
    if (count <= REVISIONS_FEW)
        return sum_few(snapshot, pairs, count, sum);
    fi_candidates all = fd_snapshot_candidates(snapshot, NULL, pairs, count);
    return fi_information_add(sum, &all);
}

static int extend_past(fd_snapshot *snapshot, const fd_label_revision *revisions,
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

int fd_snapshot_extend(const fd_snapshot *base, fd_growing_matrix *embeddings, size_t n_items,
                       const fd_label_revision *revisions, size_t n_revisions, fd_snapshot **ret) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return -ENOMEM;
    atomic_init(&snapshot->references, 1);
    snapshot->served = fd_served_model_reference(base->served);
    snapshot->items = base->items;
    snapshot->features = fd_growing_matrix_reference(base->features);
    snapshot->rewards = fd_growing_matrix_reference(base->rewards);
    snapshot->revisions = base->revisions;

    int r = fi_information_copy(base->past, &snapshot->past);
    if (r < 0)
        return r;
    if (n_items > snapshot->items) {
        r = extend_features(snapshot, embeddings, n_items);
        if (r < 0)
            return r;
    }
    if (n_revisions > snapshot->revisions) {
        r = extend_past(snapshot, revisions, n_revisions);
        if (r < 0)
            return r;
        r = fi_factor_new_raised(snapshot->past, base->served->row.prior_precision,
                                 &snapshot->design);
    } else {
        r = fi_factor_copy(base->design, &snapshot->design);
    }
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
    snapshot->items = base->items;
    snapshot->features = fd_growing_matrix_reference(base->features);
    int r = fd_growing_matrix_new(1, base->items, &snapshot->rewards);
    if (r == 0)
        r = fi_information_new(base->features->width, &snapshot->past);
    if (r < 0)
        return r;
    fi_model_rewards(served->model, base->items, base->features->data, snapshot->rewards->data);
    r = extend_past(snapshot, revisions, base->revisions);
    if (r == 0)
        r = fi_factor_new_raised(snapshot->past, served->row.prior_precision, &snapshot->design);
    if (r < 0)
        return r;
    *ret = FD_STEAL(snapshot);
    return 0;
}

int fd_snapshot_follow(fd_snapshot *refit, const fd_snapshot *current) {
    size_t done = refit->items, extra = current->items - done;
    int r = fd_growing_matrix_reserve(&refit->rewards, done, extra);
    if (r < 0)
        return r;
    fi_model_rewards(refit->served->model, extra, fd_growing_matrix_row(current->features, done),
                     fd_growing_matrix_row(refit->rewards, done));
    fd_growing_matrix_free(refit->features);
    refit->features = fd_growing_matrix_reference(current->features);
    refit->items = current->items;
    return 0;
}
