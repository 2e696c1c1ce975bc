/*
 * Following the models of another replica, which trains: a version that it made active is read,
 * prepared, and put in the place of the one that serves, by a thread of its own.
 */
#ifndef FD_MODEL_FOLLOWING_H
#define FD_MODEL_FOLLOWING_H

#include "engine_options.h"
#include "macros.h"
#include "store_rows.h"

int fd_model_following_new(fd_engine *engine) FD_MUST_CHECK;
void fd_model_following_free(fd_engine *engine);

int fd_model_following_start(fd_engine *engine) FD_MUST_CHECK; /* without others: no thread */
void fd_model_following_stop(fd_engine *engine);

/* A row that another replica stored or changed. Called by the writer. */
void fd_model_following_note(fd_engine *engine, const fd_model_row *row);

#endif
