/* Wakes threads that wait for a change of the store. */
#ifndef FD_CHANGE_SIGNAL_H
#define FD_CHANGE_SIGNAL_H

#include <stdint.h>

#include "engine_options.h"
#include "macros.h"

int fd_change_signal_new(fd_engine *engine) FD_MUST_CHECK;
void fd_change_signal_free(fd_engine *engine);

/* A commit hook. Whoever else has something to say may call it too. */
void fd_change_signal_raise(fd_engine *engine);

/* How often the signal was raised. To be asked before a thread looks whether it has to wait: then
 * it misses nothing that comes in between. */
uint64_t fd_change_signal_count(fd_engine *engine);

/* Waits until the signal was raised since it had this count, at most `seconds`. */
void fd_change_signal_wait(fd_engine *engine, uint64_t count, double seconds);

#endif
