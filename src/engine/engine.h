/*
 * The engine: all of fisherd's state, and everything that can be done with it.
 *
 * Strings and arrays in arguments are borrowed for the call. `fault` says what is wrong with a
 * request, with a pointer into the JSON of the API; the request has then changed nothing. Return
 * values: -EINVAL wrong content, -ENOENT it does not exist, -EEXIST a conflict, -ENOSPC and -EIO
 * the store failed (nothing is half-written), -ESHUTDOWN closing, -ENOMEM.
 *
 * Threads: any thread may call any function between fd_engine_open and fd_engine_close.
 */
#ifndef FD_ENGINE_H
#define FD_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "metrics.h"
#include "store.h"

/*
 * Reads the store into memory and starts the threads: writer, trainer, refitter and refill. The
 * engine owns the store from then on, on failure too. -EBADMSG with a fault if the content of the
 * store contradicts itself.
 */
int fd_engine_open(const fd_engine_options *options, fd_store *store, fd_engine **ret,
                   fd_fault *fault) FD_MUST_CHECK;

/* Ends refills, backups and waiting for events, and starts no more. To be called before closing,
 * while the last requests still run. */
void fd_engine_interrupt(fd_engine *engine);

/* Finishes the changes that were accepted, ends a training, joins the threads, closes the store. */
void fd_engine_close(fd_engine *engine);
FD_DEFINE_CLEANUP(fd_engine, fd_engine_close)

/* The same, but keeps the memory: for a process that ends next, since the system takes gigabytes
 * back faster than they can be freed one by one. */
void fd_engine_end(fd_engine *engine);

/* What GET /metrics prints; lives as long as the engine. */
fd_metrics *fd_engine_metrics(fd_engine *engine);

/* 0 when the engine is ready; otherwise -EAGAIN and a reason in `reason` (at most `size` bytes). */
int fd_engine_ready(fd_engine *engine, char *reason, size_t size) FD_MUST_CHECK;

/* The time that what is stored now gets: the wall clock, or the one that all replicas share. */
int64_t fd_engine_time_ms(fd_engine *engine);

/* Whether other replicas may have the store open. */
bool fd_engine_is_shared(fd_engine *engine);

/* Whether this engine trains, and works on embedding jobs: one of several replicas of a store does.
 */
bool fd_engine_trains(fd_engine *engine);

/* Seconds since the writer's last sign of life while it has jobs; 0 when it has none. */
double fd_engine_stalled_seconds(fd_engine *engine);

#endif
