/* What the process is told by signals, for the main thread to wait for. */
#ifndef FD_SIGNALS_H
#define FD_SIGNALS_H

#include <stdbool.h>

typedef enum { FD_SIGNAL_NONE, FD_SIGNAL_RELOAD, FD_SIGNAL_STOP } fd_signal_request;

/* From now on SIGTERM and SIGINT are for fd_signals_wait, each but the first ends the process at
 * once, and SIGPIPE and SIGXFSZ are ignored; SIGHUP too is for fd_signals_wait where there is
 * something to reload. */
void fd_signals_catch(bool reloads);

/* Waits so many seconds at most. */
fd_signal_request fd_signals_wait(double seconds);

/* Ends the process after so many seconds, unless it has ended by then. */
void fd_signals_end_within(double seconds);

#endif
