/* A jansson tree that is released at the end of its scope: FD_JSON json_t *root = …; */
#ifndef FD_JSON_TREE_H
#define FD_JSON_TREE_H

#include <jansson.h>

#include "macros.h"

static inline void fd_json_freep(json_t **json) {
    json_decref(*json);
}

#define FD_JSON FD_CLEANUP(fd_json_freep)

#endif
