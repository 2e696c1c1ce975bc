/* The serving model and the stored versions. */
#ifndef FD_MODEL_VERSIONS_H
#define FD_MODEL_VERSIONS_H

#include "engine.h"
#include "trainer.h"

typedef struct fd_model_info {
    uint64_t version; /* 0: nothing was trained yet */
    fi_shape shape;
    size_t feature_count;
    uint64_t items;
    uint64_t labels;        /* that count: no skips */
    uint64_t labels_fitted; /* of them, seen by the last layer; held-out ones included */
    uint64_t refits;        /* of the last layer since the version was trained */
    fd_model_row row;       /* figures of the version, without bytes; NaN and 0 for version 0 */
    double logdet;          /* log det (I_past + prior) */
    fd_trainer_state worker;
    double progress; /* of the running training, 0 to 1 */
} fd_model_info;

int fd_engine_model(fd_engine *engine, fd_model_info *ret) FD_MUST_CHECK;

/* Stored versions from `highest` down, at most `limit`, without bytes; the state of the one that
 * serves is FD_MODEL_ACTIVE. */
int fd_engine_models_read(fd_engine *engine, uint64_t highest, size_t limit, fd_model_visit *visit,
                          void *context) FD_MUST_CHECK;

/* Has a stored version serve, until the next training ends. -ENOENT if there is none; -EEXIST with
 * a fault if it does not fit the items or its bytes are damaged; -EAGAIN with a fault before there
 * are items. */
int fd_engine_model_activate(fd_engine *engine, uint64_t version, fd_fault *fault) FD_MUST_CHECK;

/* A copy of a stored version, or for version 0 of what serves, which the caller frees; the row has
 * no bytes. Fails as fd_engine_model_activate. */
int fd_engine_model_copy(fd_engine *engine, uint64_t version, fd_model_row *ret_row,
                         fi_model **ret_model, fd_fault *fault) FD_MUST_CHECK;

#endif
