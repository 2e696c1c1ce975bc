/* The stored versions of the model. */
#ifndef FD_MODEL_VERSIONS_H
#define FD_MODEL_VERSIONS_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "model_info.h"
#include "snapshot.h"
#include "store_rows.h"

/* Stored versions from `highest` down, at most `limit`, without bytes. The one that serves has the
 * state FD_MODEL_ACTIVE. */
int fd_engine_models_read(fd_engine *engine, uint64_t highest, size_t limit, fd_model_visit *visit,
                          void *context) FD_MUST_CHECK;

/* Makes a stored version serve until the next training ends. With a fault: -ENOENT if it does not
 * exist, -EEXIST if it does not fit the items or its bytes are damaged, -EAGAIN before there are
 * items and labels. */
int fd_engine_model_activate(fd_engine *engine, uint64_t version, fd_fault *fault) FD_MUST_CHECK;

/* A copy of a stored version, or with version 0 of the model that serves; the caller frees it. The
 * row has no bytes. Fails as fd_engine_model_activate does. */
int fd_engine_model_copy(fd_engine *engine, uint64_t version, fd_model_row *ret_row,
                         fi_model **ret_model, fd_fault *fault) FD_MUST_CHECK;

/* Copies of the model that serves, and of the factor of its design matrix at the same moment; the
 * caller frees both. -EAGAIN with a fault before there are items; -ENOMEM. */
int fd_engine_serving_copy(fd_engine *engine, fd_model_row *ret_row, fi_model **ret_model,
                           fi_factor **ret_design, fd_fault *fault) FD_MUST_CHECK;

/* A stored version that could serve at once. */
typedef struct fd_prepared_model {
    fd_model_row row; /* without bytes and reason */
    fd_snapshot *snapshot;
    uint64_t re_embeddings; /* whose vectors it knows */
} fd_prepared_model;

void fd_prepared_model_clear(fd_prepared_model *prepared);

/* Errors as of fd_engine_model_activate. */
int fd_engine_model_prepare(fd_engine *engine, uint64_t version, fd_prepared_model *ret,
                            fd_fault *fault) FD_MUST_CHECK;

/* Serves a version that another replica activated. -ECANCELED if another one is active. */
int fd_engine_model_follow(fd_engine *engine, const fd_prepared_model *prepared) FD_MUST_CHECK;

#endif
