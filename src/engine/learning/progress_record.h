/* The record of the versions: their learning curve, the accuracy on each arm, and the advice to
 * stop. */
#ifndef FD_PROGRESS_RECORD_H
#define FD_PROGRESS_RECORD_H

#include "learning_progress.h"
#include "macros.h"
#include "training_data.h"

int fd_progress_record_new(fd_engine *engine) FD_MUST_CHECK;
void fd_progress_record_free(fd_engine *engine);

/* Before any thread runs, after all stored versions were added: measures the model that serves. */
int fd_progress_record_start(fd_engine *engine) FD_MUST_CHECK;

/* Adds a version to the learning curve, unless it is there already or was rejected. Call
 * fd_progress_record_update afterwards. */
void fd_progress_record_add(fd_engine *engine, const fd_model_row *row);

/* Measures the model of a snapshot on the held-out labels of each arm. */
int fd_progress_record_measure(const fd_training_data *data, const fd_snapshot *snapshot,
                               fd_arm_fits *ret) FD_MUST_CHECK;

/* Extrapolates the curve and updates the advice. `arms` are those of the model that serves from now
 * on; NULL: as before. */
void fd_progress_record_update(fd_engine *engine, const fd_arm_fits *arms);

/* All but the gains of the batches. */
void fd_progress_record_read(fd_engine *engine, fd_progress *ret);

#endif
