/* Holds the exam of exam.h. */
#ifndef FI_EXAM_STAGES_H
#define FI_EXAM_STAGES_H

#include <fisher/exam.h>

#include "kind_trials.h"

/* Fits the models of the exam, of the kind that won the trials: linear ones for all folds, networks
 * for the folds that were tried. With fewer answers than FI_EXAM_LEAST there is no exam. Errors as
 * fi_learn. */
int fi_exam_hold(fi_learning *learning, const fi_kind_trials *trials, bool network,
                 fi_exam *ret) FD_MUST_CHECK;

#endif
