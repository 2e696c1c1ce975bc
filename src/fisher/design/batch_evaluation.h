/* What a batch is worth: gains, certificate and statistics, for lists and pools alike. */
#ifndef FI_BATCH_EVALUATION_H
#define FI_BATCH_EVALUATION_H

#include "certificate.h"
#include "distinct_items.h"
#include "factor.h"

/* A batch to evaluate. */
typedef struct fi_batch_evaluation {
    const fi_distinct_items *distinct;
    const fi_factor *before; /* of M */
    const fi_selection_options *options;
    fi_oracle oracle;
    size_t count;
    const fi_pair *pairs;  /* [count] the batch, of distinct items */
    const fi_pair *random; /* [count] a random batch; NULL without `figures` */
} fi_batch_evaluation;

/* Fills the selection, except pairs, entropy_ranks and candidates. The caller clears it, also after
 * an error: -ECANCELED, -ENOMEM. */
int fi_batch_evaluate(const fi_batch_evaluation *batch, fi_selection *selection) FD_MUST_CHECK;

#endif
