/*
 * The engine as one of several replicas of a store: a thread that each second tells the others
 * about this one, and keeps the right to train. With a store of one process there is no thread, and
 * the engine always has that right.
 */
#ifndef FD_REPLICA_H
#define FD_REPLICA_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"

int fd_replica_new(fd_engine *engine) FD_MUST_CHECK;
void fd_replica_free(fd_engine *engine); /* stops it too */

/* Before the store is read. -EBUSY with a fault: another engine serves the store. */
int fd_replica_start(fd_engine *engine, fd_fault *fault) FD_MUST_CHECK;
void fd_replica_stop(fd_engine *engine);

#endif
