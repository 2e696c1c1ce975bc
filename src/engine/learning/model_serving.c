/* The job that stores a version and makes it serve, and the snapshots that it serves with. */
#include "model_serving.h"

#include <errno.h>
#include <string.h>

#include "annotator_order.h"
#include "item_components.h"
#include "replica.h"
#include "thread.h"
#include "writer.h"

struct fd_model_serving {
    atomic_uint_fast64_t newest; /* the highest version ever stored; changed by the writer */
    uint64_t active;             /* in a shared store, as far as it is known; the writer's own */
    size_t stored;               /* versions in the store; the writer's own */
};

int fd_model_serving_new(fd_engine *engine) {
    engine->model_serving = calloc(1, sizeof(*engine->model_serving));
    return engine->model_serving ? 0 : -ENOMEM;
}

void fd_model_serving_free(fd_engine *engine) {
    free(engine->model_serving);
}

void fd_model_serving_on_commit(fd_engine *engine) {
    fd_metrics_set(engine->metrics, FD_METRIC_MODELS_STORED, NULL, NULL,
                   (double)engine->model_serving->stored);
}

void fd_model_serving_count(fd_engine *engine, uint64_t version) {
    if (engine->model_serving->stored++ == 0)
        engine->model_serving->newest = version;
}

void fd_model_serving_follow(fd_engine *engine, const fd_model_row *row) {
    struct fd_model_serving *serving = engine->model_serving;
    if (row->state == FD_MODEL_ACTIVE)
        serving->active = row->version;
    if (row->version <= atomic_load(&serving->newest))
        return;
    atomic_store(&serving->newest, row->version);
    if (serving->stored <= engine->options.models_kept) /* the other replica has pruned the rest */
        serving->stored++;
}

uint64_t fd_model_serving_newest(const fd_engine *engine) {
    return atomic_load(&engine->model_serving->newest);
}

/* ---- snapshots ---- */

size_t fd_model_revisions_learned(const fi_model *model, const fd_model_row *row, size_t all) {
    if (!fi_model_last_layer(model))
        return 0;
    return row->answers >= 0 && (uint64_t)row->answers < all ? (size_t)row->answers : all;
}

int fd_model_reliabilities_find(const fi_model *model, const fd_label_revision *revisions, size_t n,
                                fi_reliabilities **ret) {
    const fi_reliabilities *stored = fi_model_reliabilities(model);
    FD_CLEANUP(fd_annotator_order_clear) fd_annotator_order order = {0};
    *ret = NULL;
    if (!stored)
        return 0;
    int r = fd_annotator_order_find(revisions, n, &order);
    return r < 0 ? r : fd_annotator_order_by_number(&order, stored, ret);
}

int fd_model_snapshot_new(fi_model **model, const fd_model_row *row,
                          const fd_label_revision *revisions, size_t n, size_t learned,
                          fd_snapshot **ret) {
    FD_CLEANUP(fd_served_model_freep) fd_served_model *served = NULL;
    int r = fd_served_model_new(*model, row, &served);
    if (r < 0)
        return r;
    *model = NULL;
    served->revisions = served->fitted = learned;
    r = fd_model_reliabilities_find(served->model, revisions, n, &served->reliabilities);
    return r < 0 ? r : fd_snapshot_new(served, ret);
}

/* Gives a snapshot of no items the components of the data: the same matrix, or a copy, after which
 * the data needs none. */
static int take_components(fd_training_data *data, fd_snapshot *snapshot) {
    size_t n = data->n_items, width = fi_model_prepared_count(snapshot->served->model);
    if (fd_snapshot_take_components(snapshot, data->components, n)) {
        snapshot->shares_components = data->components == data->snapshot->components;
        return 0;
    }
    int r = fd_growing_matrix_reserve(&snapshot->components, 0, n);
    if (r < 0)
        return r;
    fd_components_copy(data->components, width, 0, n, snapshot->components);
    snapshot->projected = n;
    fd_growing_matrix_free(FD_STEAL(data->components));
    return 0;
}

int fd_model_snapshot_of(fd_engine *engine, fd_training_data *data, fi_model **model,
                         const fd_model_row *row, size_t learned, fd_snapshot **ret) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *empty = NULL;
    const fd_going_on going_on = {.interrupted = &engine->closing};
    int r = fd_training_data_project(engine, *model, &going_on, data);
    if (r == 0)
        r = fd_model_snapshot_new(model, row, data->revisions, data->n_revisions, learned, &empty);
    if (r == 0)
        r = take_components(data, empty);
    if (r < 0)
        return r;
    return fd_snapshot_extend(empty, empty->components, &data->extras, data->n_items,
                              data->revisions, data->n_revisions, &engine->closing, ret);
}

/* ---- the job ---- */

struct serve_job {
    fd_job job;
    const fd_model_row *new_row; /* to be stored first, with its bytes; NULL: it is stored */
    uint64_t version;            /* 0: an untrained one */
    bool is_followed;            /* another replica has activated it */
    bool is_trained;             /* here, and stored: it serves if it still is the newest one */
    fd_snapshot *snapshot;       /* NULL: rejected, not to be served */
    uint64_t re_embeddings;      /* whose vectors it knows */
    fd_coming_vectors *coming;   /* serve from now on; NULL: the vectors stay */
    size_t pruned;
};

static int add_version(fd_engine *engine, const fd_model_row *row) {
    int r = engine->store->operations->model_add(engine->store, row);
    if (r == -EEXIST && engine->store->replicas)
        return -ECANCELED;          /* another replica trains by now */
    return r == -EEXIST ? -EIO : r; /* we number the versions, so a clash is not a refusal */
}

static int store_serving(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct serve_job *serve = (struct serve_job *)job;
    const fd_store_operations *store = engine->store->operations;
    if (!serve->coming && serve->re_embeddings != engine->re_embeddings)
        return -ECANCELED;
    int r = serve->coming ? fd_coming_vectors_store(engine, serve->coming, pending) : 0;
    if (r == 0 && serve->new_row)
        r = add_version(engine, serve->new_row);
    if (serve->is_followed && serve->version != engine->model_serving->active)
        return -ECANCELED; /* it has activated another one since */
    if (serve->is_trained && serve->version != fd_model_serving_newest(engine))
        return -ECANCELED; /* another replica trains by now */
    if (r == 0 && serve->snapshot && !serve->is_followed)
        r = store->model_activate(engine->store, serve->version);
    if (r == 0 && serve->snapshot)
        pending->base = serve->snapshot;
    const fd_snapshot *serving = serve->snapshot ? serve->snapshot : engine->snapshot;
    if (r == 0 && serve->new_row)
        r = store->models_prune(engine->store, engine->options.models_kept,
                                serving->served->row.version, &serve->pruned);
    return r;
}

static void apply_serving(fd_engine *engine, fd_job *job) {
    struct serve_job *serve = (struct serve_job *)job;
    if (serve->snapshot)
        engine->model_serving->active = serve->version;
    if (serve->coming)
        fd_coming_vectors_apply(engine, serve->coming);
    if (serve->new_row) {
        engine->model_serving->newest = serve->version;
        engine->model_serving->stored += 1 - serve->pruned;
    } else if (!serve->coming && !serve->is_followed && !serve->is_trained) {
        fd_metrics_add(engine->metrics, FD_METRIC_MODEL_ACTIVATIONS, NULL, NULL, 1);
    }
}

/* Items that came since the snapshot was made are projected by the writer, where it cannot copy
 * their components. That many are few enough. */
enum { ITEMS_FOR_THE_WRITER = 1000 };

/* How many items there are whose components a snapshot will lack. */
static size_t items_ahead(fd_engine *engine, const fd_snapshot *snapshot) {
    FD_READ_LOCKED(&engine->state_lock);
    bool has_them = strcmp(engine->snapshot->served->inputs, snapshot->served->inputs) == 0;
    return has_them ? snapshot->projected : engine->items.count;
}

/* Projects the others before that, while annotators are served. */
static int project_ahead(fd_engine *engine, fd_snapshot *snapshot) {
    const fd_vector_source source = {.store = engine->store};
    const fd_going_on going_on = {.interrupted = &engine->closing};
    int r = 0;
    for (size_t n;
         r == 0 && !snapshot->shares_components &&
         (n = items_ahead(engine, snapshot)) > snapshot->projected + ITEMS_FOR_THE_WRITER;) {
        size_t first = snapshot->projected;
        r = fd_growing_matrix_reserve(&snapshot->components, first, n - first);
        if (r == 0)
            r = fd_components_read(&source, snapshot->served->model, first, n, &going_on,
                                   snapshot->components);
        if (r == 0)
            snapshot->projected = n;
    }
    return r;
}

static int serve(fd_engine *engine, struct serve_job *job) {
    int r = job->snapshot && !job->coming ? project_ahead(engine, job->snapshot) : 0;
    if (r < 0)
        return r;
    job->job =
        (fd_job){.store = store_serving, .apply = apply_serving, .is_alone = job->coming != NULL};
    return fd_writer_run(engine, &job->job);
}

/* The other replicas prepare a version once they see that it was stored. */
static int serve_once_prepared(fd_engine *engine, const fd_model_row *row, fd_snapshot *snapshot,
                               uint64_t re_embeddings) {
    struct serve_job store = {
        .new_row = row, .version = row->version, .re_embeddings = re_embeddings};
    struct serve_job activate = {.version = row->version,
                                 .is_trained = true,
                                 .snapshot = snapshot,
                                 .re_embeddings = re_embeddings};
    int r = serve(engine, &store);
    if (r < 0)
        return r;
    fd_replica_wait_prepared(engine, row->version);
    return serve(engine, &activate);
}

int fd_model_store_and_serve(fd_engine *engine, const fd_model_row *row, fd_snapshot *snapshot,
                             uint64_t re_embeddings) {
    struct serve_job job = {.new_row = row,
                            .version = row->version,
                            .snapshot = snapshot,
                            .re_embeddings = re_embeddings};
    return engine->store->replicas && snapshot
               ? serve_once_prepared(engine, row, snapshot, re_embeddings)
               : serve(engine, &job);
}

struct announcement {
    fd_job job;
    uint64_t version;
};

static int store_announcement(fd_engine *engine, fd_job *job, fd_pending *pending) {
    (void)pending;
    uint64_t version = ((struct announcement *)job)->version;
    return engine->store->replicas->model_announce(engine->store, version);
}

static void apply_nothing(fd_engine *engine, fd_job *job) {
    (void)engine;
    (void)job;
}

/* Has the other replicas prepare a version that was stored before. */
static int announce(fd_engine *engine, uint64_t version) {
    struct announcement announcement = {
        .job = {.store = store_announcement, .apply = apply_nothing}, .version = version};
    int r = fd_writer_run(engine, &announcement.job);
    if (r == 0)
        fd_replica_wait_prepared(engine, version);
    return r;
}

int fd_model_serve_stored(fd_engine *engine, uint64_t version, fd_snapshot *snapshot,
                          uint64_t re_embeddings) {
    struct serve_job job = {
        .version = version, .snapshot = snapshot, .re_embeddings = re_embeddings};
    int r = engine->store->replicas ? announce(engine, version) : 0;
    return r < 0 ? r : serve(engine, &job);
}

int fd_model_serve_followed(fd_engine *engine, uint64_t version, fd_snapshot *snapshot,
                            uint64_t re_embeddings) {
    struct serve_job job = {.version = version,
                            .is_followed = true,
                            .snapshot = snapshot,
                            .re_embeddings = re_embeddings};
    return serve(engine, &job);
}

/* Items that keep coming could hold the switch up for ever: whoever asked for it tries again. */
enum { SWITCH_ATTEMPTS = 10 };

int fd_model_serve_coming(fd_engine *engine, const fd_model_row *row, fd_snapshot *snapshot,
                          fd_coming_vectors *coming) {
    int r = -ENOENT;
    for (int i = 0; i < SWITCH_ATTEMPTS && r == -ENOENT; i++) {
        struct serve_job job = {.new_row = row,
                                .version = row ? row->version : 0,
                                .snapshot = snapshot,
                                .coming = coming};
        r = coming->complete(coming->context);
        if (r == 0)
            r = fd_coming_vectors_read(engine, coming);
        if (r == 0)
            r = serve(engine, &job);
    }
    if (r == 0)
        coming->version = row ? row->version : 0;
    return r == -ENOENT ? -EAGAIN : r;
}
