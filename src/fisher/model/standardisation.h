/* What happens to an embedding before the network; shared by the learning half. */
#ifndef FI_STANDARDISATION_H
#define FI_STANDARDISATION_H

#include "network.h"

/* result [count x D]: the standardised embeddings of `rows` [count], or of the first `count` where
 * rows is NULL. */
void fi_standardise(const fi_model *model, size_t count, const uint32_t *rows,
                    const float *embeddings, float *result);

/* fi_model_prepare of those rows: prepared [count x (components or D)]. -ENOMEM. */
int fi_prepare_rows(const fi_model *model, size_t count, const uint32_t *rows,
                    const float *embeddings, float *prepared) FD_MUST_CHECK;

/* Sets the projection of a model with components, whose mean and scale are set, from n > 0 items
 * [n x D]. -ENOMEM, -EIO if the eigenvalue iteration fails. */
int fi_fit_projection(fi_model *model, size_t n, const float *embeddings) FD_MUST_CHECK;

#endif
