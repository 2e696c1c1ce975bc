/*
 * What labelling has brought and what more of it would: the gain of the batches chosen lately, the
 * learning curve of the versions, how the arms fare, and whether to stop.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <fisher/learning_curve.h>

#include "assignment_private.h"
#include "label_statistics.h"
#include "learning_progress.h"
#include "log.h"

/* With fewer, the loss on them says too little to stop by. */
enum { HELD_OUT_LEAST = 100 };

/* ---- the gain of batches ---- */

static void find_gain(const fd_assignments *desk, double *ret_gain, double *ret_trend) {
    double labels[FD_BATCHES_MAX], gains[FD_BATCHES_MAX];
    size_t total = desk->n_batches, n = total < FD_BATCHES_MAX ? total : FD_BATCHES_MAX;
    for (size_t i = 0; i < n; i++) {
        labels[i] = (double)desk->batches[i].labels;
        gains[i] = desk->batches[i].gain_per_label;
    }
    *ret_gain = total > 0 ? gains[(total - 1) % FD_BATCHES_MAX] : NAN;
    *ret_trend = fi_power_slope(n, labels, gains);
}

void fd_progress_note_gain(fd_engine *engine) {
    double gain, trend;
    find_gain(engine->desk, &gain, &trend);
    fd_metrics_set(engine->metrics, FD_METRIC_GAIN_PER_LABEL, NULL, NULL, gain);
    fd_metrics_set(engine->metrics, FD_METRIC_GAIN_TREND, NULL, NULL, trend);
}

/* ---- the learning curve ---- */

/* Every second point makes room, so that the curve keeps its span. */
static void thin_out(fd_progress *progress) {
    size_t kept = 0;
    for (size_t i = 0; i < progress->n_curve; i += 2)
        progress->curve[kept++] = progress->curve[i];
    progress->n_curve = kept;
}

static bool is_known(const fd_progress *progress, uint64_t version) {
    for (size_t i = 0; i < progress->n_curve; i++)
        if (progress->curve[i].version == version)
            return true;
    return false;
}

static void insert(fd_progress *progress, const fd_curve_point *point) {
    if (is_known(progress, point->version))
        return;
    if (progress->n_curve == FD_CURVE_MAX)
        thin_out(progress);
    size_t place = progress->n_curve;
    while (place > 0 && progress->curve[place - 1].version > point->version)
        place--;
    memmove(&progress->curve[place + 1], &progress->curve[place],
            (progress->n_curve - place) * sizeof(*point));
    progress->curve[place] = *point;
    progress->n_curve++;
}

void fd_progress_add(fd_engine *engine, const fd_model_row *row) {
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
    (void)pthread_mutex_lock(&engine->progress_lock);
    insert(&engine->progress, &point);
    (void)pthread_mutex_unlock(&engine->progress_lock);
}

static void foretell(fd_progress *progress) {
    fi_curve_point points[FD_CURVE_MAX];
    fi_curve curve;
    size_t n = progress->n_curve;
    for (size_t i = 0; i < n; i++) {
        const fd_curve_point *from = &progress->curve[i];
        points[i] = (fi_curve_point){(double)from->labels, from->held_out_loss,
                                     (double)from->held_out_labels};
    }
    if (n == 0 || fi_curve_fit(n, points, (double)progress->curve[n - 1].labels, &curve) < 0)
        curve = (fi_curve){.loss_double = NAN, .fall = NAN, .fall_high = NAN};
    progress->expected_loss_at_double = curve.loss_double;
    progress->expected_improvement = curve.fall;
    progress->expected_improvement_high = curve.fall_high;
}

/* ---- the recommendation ---- */

/* The last version of at most half the labels of the newest, or the first one known. */
static const fd_curve_point *find_half(const fd_progress *progress) {
    const fd_curve_point *newest = &progress->curve[progress->n_curve - 1];
    const fd_curve_point *half = progress->curve;
    for (const fd_curve_point *point = half; point < newest; point++)
        if (point->labels <= newest->labels / 2)
            half = point;
    return half;
}

static bool may_stop(const fd_progress *progress, double below, char reason[FD_REASON_SIZE]) {
    if (progress->n_curve == 0) {
        (void)snprintf(reason, FD_REASON_SIZE, "no model was trained yet");
        return false;
    }
    const fd_curve_point *newest = &progress->curve[progress->n_curve - 1];
    const fd_curve_point *half = find_half(progress);
    if (newest->held_out_labels < HELD_OUT_LEAST) {
        (void)snprintf(reason, FD_REASON_SIZE, "too few held-out answers: %llu of %d",
                       (unsigned long long)newest->held_out_labels, HELD_OUT_LEAST);
        return false;
    }
    if (isnan(progress->expected_improvement)) {
        (void)snprintf(reason, FD_REASON_SIZE, "too few versions of the model to extrapolate from");
        return false;
    }
    if (half->held_out_accuracy < newest->held_out_accuracy_low) {
        (void)snprintf(reason, FD_REASON_SIZE,
                       "held-out accuracy still rises: from %.3f with %llu labels to %.3f (%.3f to "
                       "%.3f) with %llu",
                       half->held_out_accuracy, (unsigned long long)half->labels,
                       newest->held_out_accuracy, newest->held_out_accuracy_low,
                       newest->held_out_accuracy_high, (unsigned long long)newest->labels);
        return false;
    }
    (void)snprintf(reason, FD_REASON_SIZE,
                   "doubling the labels is expected to lower the held-out loss by %.3f, at most by "
                   "%.3f",
                   progress->expected_improvement, progress->expected_improvement_high);
    return progress->expected_improvement_high < below;
}

/* Chosen questions are the hard ones: where random ones are harder, what is chosen is not what
 * people typically see. */
static void compare_arms(const fd_arm_fits *arms, char warning[FD_REASON_SIZE]) {
    warning[0] = '\0';
    if (arms->control.accuracy_high < arms->active.accuracy_low)
        (void)snprintf(warning, FD_REASON_SIZE,
                       "held-out accuracy on pairs drawn at random is %.3f (%.3f to %.3f), below "
                       "the %.3f (%.3f to %.3f) on chosen ones",
                       arms->control.accuracy, arms->control.accuracy_low,
                       arms->control.accuracy_high, arms->active.accuracy,
                       arms->active.accuracy_low, arms->active.accuracy_high);
}

static void tell(fd_engine *engine, const fd_progress *before, const fd_progress *now) {
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

void fd_progress_judge(fd_engine *engine, const fd_arm_fits *arms) {
    fd_progress *progress = &engine->progress;
    (void)pthread_mutex_lock(&engine->progress_lock);
    fd_progress before = *progress;
    if (arms)
        progress->arms = *arms;
    foretell(progress);
    progress->stop_recommended =
        may_stop(progress, engine->options.stop_below, progress->stop_reason);
    compare_arms(&progress->arms, progress->selection_warning);
    fd_progress now = *progress;
    (void)pthread_mutex_unlock(&engine->progress_lock);
    tell(engine, &before, &now);
}

/* ---- the arms ---- */

static int measure_arm(const fd_training_data *lesson, const fd_snapshot *snapshot, uint16_t origin,
                       fd_arm_fit *ret) {
    FD_CLEANUP(fd_training_set_clear) fd_training_set set = {0};
    int r = fd_training_set_fill(lesson, 0, true, origin, &set);
    if (r < 0)
        return r;
    fi_fit fit = fi_evaluate(snapshot->rewards->data, &set.answers);
    *ret = (fd_arm_fit){set.answers.count, fit.accuracy, fit.accuracy_low, fit.accuracy_high};
    return 0;
}

int fd_progress_measure(const fd_training_data *lesson, const fd_snapshot *snapshot,
                        fd_arm_fits *ret) {
    int r = measure_arm(lesson, snapshot, FD_ORIGIN_ACTIVE, &ret->active);
    if (r == 0)
        r = measure_arm(lesson, snapshot, FD_ORIGIN_CONTROL, &ret->control);
    return r;
}

/* ---- start, and reading ---- */

int fd_progress_start(fd_engine *engine) {
    FD_CLEANUP(fd_training_data_clear) fd_training_data lesson = {0};
    fd_arm_fits arms = {{0, NAN, NAN, NAN}, {0, NAN, NAN, NAN}};
    int r = fd_training_data_read(engine, &lesson);
    if (r == 0 && lesson.snapshot && lesson.snapshot->served->row.version > 0)
        r = fd_progress_measure(&lesson, lesson.snapshot, &arms);
    if (r == 0)
        fd_progress_judge(engine, &arms);
    return r;
}

void fd_engine_progress(fd_engine *engine, fd_progress *ret) {
    (void)pthread_mutex_lock(&engine->progress_lock);
    *ret = engine->progress;
    (void)pthread_mutex_unlock(&engine->progress_lock);
    (void)pthread_mutex_lock(&engine->desk->lock);
    find_gain(engine->desk, &ret->gain_per_label, &ret->gain_trend);
    (void)pthread_mutex_unlock(&engine->desk->lock);
}
