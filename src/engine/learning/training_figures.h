/* What a training tells of answers that its models had not seen. */
#ifndef FD_TRAINING_FIGURES_H
#define FD_TRAINING_FIGURES_H

#include "macros.h"
#include "store_rows.h"
#include "training_data.h"

/* Fills the figures of the row that rest on unseen answers. -ENOMEM. */
int fd_training_figures_fill(const fd_training_set *set, const fi_learned *learned,
                             fd_model_row *row) FD_MUST_CHECK;

#endif
