/* Answers cut by their pair, so that a model can be tried on answers to pairs that it never saw. */
#ifndef FI_FOLDS_H
#define FI_FOLDS_H

#include <fisher/train.h>
#include <stdbool.h>

#include "macros.h"

enum { FI_FOLDS = 4 };

/* 0 … FI_FOLDS - 1, whatever the sides of the pair are called. */
uint8_t fi_fold_of(fi_pair pair);

/* Some of the answers; the arrays are its own. */
typedef struct fi_part {
    fi_answers answers;
    fi_pair *pairs;
    float *targets;
} fi_part;

/* Those of a fold, or all others; folds [answers count]. -ENOMEM; cleared in any case. */
int fi_part_init(fi_part *part, const fi_answers *answers, const uint8_t *folds, uint8_t fold,
                 bool inside) FD_MUST_CHECK;
void fi_part_clear(fi_part *part);

#endif
