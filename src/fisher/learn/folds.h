/* Folds of answers, so that a model can be tried on answers to questions that it never saw. */
#ifndef FI_FOLDS_H
#define FI_FOLDS_H

#include <fisher/train.h>
#include <stdbool.h>

#include "macros.h"

enum { FI_FOLDS = 5 };

/* Sets folds [answers->count], each 0 … FI_FOLDS - 1. All answers of a cluster are in one fold;
 * with few clusters, or none, all answers to a pair are. Which item is a does not matter. -ENOMEM.
 */
int fi_folds_assign(const fi_answers *answers, uint8_t *folds) FD_MUST_CHECK;

/* Sets keys [answers->count]: the same number for answers that must share a fold. -ENOMEM. */
int fi_folds_keys(const fi_answers *answers, uint64_t *keys) FD_MUST_CHECK;

/* Some of the answers, copied. */
typedef struct fi_part {
    fi_answers answers;
    size_t *indices; /* [answers.count] in the whole */
    fi_pair *pairs;
    float *targets;
    float *sides;
    float *reliabilities;
    uint32_t *clusters;
    uint32_t *annotators; /* NULL in a part: its reliabilities say it */
} fi_part;

/* Copies the answers of a fold if `inside`, else all others, given folds [answers->count]. -ENOMEM;
 * clear it in any case. */
int fi_part_init(fi_part *part, const fi_answers *answers, const uint8_t *folds, uint8_t fold,
                 bool inside) FD_MUST_CHECK;
void fi_part_clear(fi_part *part);

#endif
