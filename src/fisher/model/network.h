/* The hidden layers, forward and backward, and their activation; shared by the learning half. */
#ifndef FI_NETWORK_H
#define FI_NETWORK_H

#include <fisher/model.h>

#include "macros.h"
#include "target_clones.h"

struct fi_model {
    fi_shape shape;
    size_t parameter_count;
    double *mean;      /* [D] */
    float *scale;      /* [D] one over the standard deviation, or 0 */
    float *projection; /* [components x D]; not there without components */
    float *parameters; /* [parameter_count] */
    double data[];     /* all of the above */
};

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

/* The inputs of the first layer: components, or D without a projection. */
size_t fi_model_prepared_count(const fi_model *model);

/* Bytes of the numbers of a model of this shape; 0 for a shape out of bounds. */
size_t fi_model_numbers_size(const fi_shape *shape);

/* Everything zero; -EINVAL for a shape out of bounds, -ENOMEM. */
int fi_model_allocate(const fi_shape *shape, fi_model **ret) FD_MUST_CHECK;

/* Mean, scale and projection; both have the same inputs and components. */
void fi_model_copy_inputs(fi_model *model, const fi_model *from);

/* out = GELU(z) = z Phi(z); z becomes the derivative Phi(z) + z phi(z). */
void fi_gelu(size_t count, float *z, float *out);

/* What a forward pass leaves for the backward pass: one block, room for n items. */
typedef struct fi_pass {
    size_t n;
    float *outputs[FI_HIDDEN_LAYERS_MAX]; /* [n x h] of each hidden layer */
    float *slopes[FI_HIDDEN_LAYERS_MAX];  /* [n x h] derivatives of the activation */
    float *back[2];                       /* [n x h] gradients on their way down */
    float *data;
} fi_pass;

int fi_pass_init(const fi_model *model, size_t n, fi_pass *ret) FD_MUST_CHECK;
void fi_pass_clear(fi_pass *pass);

/* A hidden layer as it stands in the parameters. */
fi_layer fi_hidden_layer(const fi_model *model, uint32_t index);

/* Features [n x h] with `first` for the first hidden layer, of which there is one, and nothing kept
 * for a backward pass; `spare` is as large as the features. */
void fi_features_from(const fi_model *model, const fi_layer *first, size_t n, const float *inputs,
                      float *spare, float *features);

/*
 * The first hidden layer with standardisation and projection folded in, so that embeddings go
 * straight into one product: W P ((x - m) s) + b = E x + (b - E m) with E = W P diag(s).
 * Rounding grows with |m| s, so -ERANGE where a mean is many deviations away from 0; -ENOMEM.
 * The caller frees weights and biases, which are one block, by *ret_block.
 */
int fi_fold_first_layer(const fi_model *model, fi_layer *ret, float **ret_block) FD_MUST_CHECK;

/* Features of prepared inputs [n x k], n at most pass->n: a view of the last layer's outputs, or of
 * the inputs themselves without hidden layers. */
const float *fi_forward(const fi_model *model, size_t n, const float *inputs, fi_pass *pass);

/* After fi_forward: sets `gradient` [parameter_count] to d loss / d parameter given
 * d loss / d reward [n]. */
void fi_backward(const fi_model *model, size_t n, const float *inputs, fi_pass *pass,
                 const float *reward_gradient, float *gradient);

#endif
