/* What happens to embeddings before the network. */
#ifndef FI_STANDARDISATION_H
#define FI_STANDARDISATION_H

#include "model_layout.h"

/* Standardises embeddings into result [count x D]: the given rows [count], or the first `count` if
 * `rows` is NULL. */
void fi_standardise(const fi_model *model, size_t count, const uint32_t *rows,
                    const float *embeddings, float *result);

/* The same with projection: prepared [count x (components or D)]. -ENOMEM. */
int fi_prepare_rows(const fi_model *model, size_t count, const uint32_t *rows,
                    const float *embeddings, float *prepared) FD_MUST_CHECK;

#endif
