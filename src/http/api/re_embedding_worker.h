/*
 * The thread that gives all items the vectors of another embedder, the configured one, while those
 * from before serve. What is made lies in the store, so that it goes on after a restart with what
 * is missing. It waits while the embedder or the store cannot be used.
 */
#ifndef FD_RE_EMBEDDING_WORKER_H
#define FD_RE_EMBEDDING_WORKER_H

#include "embedder.h"
#include "engine.h"
#include "fault.h"
#include "macros.h"

typedef struct fd_re_embedding_worker fd_re_embedding_worker;

typedef enum fd_re_embedding_state {
    FD_RE_EMBEDDING_IDLE,
    FD_RE_EMBEDDING_EMBEDDING,
    FD_RE_EMBEDDING_SWITCHING, /* it trains a model on the new vectors, and then switches */
    FD_RE_EMBEDDING_WAITING,   /* for an embedder or the store, or for people */
} fd_re_embedding_state;

typedef struct fd_re_embedding_progress {
    fd_re_embedding_state state;
    char error[FD_FAULT_DETAIL_SIZE]; /* what it waits for */
} fd_re_embedding_progress;

/* Starts the thread, unless there is no embedder. Embedder and engine outlive it. */
int fd_re_embedding_worker_start(fd_engine *engine, fd_embedder *embedder,
                                 fd_re_embedding_worker **ret) FD_MUST_CHECK;

/* Lets it stop soon; and waits for that, and frees it. */
void fd_re_embedding_worker_interrupt(fd_re_embedding_worker *worker);
void fd_re_embedding_worker_stop(fd_re_embedding_worker *worker);

/* What is begun has changed: it starts, or gives up what it does. */
void fd_re_embedding_worker_wake(fd_re_embedding_worker *worker);

void fd_re_embedding_worker_read(fd_re_embedding_worker *worker, fd_re_embedding_progress *ret);

#endif
