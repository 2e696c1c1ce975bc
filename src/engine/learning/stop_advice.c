/* Extrapolates the learning curve, and words the advice that follows from it. */
#include "stop_advice.h"

#include <math.h>
#include <stdio.h>

#include <fisher/learning_curve.h>

/* With fewer held-out labels their loss is too noisy to base the advice on it. */
enum { HELD_OUT_LEAST = 100 };

static void extrapolate(fd_progress *progress) {
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

/* The last version with at most half the labels of the newest one, or the first version. */
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

/* Strategies choose hard pairs. If the model does worse on random pairs than on those, the chosen
 * pairs do not represent what people compare. */
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

void fd_stop_advice_update(fd_progress *progress, double below) {
    extrapolate(progress);
    progress->stop_recommended = may_stop(progress, below, progress->stop_reason);
    compare_arms(&progress->arms, progress->selection_warning);
}
