/* The score of an item as JSON. */
#ifndef FD_SCORE_JSON_H
#define FD_SCORE_JSON_H

#include <jansson.h>

#include "score.h"
#include "text_columns.h"

/* With FD_STYLE_EXCLUDE the content stands in place of the reward. */
fd_score fd_score_in_style(const fd_score *score, fd_style style);

/* NULL without memory. */
json_t *fd_score_json(const fd_score *score);

#endif
