/* What the length of a response alone tells about answers: the least that a model should beat. */
#ifndef FI_LENGTH_BASELINE_H
#define FI_LENGTH_BASELINE_H

#include "learning.h"

/* Sets logits [learning->all.count] by a logistic regression with one coefficient, on the
 * difference of options->lengths, that was fitted to the other folds. NaN where a length is not
 * known. */
void fi_length_baseline(const fi_learning *learning, double *logits);

#endif
