/* Extrapolates the exam, and words the advice that follows from it. */
#include "stop_advice.h"

#include <math.h>
#include <stdio.h>

/* With fewer answers in the exam their loss is too noisy to base the advice on it, and with fewer
 * random ones so is what choosing taught. */
enum { EXAM_LEAST = 100, CHOOSING_LEAST = 30 };

static void extrapolate(fd_progress *progress) {
    fi_curve curve;
    if (fi_exam_fit(&progress->exam, (double)progress->labels, &curve) < 0)
        curve = (fi_curve){.loss_double = NAN, .fall = NAN, .fall_high = NAN};
    progress->expected_loss_at_double = curve.loss_double;
    progress->expected_improvement = curve.fall;
    progress->expected_improvement_high = curve.fall_high;
}

static bool may_stop(const fd_progress *progress, double below, char reason[FD_REASON_SIZE]) {
    if (progress->labels == 0) {
        (void)snprintf(reason, FD_REASON_SIZE, "no model was trained yet");
        return false;
    }
    if (progress->exam.answers < EXAM_LEAST) {
        (void)snprintf(reason, FD_REASON_SIZE, "too few answers in the exam: %zu of %d",
                       progress->exam.answers, EXAM_LEAST);
        return false;
    }
    if (isnan(progress->expected_improvement)) {
        (void)snprintf(reason, FD_REASON_SIZE, "the answers are about too few prompts to tell");
        return false;
    }
    (void)snprintf(reason, FD_REASON_SIZE,
                   "doubling the labels is expected to lower the loss by %.3f, at most by %.3f",
                   progress->expected_improvement, progress->expected_improvement_high);
    return progress->expected_improvement_high < below;
}

/* Harm is claimed only beyond two standard errors. */
static void warn_of_choosing(const fi_choosing *choosing, char warning[FD_REASON_SIZE]) {
    warning[0] = '\0';
    if (choosing->answers >= CHOOSING_LEAST && choosing->loss_difference < -2.0 * choosing->stddev)
        (void)snprintf(warning, FD_REASON_SIZE,
                       "chosen answers teach less about pairs drawn at random than as many random "
                       "ones: the loss without them is lower by %.4f (standard error %.4f)",
                       -choosing->loss_difference, choosing->stddev);
}

void fd_stop_advice_update(fd_progress *progress, double below) {
    extrapolate(progress);
    progress->stop_recommended = may_stop(progress, below, progress->stop_reason);
    warn_of_choosing(&progress->choosing, progress->selection_warning);
}
