/*
 * The thread that works on embedding jobs, one after another, the oldest first. It waits while the
 * embedder or the store cannot be used, and adds the items of a job all at once at its end. Its
 * texts and vectors lie in the store, so that it goes on after a restart with what is missing.
 */
#ifndef FD_EMBEDDING_WORKER_H
#define FD_EMBEDDING_WORKER_H

#include <stdbool.h>

#include "embedder.h"
#include "engine.h"
#include "macros.h"
#include "memory_budget.h"

typedef struct fd_embedding_worker fd_embedding_worker;

/* Starts the thread, unless there is no embedder: then jobs wait. Embedder, engine and memory
 * outlive it, as does the list of keys of metadata that are scores. */
int fd_embedding_worker_start(fd_engine *engine, fd_embedder *embedder, const char *score_metadata,
                              fd_memory_budget *memory, fd_embedding_worker **ret) FD_MUST_CHECK;

/* Lets it stop soon; and waits for that, and frees it. */
void fd_embedding_worker_interrupt(fd_embedding_worker *worker);
void fd_embedding_worker_stop(fd_embedding_worker *worker);

/* There is a job; and a job was cancelled. */
void fd_embedding_worker_wake(fd_embedding_worker *worker);
void fd_embedding_worker_cancelled(fd_embedding_worker *worker, const char *id);

#endif
