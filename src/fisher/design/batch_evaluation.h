/* What a batch is worth: gains, certificate and figures, alike for lists and pools. */
#ifndef FI_APPRAISE_H
#define FI_APPRAISE_H

#include "certificate.h"

typedef struct fi_appraisal {
    const fi_distinct *distinct;
    const fi_factor *before; /* of M */
    const fi_selection_options *options;
    fi_oracle oracle;
    size_t count;
    const fi_pair *pairs;  /* [count] the batch, of distinct items */
    const fi_pair *random; /* [count] pairs drawn at random; NULL without figures */
} fi_appraisal;

/* Fills all of the selection but pairs, entropy_ranks and candidates; the caller clears it, also
 * after a failure. */
int fi_appraise(const fi_appraisal *given, fi_selection *selection) FD_MUST_CHECK;

#endif
