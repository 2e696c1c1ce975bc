/* Folds of answers by their pair, so that a model can be tried on answers to pairs that it never
 * saw. */
#ifndef FI_FOLDS_H
#define FI_FOLDS_H

#include <fisher/train.h>
#include <stdbool.h>

#include "macros.h"

enum { FI_FOLDS = 4 };

/* The fold of a pair, 0 … FI_FOLDS - 1. It does not depend on which item is a. */
uint8_t fi_fold_of(fi_pair pair);

/* Some of the answers, copied. */
typedef struct fi_part {
    fi_answers answers;
    fi_pair *pairs;
    float *targets;
} fi_part;

/* Copies the answers of a fold if `inside`, else all others, given folds [answers->count]. -ENOMEM;
 * clear it in any case. */
int fi_part_init(fi_part *part, const fi_answers *answers, const uint8_t *folds, uint8_t fold,
                 bool inside) FD_MUST_CHECK;
void fi_part_clear(fi_part *part);

#endif
