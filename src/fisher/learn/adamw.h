/* AdamW (Kingma and Ba 2015; Loshchilov and Hutter 2019). */
#ifndef FI_ADAMW_H
#define FI_ADAMW_H

#include <fisher/train.h>

#include "model_layout.h"

typedef struct fi_adamw {
    const fi_train_options *options;
    uint32_t step;
    float *mean;   /* [parameter_count] running mean of the gradient */
    float *square; /* [parameter_count] running mean of its square */
} fi_adamw;

/* The options stay the caller's. -ENOMEM; clear it in any case. */
int fi_adamw_init(fi_adamw *adam, const fi_model *model,
                  const fi_train_options *options) FD_MUST_CHECK;
void fi_adamw_clear(fi_adamw *adam);

/* Moves the model by one step against the gradient [parameter_count]. */
void fi_adamw_step(fi_adamw *adam, fi_model *model, const float *gradient);

#endif
