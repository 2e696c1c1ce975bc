/* The memory of a fitted last layer: one block. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "fitted_layer.h"

bool fi_block_is_sound(const fi_block *block) {
    return block->count > 0 && isfinite(block->mean) && block->guess >= FI_PRECISION_LEAST &&
           block->guess <= FI_PRECISION_MOST && block->shape > 0.0 && isfinite(block->log_odds);
}

size_t fi_last_layer_numbers(size_t n_features, size_t n_blocks) {
    return n_features * (n_features + 2) + 2 * n_blocks;
}

int fi_last_layer_new(size_t n_features, size_t n_blocks, fi_last_layer **ret) {
    size_t numbers = fi_last_layer_numbers(n_features, n_blocks);
    fi_last_layer *layer =
        calloc(1, sizeof(*layer) + numbers * sizeof(double) + n_blocks * sizeof(fi_block));
    if (!layer)
        return -ENOMEM;
    layer->n_features = n_features;
    layer->n_blocks = n_blocks;
    layer->beta = layer->data;
    layer->start = layer->beta + n_features;
    layer->covariance = layer->start + n_features;
    layer->precisions = layer->covariance + n_features * n_features;
    layer->probabilities = layer->precisions + n_blocks;
    layer->blocks = (fi_block *)(layer->data + numbers);
    *ret = layer;
    return 0;
}

int fi_last_layer_copy(const fi_last_layer *layer, fi_last_layer **ret) {
    size_t numbers = fi_last_layer_numbers(layer->n_features, layer->n_blocks);
    fi_last_layer *copy;
    int r = fi_last_layer_new(layer->n_features, layer->n_blocks, &copy);
    if (r < 0)
        return r;
    copy->side = layer->side;
    copy->side_stddev = layer->side_stddev;
    copy->side_precision = layer->side_precision;
    copy->design_effect = layer->design_effect;
    copy->loss = layer->loss;
    copy->log_evidence = layer->log_evidence;
    copy->iterations = layer->iterations;
    copy->converged = layer->converged;
    memcpy(copy->data, layer->data, numbers * sizeof(double));
    memcpy(copy->blocks, layer->blocks, layer->n_blocks * sizeof(*layer->blocks));
    *ret = copy;
    return 0;
}

void fi_last_layer_free(fi_last_layer *layer) {
    free(layer);
}
