/* The metadata of a safetensors file. */
#ifndef FD_WEIGHTS_METADATA_H
#define FD_WEIGHTS_METADATA_H

#include <jansson.h>

#include "prior_scores.h"
#include "store_rows.h"

/* An object of strings, since readers of the format expect no other values; what has a structure is
 * JSON in a string. `embedder` may be NULL: unknown. */
json_t *fd_weights_metadata(const fd_model_row *row, const fi_model *model,
                            const fd_score_counts *scores, const fd_embedder_row *embedder);

#endif
