/* How the evidence moves the precisions of the blocks: last_layer.h has the fixed point. */
#ifndef FI_EVIDENCE_STEP_H
#define FI_EVIDENCE_STEP_H

#include <fisher/last_layer.h>

/* A posterior of p coefficients under the precisions. */
typedef struct fi_evidence_point {
    const fi_block *blocks; /* [n_blocks] */
    size_t n_blocks;
    size_t p;
    const double *precisions;  /* [n_blocks] lambda */
    const double *beta;        /* [p] */
    const double *covariance;  /* [p x p] H^-1, both triangles */
    const double *information; /* [p x p] I of the answers, both triangles */
} fi_evidence_point;

/* Sets the change of each precision's logarithm, [n_blocks]. Returns the largest change that the
 * equation of the fixed point itself asks for: how far the precisions are from settling. */
double fi_evidence_step(const fi_evidence_point *at, double *changes);

#endif
