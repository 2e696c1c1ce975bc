/* The stored versions at the start. */
#ifndef FD_MODEL_REPLAY_H
#define FD_MODEL_REPLAY_H

#include "engine_options.h"
#include "macros.h"
#include "snapshot.h"

/* Before any thread runs: a snapshot without items and labels of the model that serves, NULL
 * without one, and how many revisions of labels the newest training knew (0: none, or unknown). */
int fd_model_replay(fd_engine *engine, fd_snapshot **ret, size_t *ret_trained) FD_MUST_CHECK;

#endif
