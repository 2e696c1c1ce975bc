/*
 * The versions of the model: what was trained is stored and served or rejected, what is stored can
 * be gone back to, and old versions make room.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine_private.h"
#include "learning_progress.h"
#include "log.h"
#include "model_versions.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

#define NEWEST ((uint64_t)INT64_MAX) /* stores count versions in signed 64 bits */

/* ---- snapshots ---- */

/*
 * Rows of the history that a stored version has learned from. A network is refitted to those after
 * them alone; where they are not known, to none. A linear model is refitted to all, whatever it has
 * learned from.
 */
static size_t learned_by(const fi_model *model, const fd_model_row *row, size_t all) {
    if (fi_model_shape(model)->hidden_layers == 0)
        return 0;
    return row->answers >= 0 && (uint64_t)row->answers < all ? (size_t)row->answers : all;
}

/* Of a model that has learned from so many rows of the history; it becomes the snapshot's. */
static int empty_snapshot(fi_model **model, const fd_model_row *row, size_t learned,
                          fd_snapshot **ret) {
    FD_CLEANUP(fd_served_model_freep) fd_served_model *served = NULL;
    int r = fd_served_model_new(*model, row, &served);
    if (r < 0)
        return r;
    *model = NULL;
    served->answers = learned;
    return fd_snapshot_new(served, ret);
}

static int lesson_snapshot(const fd_training_data *lesson, fi_model **model,
                           const fd_model_row *row, size_t learned, fd_snapshot **ret) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *empty = NULL;
    int r = empty_snapshot(model, row, learned, &empty);
    if (r < 0)
        return r;
    return fd_snapshot_extend(empty, lesson->embeddings, lesson->n_items, lesson->answers,
                              lesson->n_answers, ret);
}

/* ---- the job of serving another model ---- */

struct serve_job {
    fd_job job;
    const fd_model_row *fresh; /* to be stored first, with its bytes; NULL: it is there */
    uint64_t version;
    fd_snapshot *snapshot; /* NULL: rejected, not to be served */
    size_t pruned;
};

static int store_serving(fd_engine *engine, fd_job *job) {
    struct serve_job *serve = (struct serve_job *)job;
    const fd_store_operations *store = engine->store->operations;
    int r = 0;
    if (serve->fresh) {
        r = store->model_add(engine->store, serve->fresh);
        if (r == -EEXIST)
            return -EIO; /* versions are ours: a clash is no refusal */
    }
    if (r == 0 && serve->snapshot)
        r = store->model_activate(engine->store, serve->version);
    if (r == 0 && serve->snapshot)
        engine->pending.base = serve->snapshot;
    const fd_snapshot *serving = serve->snapshot ? serve->snapshot : engine->snapshot;
    if (r == 0 && serve->fresh)
        r = store->models_prune(engine->store, engine->options.models_kept,
                                serving->served->row.version, &serve->pruned);
    return r;
}

static void apply_serving(fd_engine *engine, fd_job *job) {
    struct serve_job *serve = (struct serve_job *)job;
    if (serve->fresh) {
        engine->last_model_version = serve->version;
        engine->models_stored += 1 - serve->pruned;
    } else {
        fd_metrics_add(engine->metrics, FD_METRIC_MODEL_ACTIVATIONS, NULL, NULL, 1);
    }
}

/* ---- what was trained ---- */

/* With fewer, what sets two models apart is noise. */
enum { DECIDED_LEAST = 10, REASON_SIZE = 160 };

/* Whether the model before got more of the same answers right than the interval of this one
 * allows. One that was never trained has nothing to lose. */
static bool is_worse(const fd_model_row *row, const fi_fit *fit, const fd_model_row *before,
                     const fi_fit *fit_before, char reason[REASON_SIZE]) {
    if (before->version == 0 || fit->decided < DECIDED_LEAST ||
        fit_before->accuracy <= row->held_out_accuracy_high)
        return false;
    (void)snprintf(reason, REASON_SIZE,
                   "held-out accuracy %.3f (%.3f to %.3f) is below the %.3f of version %llu on the "
                   "same %zu answers",
                   fit->accuracy, fit->accuracy_low, fit->accuracy_high, fit_before->accuracy,
                   (unsigned long long)before->version, fit->decided);
    return true;
}

/* Fills the figures on held-out answers and the verdict. */
static void judge(const fd_training_data *lesson, const fd_evaluation_sets *trial,
                  const fd_snapshot *snapshot, const fd_arm_fits *arms, fd_model_row *row,
                  char reason[REASON_SIZE]) {
    fi_fit fit = fi_evaluate(snapshot->rewards->data, trial->held_out);
    row->train_loss = fi_evaluate(snapshot->rewards->data, trial->learned).loss;
    fi_fit before = fi_evaluate(lesson->snapshot->rewards->data, trial->held_out);
    row->held_out_labels = trial->held_out->count;
    row->held_out_loss = fit.loss;
    row->held_out_accuracy = fit.accuracy;
    row->held_out_accuracy_low = fit.accuracy_low;
    row->held_out_accuracy_high = fit.accuracy_high;
    row->held_out_calibration_error = fit.calibration_error;
    row->control_labels = arms->control.labels;
    row->control_accuracy = arms->control.accuracy;
    if (is_worse(row, &fit, &lesson->snapshot->served->row, &before, reason)) {
        row->state = FD_MODEL_REJECTED;
        row->reason = reason;
    }
}

int fd_model_versions_publish(fd_engine *engine, const fd_training_data *lesson,
                              const fd_evaluation_sets *trial, fi_model **model,
                              fd_model_row *row) {
    FD_FREE uint8_t *bytes = NULL;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    char reason[REASON_SIZE];
    size_t size;
    fd_arm_fits arms = {0};
    int r = fi_model_encode(*model, &bytes, &size);
    if (r == 0)
        r = lesson_snapshot(lesson, model, row, lesson->n_answers, &snapshot);
    if (r == 0)
        r = fd_progress_measure(lesson, snapshot, &arms);
    if (r < 0)
        return r;

    assert(snapshot);
    row->answers = (int64_t)lesson->n_answers;
    row->logdet = fi_factor_logdet(snapshot->design);
    judge(lesson, trial, snapshot, &arms, row, reason);
    snapshot->served->row = *row;
    fd_model_row stored = *row;
    stored.bytes = bytes;
    stored.size = size;
    row->reason = NULL; /* the text is ours */
    bool rejected = row->state == FD_MODEL_REJECTED;
    struct serve_job serve = {
        .job = {.store = store_serving, .apply = apply_serving},
        .fresh = &stored,
        .version = row->version,
        .snapshot = rejected ? NULL : snapshot,
    };
    r = fd_writer_run(engine, &serve.job);
    if (r == 0) {
        fd_progress_add(engine, row);
        fd_progress_judge(engine, rejected ? NULL : &arms);
    }
    if (r == 0 && rejected) {
        fd_metrics_add(engine->metrics, FD_METRIC_MODELS_REJECTED, NULL, NULL, 1);
        fd_log(FD_LOG_WARNING, "model-rejected", FD_INT("model_version", row->version),
               FD_STR("reason", reason));
    }
    return r;
}

/* ---- what is stored ---- */

/* What serves is told by the snapshot: a mark in the store may be of a model that was damaged. */
struct listing {
    uint64_t serving;
    fd_model_visit *visit;
    void *context;
};

static int visit_listed(void *context, const fd_model_row *row) {
    const struct listing *listing = context;
    fd_model_row told = *row;
    if (row->version == listing->serving)
        told.state = FD_MODEL_ACTIVE;
    else if (row->state == FD_MODEL_ACTIVE)
        told.state = FD_MODEL_STORED;
    return listing->visit(listing->context, &told);
}

int fd_engine_models_read(fd_engine *engine, uint64_t highest, size_t limit, fd_model_visit *visit,
                          void *context) {
    struct listing listing = {.visit = visit, .context = context};
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    if (engine->snapshot)
        listing.serving = engine->snapshot->served->row.version;
    (void)pthread_rwlock_unlock(&engine->state_lock);
    return engine->store->operations->models_read(engine->store, highest, limit, false,
                                                  visit_listed, &listing);
}

/* One version, decoded. */
struct stored {
    uint64_t version;
    fd_model_row row; /* without bytes and reason */
    fi_model *model;
    int damage; /* -errno of bytes that are no model */
};

static int decode_stored(void *context, const fd_model_row *row) {
    struct stored *stored = context;
    if (row->version != stored->version)
        return 0;
    stored->row = *row;
    stored->row.bytes = NULL;
    stored->row.size = 0;
    stored->row.reason = NULL;
    int r = fi_model_decode(row->bytes, row->size, &stored->model);
    if (r != -ENOMEM)
        stored->damage = r;
    return r == -ENOMEM ? r : 0;
}

static int read_stored(fd_engine *engine, uint64_t version, fd_model_row *ret_row,
                       fi_model **ret_model, fd_fault *fault) {
    struct stored stored = {.version = version};
    int r = engine->store->operations->models_read(engine->store, version, 1, true, decode_stored,
                                                   &stored);
    if (r < 0)
        return r;
    if (stored.damage < 0)
        return fd_fault_set(fault, -EEXIST, "", "the bytes of version %llu are damaged",
                            (unsigned long long)version);
    if (!stored.model)
        return fd_fault_set(fault, -ENOENT, "", "there is no model of this version");
    *ret_row = stored.row;
    *ret_model = stored.model;
    return 0;
}

int fd_engine_model_activate(fd_engine *engine, uint64_t version, fd_fault *fault) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    FD_CLEANUP(fd_training_data_clear) fd_training_data lesson = {0};
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    fd_model_row row = {0};
    fd_arm_fits arms = {0};
    int r = read_stored(engine, version, &row, &model, fault);
    if (r == 0)
        r = fd_training_data_read(engine, &lesson);
    if (r < 0)
        return r;
    if (!lesson.snapshot)
        return fd_fault_set(fault, -EAGAIN, "", "there are no items and answers yet");
    if (fi_model_shape(model)->inputs != lesson.embeddings->width)
        return fd_fault_set(fault, -EEXIST, "",
                            "version %llu takes embeddings of %u numbers; those of the items have "
                            "%zu",
                            (unsigned long long)version, fi_model_shape(model)->inputs,
                            lesson.embeddings->width);
    size_t learned = learned_by(model, &row, lesson.n_answers);
    r = lesson_snapshot(&lesson, &model, &row, learned, &snapshot);
    if (r == 0)
        r = fd_progress_measure(&lesson, snapshot, &arms);
    if (r < 0)
        return r;
    struct serve_job serve = {
        .job = {.store = store_serving, .apply = apply_serving},
        .version = version,
        .snapshot = snapshot,
    };
    r = fd_writer_run(engine, &serve.job);
    if (r == 0) {
        row.state = FD_MODEL_ACTIVE; /* it may have been rejected so far */
        fd_progress_add(engine, &row);
        fd_progress_judge(engine, &arms);
        fd_log(FD_LOG_INFO, "model-activated", FD_INT("model_version", version));
    }
    if (r == -ENOENT) /* pruned meanwhile */
        return fd_fault_set(fault, r, "", "there is no model of this version any more");
    return r;
}

int fd_engine_model_copy(fd_engine *engine, uint64_t version, fd_model_row *ret_row,
                         fi_model **ret_model, fd_fault *fault) {
    if (version > 0)
        return read_stored(engine, version, ret_row, ret_model, fault);
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    int r = fd_engine_snapshot(engine, &snapshot, fault);
    if (r < 0)
        return r;
    *ret_row = snapshot->served->row;
    return fi_model_copy(snapshot->served->model, ret_model);
}

/* ---- replay ---- */

struct replay {
    fd_engine *engine;
    uint64_t active; /* as the store has it; 0: none */
    int64_t newest_answers;
    fd_snapshot *snapshot;
};

static int note_version(void *context, const fd_model_row *row) {
    struct replay *replay = context;
    fd_progress_add(replay->engine, row);
    if (replay->engine->models_stored++ == 0) {
        replay->engine->last_model_version = row->version;
        replay->newest_answers = row->answers;
    }
    if (row->state == FD_MODEL_ACTIVE)
        replay->active = row->version;
    return 0;
}

/* Ends the reading with 1 once a model can serve. A damaged one is no reason not to serve: the one
 * before it does. */
static int try_version(void *context, const fd_model_row *row) {
    struct replay *replay = context;
    const fd_growing_matrix *embeddings = replay->engine->embeddings;
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    if (row->state == FD_MODEL_REJECTED)
        return 0;
    int r = fi_model_decode(row->bytes, row->size, &model);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || !embeddings || fi_model_shape(model)->inputs != embeddings->width) {
        fd_log(FD_LOG_ERROR, "model-damaged", FD_INT("model_version", row->version));
        return 0;
    }
    size_t learned = learned_by(model, row, replay->engine->answers.count);
    r = empty_snapshot(&model, row, learned, &replay->snapshot);
    return r < 0 ? r : 1;
}

int fd_model_versions_replay(fd_engine *engine, fd_snapshot **ret, size_t *ret_trained) {
    const fd_store_operations *store = engine->store->operations;
    struct replay replay = {.engine = engine, .newest_answers = 0};
    int r = store->models_read(engine->store, NEWEST, SIZE_MAX, false, note_version, &replay);
    if (r == 0 && replay.active > 0)
        r = store->models_read(engine->store, replay.active, 1, true, try_version, &replay);
    if (r == 0)
        r = store->models_read(engine->store, NEWEST, SIZE_MAX, true, try_version, &replay);
    if (r < 0)
        return r;
    *ret = replay.snapshot;
    bool known =
        replay.newest_answers > 0 && (uint64_t)replay.newest_answers <= engine->answers.count;
    *ret_trained = known ? (size_t)replay.newest_answers : 0;
    return 0;
}
