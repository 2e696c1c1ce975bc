/* Annotators that label the corpus over HTTP, about as fast as people do. */
#ifndef FD_SIMULATED_ANNOTATORS_H
#define FD_SIMULATED_ANNOTATORS_H

#include <stddef.h>

#include "macros.h"

typedef struct fd_simulated_annotators fd_simulated_annotators;

/* Starts `count` annotators, a thread each, of the daemon at `url`, which they borrow. -ENOMEM,
 * -EAGAIN. */
int fd_simulated_annotators_start(const char *url, size_t count,
                                  fd_simulated_annotators **ret) FD_MUST_CHECK;

/* Stops and frees them. */
void fd_simulated_annotators_stop(fd_simulated_annotators *annotators);

#endif
