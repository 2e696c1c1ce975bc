/* The score of an item as JSON, in the style that a request asks for. */
#ifndef FD_SCORE_JSON_H
#define FD_SCORE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "macros.h"
#include "response.h"
#include "score.h"
#include "text_columns.h"

/* With FD_STYLE_EXCLUDE the content stands in place of the reward. */
fd_score fd_score_in_style(const fd_score *score, fd_style style);

/* Reads the name of a style; NULL is FD_STYLE_INCLUDE. False, with 400, for another. */
bool fd_score_style(const char *name, fd_style *ret, fd_response *response) FD_MUST_CHECK;

/* NULL without memory. */
json_t *fd_score_json(const fd_score *score);

#endif
