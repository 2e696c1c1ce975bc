/* Signals, as requests that the main thread waits for. */
#ifndef FD_SIGNALS_H
#define FD_SIGNALS_H

#include <stdbool.h>

typedef enum { FD_SIGNAL_NONE, FD_SIGNAL_RELOAD, FD_SIGNAL_STOP } fd_signal_request;

/* From now on fd_signals_wait reports SIGTERM and SIGINT; a second one ends the process at once.
 * With `reloads` it reports SIGHUP too. SIGPIPE and SIGXFSZ are ignored. */
void fd_signals_catch(bool reloads);

/* Waits for at most `seconds`. */
fd_signal_request fd_signals_wait(double seconds);

/* Ends the process after `seconds`, unless it has ended by then; 0: never. */
void fd_signals_end_within(double seconds);

#endif
