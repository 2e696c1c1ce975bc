/* Keeps the learning curve and the figures of the arms, and logs when the advice changes. */
#include "progress_record.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "assignment_id.h"
#include "engine_state.h"
#include "log.h"
#include "stop_advice.h"
#include "thread.h"

struct fd_progress_record {
    pthread_mutex_t lock;
    fd_progress progress; /* guarded by lock; without the gains */
};

int fd_progress_record_new(fd_engine *engine) {
    struct fd_progress_record *record = calloc(1, sizeof(*record));
    if (!record)
        return -ENOMEM;
    (void)pthread_mutex_init(&record->lock, NULL);
    engine->progress_record = record;
    return 0;
}

void fd_progress_record_free(fd_engine *engine) {
    if (!engine->progress_record)
        return;
    (void)pthread_mutex_destroy(&engine->progress_record->lock);
    free(engine->progress_record);
}

/* ---- the learning curve ---- */

/* Drops every second point, so that the curve keeps its span. */
static void thin_out(fd_progress *progress) {
    size_t kept = 0;
    for (size_t i = 0; i < progress->n_curve; i += 2)
        progress->curve[kept++] = progress->curve[i];
    progress->n_curve = kept;
}

static bool is_on_curve(const fd_progress *progress, uint64_t version) {
    for (size_t i = 0; i < progress->n_curve; i++)
        if (progress->curve[i].version == version)
            return true;
    return false;
}

static void insert(fd_progress *progress, const fd_curve_point *point) {
    if (is_on_curve(progress, point->version))
        return;
    if (progress->n_curve == FD_CURVE_MAX)
        thin_out(progress);
    size_t at = progress->n_curve;
    while (at > 0 && progress->curve[at - 1].version > point->version)
        at--;
    memmove(&progress->curve[at + 1], &progress->curve[at],
            (progress->n_curve - at) * sizeof(*point));
    progress->curve[at] = *point;
    progress->n_curve++;
}

void fd_progress_record_add(fd_engine *engine, const fd_model_row *row) {
    if (row->state == FD_MODEL_REJECTED)
        return;
    fd_curve_point point = {
        .version = row->version,
        .labels = row->labels,
        .held_out_labels = row->held_out_labels,
        .held_out_loss = row->held_out_loss,
        .held_out_accuracy = row->held_out_accuracy,
        .held_out_accuracy_low = row->held_out_accuracy_low,
        .held_out_accuracy_high = row->held_out_accuracy_high,
    };
    FD_LOCKED(&engine->progress_record->lock);
    insert(&engine->progress_record->progress, &point);
}

/* ---- the advice ---- */

static void report(fd_engine *engine, const fd_progress *before, const fd_progress *now) {
    fd_metrics *metrics = engine->metrics;
    fd_metrics_set(metrics, FD_METRIC_EXPECTED_IMPROVEMENT, NULL, NULL, now->expected_improvement);
    fd_metrics_set(metrics, FD_METRIC_STOP_RECOMMENDED, NULL, NULL, now->stop_recommended);
    fd_metrics_set(metrics, FD_METRIC_ARM_ACCURACY, "active", NULL, now->arms.active.accuracy);
    fd_metrics_set(metrics, FD_METRIC_ARM_ACCURACY, "control", NULL, now->arms.control.accuracy);
    bool warns = now->selection_warning[0] != '\0';
    fd_metrics_set(metrics, FD_METRIC_SELECTION_WARNING, NULL, NULL, warns);
    if (now->stop_recommended && !before->stop_recommended)
        fd_log(FD_LOG_INFO, "stop-recommended", FD_STR("reason", now->stop_reason));
    if (warns && before->selection_warning[0] == '\0')
        fd_log(FD_LOG_WARNING, "selection-hurts", FD_STR("reason", now->selection_warning));
}

static void update(fd_engine *engine, const fd_arm_fits *arms, fd_progress *ret_before,
                   fd_progress *ret_now) {
    fd_progress *progress = &engine->progress_record->progress;
    FD_LOCKED(&engine->progress_record->lock);
    *ret_before = *progress;
    if (arms)
        progress->arms = *arms;
    fd_stop_advice_update(progress, engine->options.stop_below);
    *ret_now = *progress;
}

void fd_progress_record_update(fd_engine *engine, const fd_arm_fits *arms) {
    fd_progress before, now;
    update(engine, arms, &before, &now);
    report(engine, &before, &now);
}

/* ---- the arms ---- */

static int measure_arm(const fd_training_data *data, const float *rewards, uint16_t arm,
                       fd_arm_fit *ret) {
    FD_CLEANUP(fd_training_set_clear) fd_training_set set = {0};
    int r = fd_training_set_fill(data, 0, true, arm, &set);
    if (r < 0)
        return r;
    fi_fit fit = fi_evaluate(rewards, &set.answers);
    *ret = (fd_arm_fit){set.answers.count, fit.accuracy, fit.accuracy_low, fit.accuracy_high};
    return 0;
}

int fd_progress_record_measure(const fd_training_data *data, const fd_snapshot *snapshot,
                               fd_arm_fits *ret) {
    FD_FREE float *rewards = NULL;
    int r = fd_snapshot_rewards(snapshot, &rewards);
    if (r == 0)
        r = measure_arm(data, rewards, FD_ORIGIN_ACTIVE, &ret->active);
    if (r == 0)
        r = measure_arm(data, rewards, FD_ORIGIN_CONTROL, &ret->control);
    return r;
}

/* ---- start, and reading ---- */

int fd_progress_record_start(fd_engine *engine) {
    FD_CLEANUP(fd_training_data_clear) fd_training_data data = {0};
    fd_arm_fits arms = {{0, NAN, NAN, NAN}, {0, NAN, NAN, NAN}};
    int r = fd_training_data_read(engine, &data);
    if (r == 0 && data.snapshot && data.snapshot->served->row.version > 0)
        r = fd_progress_record_measure(&data, data.snapshot, &arms);
    if (r == 0)
        fd_progress_record_update(engine, &arms);
    return r;
}

void fd_progress_record_read(fd_engine *engine, fd_progress *ret) {
    FD_LOCKED(&engine->progress_record->lock);
    *ret = engine->progress_record->progress;
}
