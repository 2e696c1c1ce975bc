/* The projection of a model on principal components. */
#ifndef FI_PROJECTION_H
#define FI_PROJECTION_H

#include <errno.h>
#include <stdbool.h>

#include "model_layout.h"

/* Whether to go on with something long; NULL: always. */
typedef struct fi_continuation {
    bool (*go_on)(void *context);
    void *context;
} fi_continuation;

static inline int fi_continue(const fi_continuation *continuation) {
    return !continuation->go_on || continuation->go_on(continuation->context) ? 0 : -ECANCELED;
}

/* Sets the projection of a model with components from n > 0 items [n x D]. Mean and scale are set
 * already. -ENOMEM, -EIO if the eigenvalue iteration fails, -ECANCELED. */
int fi_fit_projection(fi_model *model, size_t n, const float *embeddings,
                      const fi_continuation *continuation) FD_MUST_CHECK;

#endif
