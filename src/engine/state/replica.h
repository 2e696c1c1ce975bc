/*
 * The engine as one of several replicas of a store: a thread that each second tells the others
 * about this one, and keeps the right to train. With a store of one process there is no thread, and
 * the engine always has that right.
 */
#ifndef FD_REPLICA_H
#define FD_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine_options.h"
#include "macros.h"

int fd_replica_new(fd_engine *engine) FD_MUST_CHECK;
void fd_replica_free(fd_engine *engine); /* stops it too */

int fd_replica_start(fd_engine *engine) FD_MUST_CHECK; /* before the store is read */
void fd_replica_stop(fd_engine *engine);

/* Whether this engine has the right to train. */
bool fd_replica_is_learner(fd_engine *engine);

enum { FD_REPLICA_ID_SIZE = 40 };

/* What a replica tells about itself, as of its last turn but for the position. */
typedef struct fd_replica_status {
    char id[FD_REPLICA_ID_SIZE];
    char learner[FD_REPLICA_ID_SIZE]; /* the replica that trains; empty: none, or not known */
    bool trains;                      /* this one does */
    size_t replicas;                  /* that were seen lately, this one too */
    uint64_t tick, newest;            /* what is applied of the history, and what there is */
    double lag_seconds;               /* how long it has been behind; 0: it is not */
    double silence;                   /* seconds since the store last answered */
    uint64_t prepared;                /* the version that it prepared last; 0: none */
    uint64_t serving;
} fd_replica_status;

/* False: no others share the store. */
bool fd_replica_read_status(fd_engine *engine, fd_replica_status *ret);

/* 0, or -EAGAIN and a reason: the store does not answer, or this replica is too far behind. */
int fd_replica_ready(fd_engine *engine, char *reason, size_t size) FD_MUST_CHECK;

/* Tells the others, soon, that this replica could serve the version at once. */
void fd_replica_set_prepared(fd_engine *engine, uint64_t version);

/* Says that this replica has prepared the version, and waits until all others have that were seen
 * lately, for some seconds at most, or until the engine closes. */
void fd_replica_wait_prepared(fd_engine *engine, uint64_t version);

/* Ends the process, with a failure status: what was acknowledged is in the store. */
_Noreturn void fd_replica_end_process(const char *meaning);

/* Does so after a failure that says that the memory holds what is not in a shared store any more,
 * or that the store cannot be read. */
void fd_replica_end_if_lost(const fd_engine *engine, int failure);

#endif
