/* The inside of fi_last_layer, as its bytes need it. */
#ifndef FI_FITTED_LAYER_H
#define FI_FITTED_LAYER_H

#include <fisher/last_layer.h>

#include "macros.h"

FD_DEFINE_CLEANUP(fi_last_layer, fi_last_layer_free)

/* Whether a block has a prior that can be computed with. */
bool fi_block_is_sound(const fi_block *block);

/* How many numbers `data` holds. */
size_t fi_last_layer_numbers(size_t n_features, size_t n_blocks);

#endif
