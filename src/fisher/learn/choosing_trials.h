/* What the choice of pairs taught, by models that learned with and without it. */
#ifndef FI_CHOOSING_TRIALS_H
#define FI_CHOOSING_TRIALS_H

#include "kinds.h"

/* Compares them as fi_choosing of learn.h says. Errors as fi_learn. */
int fi_choosing_try(fi_learning *learning, fi_choosing *ret) FD_MUST_CHECK;

#endif
