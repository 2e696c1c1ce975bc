/* One refill: chooses pairs and puts them into the ready queues. */
#ifndef FD_REFILL_H
#define FD_REFILL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine_options.h"
#include "fault.h"
#include "macros.h"

/*
 * Fills the ready queues to what is wanted, for an annotator (FD_NOBODY: for all). With `rebuild`
 * the pairs of the active arm are chosen again, by a refit or another model. *last_statistics:
 * monotonic seconds of the last batch whose statistics were computed; -INFINITY for a new model.
 * Only one refill may run at a time. -EAGAIN with a fault before there are items, -ECANCELED while
 * the engine closes.
 */
int fd_refill(fd_engine *engine, bool rebuild, uint32_t annotator, double *last_statistics,
              fd_fault *fault) FD_MUST_CHECK;

/* Puts unfinished pairs back into a ready queue, `most` at most. */
int fd_refill_unfinished(fd_engine *engine, size_t most) FD_MUST_CHECK;

#endif
