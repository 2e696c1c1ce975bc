/* The hidden layers of a model, forward and backward. */
#ifndef FI_NETWORK_H
#define FI_NETWORK_H

#include "model_layout.h"

/* out [count] = GELU(z) = z Phi(z). z [count] becomes the derivative Phi(z) + z phi(z), where phi
 * is the density of the standard normal distribution. */
void fi_gelu(size_t count, float *z, float *out);

/* What a forward pass keeps for the backward pass, for up to n items; one block. */
typedef struct fi_pass {
    size_t n;
    float *outputs[FI_HIDDEN_LAYERS_MAX]; /* [n x h] of each hidden layer */
    float *slopes[FI_HIDDEN_LAYERS_MAX];  /* [n x h] derivatives of the activation */
    float *back[2];                       /* [n x h] gradients on their way down */
    float *data;
} fi_pass;

/* -ENOMEM; clear it in any case. */
int fi_pass_init(const fi_model *model, size_t n, fi_pass *ret) FD_MUST_CHECK;
void fi_pass_clear(fi_pass *pass);

/* Features [n x h] without a backward pass. The model has hidden layers; `first` replaces the first
 * one. `spare` is scratch of the same size as the features. */
void fi_features_from(const fi_model *model, const fi_layer *first, size_t n, const float *inputs,
                      float *spare, float *features);

/* Features of prepared inputs [n x prepared_count], for n up to pass->n. They belong to the pass:
 * the outputs of the last hidden layer, or without hidden layers the inputs themselves. */
const float *fi_forward(const fi_model *model, size_t n, const float *inputs, fi_pass *pass);

/* After fi_forward: sets gradient [parameter_count] to d loss / d parameter, given
 * reward_gradient [n] = d loss / d reward. */
void fi_backward(const fi_model *model, size_t n, const float *inputs, fi_pass *pass,
                 const float *reward_gradient, float *gradient);

#endif
