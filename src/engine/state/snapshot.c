#include "snapshot.h"

#include <errno.h>
#include <string.h>

#include "candidate_rows.h"

FD_DEFINE_CLEANUP(fi_information, fi_information_free)
FD_DEFINE_CLEANUP(fi_model, fi_model_free)

/* ---- served models ---- */

int fd_served_model_new(fi_model *model, const fd_model_row *row, fd_served_model **ret) {
    fd_served_model *served = calloc(1, sizeof(*served));
    if (!served)
        return -ENOMEM;
    atomic_init(&served->references, 1);
    (void)pthread_mutex_init(&served->target_lock, NULL);
    served->model = model;
    served->row = *row;
    served->row.bytes = NULL;
    served->row.size = 0;
    served->row.reason = NULL;
    served->labels = row->labels;
    if (!(row->prior_precision > 0.0))
        served->row.prior_precision = (double)fi_model_feature_count(model);
    *ret = served;
    return 0;
}

int fd_served_model_refit(fd_served_model *served, const double *beta, double prior_precision,
                          size_t answers, uint64_t labels, fd_served_model **ret) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = fi_model_copy(served->model, &model);
    if (r < 0)
        return r;
    fi_layer last = fi_model_layer(model, fi_model_shape(model)->hidden_layers);
    for (size_t j = 0; j < last.inputs; j++)
        last.weights[j] = (float)beta[j];
    fd_model_row row = served->row;
    row.prior_precision = prior_precision;
    r = fd_served_model_new(model, &row, ret);
    if (r < 0)
        return r;
    (void)FD_STEAL(model);
    (*ret)->answers = answers;
    (*ret)->labels = labels;
    (*ret)->refits = served->refits + 1;
    (*ret)->trained = fd_served_model_reference(fd_served_model_trained(served));
    return 0;
}

fd_served_model *fd_served_model_reference(fd_served_model *served) {
    (void)atomic_fetch_add_explicit(&served->references, 1, memory_order_relaxed);
    return served;
}

void fd_served_model_free(fd_served_model *served) {
    if (!served || atomic_fetch_sub_explicit(&served->references, 1, memory_order_acq_rel) != 1)
        return;
    fd_served_model_free(served->trained);
    fi_model_free(served->model);
    fi_information_free(served->target);
    (void)pthread_mutex_destroy(&served->target_lock);
    free(served);
}

/* ---- snapshots ---- */

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

/* Few answers bring their own items along: the sums would walk over all items to find them. */
enum { ANSWERS_FEW = 256 };

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

/* Information of the pairs of those answers whose change is `change`, added to `sum`. */
static int sum_information(const fd_snapshot *snapshot, const fd_label_revision *answers, size_t n,
                           int change, fi_information *sum) {
    FD_FREE fi_pair *pairs = calloc(n + 1, sizeof(*pairs));
    if (!pairs)
        return -ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (answers[i].information == change)
            pairs[count++] = answers[i].pair;
    if (count == 0)
        return 0;
    if (count <= ANSWERS_FEW)
        return sum_few(snapshot, pairs, count, sum);
    FD_CLEANUP(fd_candidate_rows_clear) fd_candidate_rows gathered = {0};
    int r = fd_candidate_rows_build(snapshot, NULL, pairs, count, NULL, 0, &gathered);
    return r < 0 ? r : fi_information_add(sum, &gathered.candidates);
}

static int extend_past(fd_snapshot *snapshot, const fd_label_revision *answers, size_t n_answers) {
    const fd_label_revision *fresh = answers + snapshot->answers;
    size_t extra = n_answers - snapshot->answers;
    FD_CLEANUP(fi_information_freep) fi_information *taken_back = NULL;
    int r = fi_information_new(fi_information_size(snapshot->past), &taken_back);
    if (r == 0)
        r = sum_information(snapshot, fresh, extra, 1, snapshot->past);
    if (r == 0)
        r = sum_information(snapshot, fresh, extra, -1, taken_back);
    if (r < 0)
        return r;
    fi_information_subtract(snapshot->past, taken_back);
    snapshot->answers = n_answers;
    return 0;
}

int fd_snapshot_extend(const fd_snapshot *base, fd_growing_matrix *embeddings, size_t n_items,
                       const fd_label_revision *answers, size_t n_answers, fd_snapshot **ret) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return -ENOMEM;
    atomic_init(&snapshot->references, 1);
    snapshot->served = fd_served_model_reference(base->served);
    snapshot->items = base->items;
    snapshot->features = fd_growing_matrix_reference(base->features);
    snapshot->rewards = fd_growing_matrix_reference(base->rewards);
    snapshot->answers = base->answers;

    int r = fi_information_copy(base->past, &snapshot->past);
    if (r < 0)
        return r;
    if (n_items > snapshot->items) {
        r = extend_features(snapshot, embeddings, n_items);
        if (r < 0)
            return r;
    }
    if (n_answers > snapshot->answers) {
        r = extend_past(snapshot, answers, n_answers);
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
                      const fd_label_revision *answers, fd_snapshot **ret) {
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
    r = extend_past(snapshot, answers, base->answers);
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
