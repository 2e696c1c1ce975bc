/*
 * The exam: how the loss of the same answers falls as models learn from more of the others.
 *
 * Versions that were trained one after another cannot tell this well: each is tested on the answers
 * of its own time, so the differences between their losses are mostly differences between answers.
 * In the exam, models learn from the first 1/8, 1/4, 1/2 and all of the answers of the other folds
 * (learn.h), in the order in which they came, and all four predict the same answers. So
 * their losses are compared answer by answer, and most of the noise cancels.
 */
#ifndef FISHER_EXAM_H
#define FISHER_EXAM_H

#include <fisher/learning_curve.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FI_EXAM_STAGES = 4,
    FI_EXAM_LEAST = 64, /* answers; with fewer there is no exam */
};

typedef struct fi_exam {
    size_t answers;                /* that each stage predicted; 0: there was no exam */
    double labels[FI_EXAM_STAGES]; /* answers that a model learned from, mean over the folds */
    double losses[FI_EXAM_STAGES]; /* nats per answer */
    /* Of the mean differences losses[k] - losses[FI_EXAM_STAGES - 1], as answers of one cluster
     * vary together. */
    double covariance[FI_EXAM_STAGES - 1][FI_EXAM_STAGES - 1];
} fi_exam;

/*
 * Fits a power law loss(n) = floor + scale n^-exponent (learning_curve.h) to the differences of an
 * exam by generalised least squares, with an exponent from 0.1 to 1, and predicts the fall from a
 * number of labels to twice as many. `fall_high` is the largest fall of the curves whose chi^2 is
 * at most 2.71 above the least: the upper end of a 90 % interval of what the models fitted so far
 * leave open. -ENODATA without an exam, -EDOM if its numbers are not finite.
 */
int fi_exam_fit(const fi_exam *exam, double labels, fi_curve *ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
