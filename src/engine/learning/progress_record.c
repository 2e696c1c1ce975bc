/* Keeps the learning curve, the exam and the figures of the arms, and logs when the advice changes.
 */
#include "progress_record.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine_state.h"
#include "log.h"
#include "stop_advice.h"
#include "thread.h"

struct fd_progress_record {
    pthread_mutex_t lock;
    /* Guarded by lock. */
    uint64_t newest;      /* the version whose exam the advice rests on */
    fd_progress progress; /* without the gains */
};

int fd_progress_record_new(fd_engine *engine) {
    struct fd_progress_record *record = calloc(1, sizeof(*record));
    if (!record)
        return -ENOMEM;
    static const fd_arm_fit unknown = {0, NAN, NAN, NAN};
    (void)pthread_mutex_init(&record->lock, NULL);
    record->progress.arms = (fd_arm_fits){unknown, unknown};
    record->progress.choosing = (fi_choosing){0, NAN, NAN};
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

/* Takes what the newest training found about its answers. */
static void take_findings(struct fd_progress_record *record, const fd_model_row *row) {
    const fd_unseen_figures *unseen = &row->unseen;
    if (row->version <= record->newest)
        return;
    record->newest = row->version;
    fd_progress *progress = &record->progress;
    progress->labels = row->labels;
    progress->exam = (fi_exam){0};
    if (unseen->exam_answers > 0) {
        progress->exam.answers = (size_t)unseen->exam_answers;
        memcpy(progress->exam.labels, unseen->exam_labels, sizeof(unseen->exam_labels));
        memcpy(progress->exam.losses, unseen->exam_losses, sizeof(unseen->exam_losses));
        memcpy(progress->exam.covariance, unseen->exam_covariance, sizeof(unseen->exam_covariance));
    }
    progress->choosing = (fi_choosing){0, NAN, NAN};
    if (unseen->choosing_answers > 0)
        progress->choosing =
            (fi_choosing){(size_t)unseen->choosing_answers, unseen->choosing_loss_difference,
                          unseen->choosing_stddev};
}

void fd_progress_record_add(fd_engine *engine, const fd_model_row *row) {
    FD_LOCKED(&engine->progress_record->lock);
    take_findings(engine->progress_record, row);
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

static uint64_t count_of(double labels) {
    return labels > 0 ? (uint64_t)labels : 0;
}

static fd_arm_fits arms_of(const fd_model_row *row) {
    const fd_unseen_figures *unseen = &row->unseen;
    return (fd_arm_fits){
        .active = {count_of(unseen->active_labels), unseen->active_accuracy,
                   unseen->active_accuracy_low, unseen->active_accuracy_high},
        .control = {row->control_labels, row->control_accuracy, unseen->control_accuracy_low,
                    unseen->control_accuracy_high},
    };
}

static void update(fd_engine *engine, const fd_model_row *served, fd_progress *ret_before,
                   fd_progress *ret_now) {
    fd_progress *progress = &engine->progress_record->progress;
    FD_LOCKED(&engine->progress_record->lock);
    *ret_before = *progress;
    if (served)
        progress->arms = arms_of(served);
    fd_stop_advice_update(progress, engine->options.stop_below);
    *ret_now = *progress;
}

void fd_progress_record_update(fd_engine *engine, const fd_model_row *served) {
    fd_progress before, now;
    update(engine, served, &before, &now);
    report(engine, &before, &now);
}

/* ---- reading ---- */

void fd_progress_record_read(fd_engine *engine, fd_progress *ret) {
    FD_LOCKED(&engine->progress_record->lock);
    *ret = engine->progress_record->progress;
}
