/*
 * The engine as one of several replicas of a store: a thread that each second tells the others
 * about this one, and keeps the right to train. With a store of one process there is no thread, and
 * the engine always has that right.
 */
#ifndef FD_REPLICA_H
#define FD_REPLICA_H

#include <stdbool.h>

#include "engine_options.h"
#include "macros.h"

int fd_replica_new(fd_engine *engine) FD_MUST_CHECK;
void fd_replica_free(fd_engine *engine); /* stops it too */

int fd_replica_start(fd_engine *engine) FD_MUST_CHECK; /* before the store is read */
void fd_replica_stop(fd_engine *engine);

/* Whether this engine has the right to train. */
bool fd_replica_is_learner(fd_engine *engine);

/* Ends the process, with a failure status: what was acknowledged is in the store. */
_Noreturn void fd_replica_end_process(const char *meaning);

/* Does so after a failure that says that the memory holds what is not in a shared store any more,
 * or that the store cannot be read. */
void fd_replica_end_if_lost(const fd_engine *engine, int failure);

#endif
