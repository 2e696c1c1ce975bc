/* What a body will need once it is parsed, counted in its bytes before. */
#ifndef FD_JSON_SIZE_ESTIMATE_H
#define FD_JSON_SIZE_ESTIMATE_H

#include <stddef.h>

/* Upper bounds. */
typedef struct fd_json_extent {
    size_t depth;  /* of nested lists and objects */
    size_t memory; /* bytes for the tree, with what reading it adds */
} fd_json_extent;

fd_json_extent fd_json_estimate(const char *body, size_t size);

#endif
