/* What several routes tell about a model version. */
#ifndef FD_MODEL_VERSIONS_RESOURCE_H
#define FD_MODEL_VERSIONS_RESOURCE_H

#include <jansson.h>
#include <stdint.h>

#include "request.h"
#include "response.h"
#include "store.h"

/* Its figures, as an object; NULL without memory. */
json_t *fd_model_figures_json(const fd_model_row *row);

/* Reads the version that a path names. False, with a 404 response, if it cannot be one. */
bool fd_model_version_accept(const fd_request *request, fd_response *response, uint64_t *ret);

#endif
