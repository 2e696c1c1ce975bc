/*
 * Following the models of another replica: a version that it stored, or announced, is read and
 * prepared, and put in the place of the one that serves once it is active, by a thread of its own.
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

/* 0, or -EAGAIN and a reason: an older version than the active one still serves. */
int fd_model_following_ready(fd_engine *engine, char *reason, size_t size) FD_MUST_CHECK;

#endif
