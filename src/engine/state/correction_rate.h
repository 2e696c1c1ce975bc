/* How many corrections an annotator makes in a minute. Each adds a row to a history that only
 * grows, so one token could fill the disk with corrections of a single label. */
#ifndef FD_CORRECTION_RATE_H
#define FD_CORRECTION_RATE_H

#include "engine_options.h"
#include "macros.h"

int fd_correction_rate_new(fd_engine *engine) FD_MUST_CHECK;
void fd_correction_rate_free(fd_engine *engine);

/* Counts one correction of an annotator. -EBUSY once there were too many in the minute that began
 * with the first of them; *ret_wait: the seconds that are left of it. */
int fd_correction_rate_count(fd_engine *engine, const char *annotator,
                             unsigned *ret_wait) FD_MUST_CHECK;

#endif
