/* The target thread: computes the target of i-opt for the model that serves, so that no selection
 * waits for a sum over many items. */
#ifndef FD_TARGET_THREAD_H
#define FD_TARGET_THREAD_H

#include "engine_options.h"
#include "macros.h"

int fd_target_thread_new(fd_engine *engine) FD_MUST_CHECK;
void fd_target_thread_free(fd_engine *engine);

int fd_target_thread_start(fd_engine *engine) FD_MUST_CHECK;
void fd_target_thread_interrupt(fd_engine *engine); /* after engine->closing was set */
void fd_target_thread_stop(fd_engine *engine);      /* joins; the engine closes */

/* A commit hook: new items or another model want another target, if the strategy uses one. */
void fd_target_thread_on_commit(fd_engine *engine);

/* A selection found the target incomplete. */
void fd_target_thread_notify(fd_engine *engine);

#endif
