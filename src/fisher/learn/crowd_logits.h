/* What the fit says of an annotator's answers without having seen them. */
#ifndef FI_CROWD_LOGITS_H
#define FI_CROWD_LOGITS_H

#include <fisher/last_layer.h>

#include "macros.h"

/* A fit without averaging, and the answers that it was fitted to. */
typedef struct fi_crowd {
    size_t n_features;
    const float *features;
    const fi_answers *answers; /* with reliabilities */
    const fi_last_layer *layer;
    double *upper; /* [h x h] the factor of the layer's covariance: U U', row-major */
    double *rows;  /* room for [most x h], like the next two */
    double *scaled;
    double *square; /* room for [h x h] */
    double *whole;  /* [h] */
} fi_crowd;

/* `most`: answers of one annotator. -EDOM if the covariance is not positive definite, -ENOMEM;
 * clear it in any case. */
int fi_crowd_init(fi_crowd *crowd, size_t n_features, const float *features,
                  const fi_answers *answers, const fi_last_layer *layer, size_t most) FD_MUST_CHECK;
void fi_crowd_clear(fi_crowd *crowd);

/*
 * logits [count]: u of the answers with these indices [count], by the fit that these are left out
 * of. One step of Newton's method leads there:
 *
 *     beta - (H - 1/D sum x^2 v d d')^-1 1/D sum x (t - p) d    over the answers
 *
 * The side keeps its coefficient. Returns rho of reliability.h.
 */
double fi_crowd_logits(fi_crowd *crowd, size_t count, const size_t *indices, double *logits);

#endif
