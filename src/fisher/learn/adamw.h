/* AdamW (Kingma and Ba 2015; Loshchilov and Hutter 2019), with the rates of the options. */
#ifndef FI_ADAM_H
#define FI_ADAM_H

#include <fisher/train.h>

#include "network.h"

typedef struct fi_adam {
    const fi_train_options *options;
    uint32_t step;
    float *mean;   /* [parameter_count] of the gradient */
    float *square; /* [parameter_count] of its square */
} fi_adam;

/* `options` are borrowed. -ENOMEM; the caller clears it in any case. */
int fi_adam_init(fi_adam *adam, const fi_model *model,
                 const fi_train_options *options) FD_MUST_CHECK;
void fi_adam_clear(fi_adam *adam);

/* Moves the model by one step against the gradient [parameter_count]. */
void fi_adam_step(fi_adam *adam, fi_model *model, const float *gradient);

#endif
