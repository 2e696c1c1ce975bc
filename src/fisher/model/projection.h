/* The projection of a model on principal components. */
#ifndef FI_PROJECTION_H
#define FI_PROJECTION_H

#include "model_layout.h"

/* Sets the projection of a model with components from n > 0 items [n x D]. Mean and scale are set
 * already. -ENOMEM, -EIO if the eigenvalue iteration fails. */
int fi_fit_projection(fi_model *model, size_t n, const float *embeddings) FD_MUST_CHECK;

#endif
