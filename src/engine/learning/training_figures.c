/* Turns what libfisher found about unseen answers into the figures of a version. */
#include "training_figures.h"

#include <errno.h>
#include <math.h>
#include <string.h>

_Static_assert((int)FD_EXAM_STAGES == (int)FI_EXAM_STAGES, "the store has room for an exam");

/* How the folds predicted the answers of one arm; logits of others are left out. */
static int fit_arm(const fd_training_set *set, const fi_learned *learned, fi_arm arm, fi_fit *ret,
                   size_t *ret_count) {
    FD_FREE double *logits = calloc(set->answers.count + 1, sizeof(*logits));
    if (!logits)
        return -ENOMEM;
    for (size_t i = 0; i < set->answers.count; i++)
        logits[i] = set->arms[i] == arm ? learned->cross_fitted[i] : NAN;
    *ret = fi_evaluate_logits(set->answers.count, logits, set->answers.targets, ret_count);
    return 0;
}

static int fill_arms(const fd_training_set *set, const fi_learned *learned, fd_model_row *row) {
    fd_unseen_figures *unseen = &row->unseen;
    fi_fit active, control;
    size_t active_labels, control_labels;
    int r = fit_arm(set, learned, FI_ARM_CHOSEN, &active, &active_labels);
    if (r == 0)
        r = fit_arm(set, learned, FI_ARM_RANDOM, &control, &control_labels);
    if (r < 0)
        return r;
    unseen->active_labels = (double)active_labels;
    unseen->active_accuracy = active.accuracy;
    unseen->active_accuracy_low = active.accuracy_low;
    unseen->active_accuracy_high = active.accuracy_high;
    row->control_labels = control_labels;
    row->control_accuracy = control.accuracy;
    unseen->control_accuracy_low = control.accuracy_low;
    unseen->control_accuracy_high = control.accuracy_high;
    return 0;
}

static void fill_exam(const fi_exam *exam, fd_unseen_figures *unseen) {
    if (exam->answers == 0)
        return;
    unseen->exam_answers = (double)exam->answers;
    memcpy(unseen->exam_labels, exam->labels, sizeof(exam->labels));
    memcpy(unseen->exam_losses, exam->losses, sizeof(exam->losses));
    memcpy(unseen->exam_covariance, exam->covariance, sizeof(exam->covariance));
}

int fd_training_figures_fill(const fd_training_set *set, const fi_learned *learned,
                             fd_model_row *row) {
    const fi_answers *answers = &set->answers;
    size_t count;
    fi_fit fit =
        fi_evaluate_logits(answers->count, learned->cross_fitted, answers->targets, &count);
    row->held_out_labels = count;
    row->held_out_loss = fit.loss;
    row->held_out_accuracy = fit.accuracy;
    row->held_out_accuracy_low = fit.accuracy_low;
    row->held_out_accuracy_high = fit.accuracy_high;
    row->held_out_calibration_error = fit.calibration_error;
    fd_unseen_figures_clear(&row->unseen);
    fit = fi_evaluate_logits(answers->count, learned->length_fitted, answers->targets, &count);
    row->unseen.length_labels = (double)count;
    row->unseen.length_loss = fit.loss;
    row->unseen.length_accuracy = fit.accuracy;
    row->unseen.choosing_answers = (double)learned->choosing.answers;
    row->unseen.choosing_loss_difference = learned->choosing.loss_difference;
    row->unseen.choosing_stddev = learned->choosing.stddev;
    fill_exam(&learned->exam, &row->unseen);
    return fill_arms(set, learned, row);
}
