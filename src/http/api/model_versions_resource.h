/* The figures of a version of the model, as several routes tell them. */
#ifndef FD_MODEL_VERSIONS_RESOURCE_H
#define FD_MODEL_VERSIONS_RESOURCE_H

#include "json_read.h"

/* An object; NULL without memory. */
json_t *fd_model_figures_json(const fd_model_row *row);

/* The version that a path names; false, with 404 answered, if it cannot be one. */
bool fd_model_version_accept(const fd_request *request, fd_response *response, uint64_t *ret);

#endif
