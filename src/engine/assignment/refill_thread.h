/* The refill thread: fills the ready queues before they run dry, and again when another model
 * serves, so that a request only takes what lies ready. */
#ifndef FD_REFILL_THREAD_H
#define FD_REFILL_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "engine_options.h"
#include "macros.h"

int fd_refill_new(fd_engine *engine) FD_MUST_CHECK;
void fd_refill_free(fd_engine *engine);

int fd_refill_start(fd_engine *engine) FD_MUST_CHECK;
void fd_refill_interrupt(fd_engine *engine); /* after engine->interrupted was set */
void fd_refill_stop(fd_engine *engine);      /* joins, after fd_refill_interrupt */

/* A commit hook: chooses the pairs again for another model; new items only fill what is short. */
void fd_refill_on_commit(fd_engine *engine);

/* Starts a refill if one is due; with `rebuild` in any case. Sets the gauges of the assignments. */
void fd_refill_notify(fd_engine *engine, bool rebuild);

#endif
