/* The refitter: the thread that refits the last layer as soon as labels come. One refit takes all
 * labels that there are. */
#ifndef FD_REFITTER_H
#define FD_REFITTER_H

#include "engine_options.h"
#include "macros.h"

int fd_refitter_new(fd_engine *engine) FD_MUST_CHECK;
void fd_refitter_free(fd_engine *engine);

int fd_refitter_start(fd_engine *engine) FD_MUST_CHECK; /* no thread without the option `refit` */
void fd_refitter_interrupt(fd_engine *engine);          /* a refit ends at its next step */
void fd_refitter_stop(fd_engine *engine);               /* interrupts, then joins */

/* A commit hook: the model that serves may be behind the labels. */
void fd_refitter_on_commit(fd_engine *engine);

/* Waits until no refit runs or is due. */
void fd_refitter_wait(fd_engine *engine);

#endif
