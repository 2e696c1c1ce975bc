/* The first hidden layer as a layer of embeddings. */
#ifndef FI_FIRST_LAYER_H
#define FI_FIRST_LAYER_H

#include "model_layout.h"

/*
 * Folds standardisation and projection into the first hidden layer, so that embeddings need only
 * one product: W P ((x - m) s) + b = E x + (b - E m) with E = W P diag(s). Rounding grows with
 * |m| s: -ERANGE if a mean is too many standard deviations away from 0. -ENOMEM. Weights and biases
 * are one block, *ret_block, which the caller frees.
 */
int fi_fold_first_layer(const fi_model *model, fi_layer *ret, float **ret_block) FD_MUST_CHECK;

#endif
