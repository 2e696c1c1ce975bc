/* The follower: a thread that waits for what other replicas of a shared store commit, and has the
 * writer catch up, so that readers of this replica see it at once. */
#ifndef FD_FOLLOWER_H
#define FD_FOLLOWER_H

#include "engine_options.h"
#include "macros.h"

int fd_follower_new(fd_engine *engine) FD_MUST_CHECK;
void fd_follower_free(fd_engine *engine);

int fd_follower_start(fd_engine *engine) FD_MUST_CHECK; /* without others there is no thread */
void fd_follower_stop(fd_engine *engine);

#endif
