/* The model that serves, in figures. */
#ifndef FD_MODEL_INFO_H
#define FD_MODEL_INFO_H

#include <fisher/model.h>

#include "engine_options.h"
#include "learned_coefficients.h"
#include "macros.h"
#include "store_rows.h"
#include "trainer.h"

typedef struct fd_model_info {
    uint64_t version; /* 0: no model was trained yet */
    fi_shape shape;
    size_t feature_count;
    uint64_t items;
    uint64_t labels;         /* that count: skips do not */
    uint64_t labels_fitted;  /* of those, that the last layer has seen */
    uint64_t refits;         /* of the last layer since the version was trained */
    fd_model_row row;        /* figures of the version, without bytes; NaN and 0 for version 0 */
    double logdet;           /* log det (I_past + prior) */
    fd_trainer_state worker; /* of the trainer */
    double progress;         /* of the running training, 0 to 1 */
    fd_learned_coefficients coefficients;
} fd_model_info;

int fd_engine_model(fd_engine *engine, fd_model_info *ret) FD_MUST_CHECK;

#endif
