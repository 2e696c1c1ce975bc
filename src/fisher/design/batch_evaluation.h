/* What a batch is worth: gains, certificate and figures, alike for lists and pools. */
#ifndef FI_BATCH_EVALUATION_H
#define FI_BATCH_EVALUATION_H

#include "certificate.h"

typedef struct fi_batch_evaluation {
    const fi_distinct_items *distinct;
    const fi_factor *before; /* of M */
    const fi_selection_options *options;
    fi_oracle oracle;
    size_t count;
    const fi_pair *pairs;  /* [count] the batch, of distinct items */
    const fi_pair *random; /* [count] pairs drawn at random; NULL without figures */
} fi_batch_evaluation;

/* Fills all of the selection but pairs, entropy_ranks and candidates; the caller clears it, also
 * after a failure. */
int fi_batch_evaluate(const fi_batch_evaluation *given, fi_selection *selection) FD_MUST_CHECK;

#endif
