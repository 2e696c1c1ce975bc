/* Who made the embeddings of the items' texts, as JSON. */
#ifndef FD_EMBEDDER_JSON_H
#define FD_EMBEDDER_JSON_H

#include <jansson.h>

#include "store_rows.h"

/* NULL without memory. */
json_t *fd_embedder_json(const fd_embedder_row *row);

#endif
