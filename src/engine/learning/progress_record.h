/* The record of the versions: their learning curve, the accuracy on each arm, and the advice to
 * stop. */
#ifndef FD_PROGRESS_RECORD_H
#define FD_PROGRESS_RECORD_H

#include "learning_progress.h"
#include "macros.h"
#include "store_rows.h"

int fd_progress_record_new(fd_engine *engine) FD_MUST_CHECK;
void fd_progress_record_free(fd_engine *engine);

/* Adds a version to the learning curve, unless it is there already or was rejected. The exam of the
 * newest version counts, rejected or not: it tells of the answers. Call fd_progress_record_update
 * afterwards. */
void fd_progress_record_add(fd_engine *engine, const fd_model_row *row);

/* Extrapolates the exam and updates the advice. `served` is the row of the version that serves from
 * now on; NULL: as before. */
void fd_progress_record_update(fd_engine *engine, const fd_model_row *served);

/* All but the gains of the batches. */
void fd_progress_record_read(fd_engine *engine, fd_progress *ret);

#endif
