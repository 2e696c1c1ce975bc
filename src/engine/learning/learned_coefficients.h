/* What a model has learned about the text, the prior scores and the sides, in numbers for people.
 */
#ifndef FD_LEARNED_COEFFICIENTS_H
#define FD_LEARNED_COEFFICIENTS_H

#include <stdbool.h>

#include "engine_options.h"
#include "project_settings.h"
#include "served_model.h"
#include "text_features.h"

/* NaN where the model does not know it. */
typedef struct fd_coefficient {
    double value; /* reward for one standard deviation within prompts, unless it says otherwise */
    double stddev;
} fd_coefficient;

/* A block of last_layer.h. */
typedef struct fd_learned_block {
    const char *name;  /* "embedding", "log_length", "style" or "score" */
    const char *score; /* which score; NULL: it is not a score's */
    uint32_t columns;
    double precision;
    double probability; /* that it matters */
} fd_learned_block;

typedef struct fd_learned_score {
    const char *name;
    fd_trust trust;
    size_t missing; /* items without it */
    fd_coefficient coefficient;
} fd_learned_score;

/* Names live as long as the engine. */
typedef struct fd_learned_coefficients {
    bool has_text;
    fd_coefficient text[FD_TEXT_FEATURES];
    fd_coefficient twice_the_length; /* reward for twice the characters, all else being equal */
    size_t n_blocks;                 /* 0: the last layer was never fitted */
    fd_learned_block blocks[FI_BLOCKS_MAX];
    size_t n_scores;
    fd_learned_score scores[FD_SCORE_NAMES_MAX];
    fd_coefficient side; /* the pull of the left side, on the scale of rewards */
    double design_effect;
} fd_learned_coefficients;

/* For callers that hold the state lock. `served` may be NULL: there is no model. */
void fd_learned_coefficients_read(const fd_engine *engine, const fd_served_model *served,
                                  fd_learned_coefficients *ret);

#endif
