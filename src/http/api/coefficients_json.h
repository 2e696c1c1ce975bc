/* What the model has learned about texts, scores and sides, as members of GET /v1/model. */
#ifndef FD_COEFFICIENTS_JSON_H
#define FD_COEFFICIENTS_JSON_H

#include <jansson.h>

#include "learned_coefficients.h"

json_t *fd_coefficients_json(const fd_learned_coefficients *coefficients);

#endif
