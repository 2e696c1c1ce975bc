/*
 * The writer: the one thread that makes every change. A change is a job, handed in by a thread that
 * waits for it. The writer takes all jobs that wait, stores them in one transaction, so that many
 * requests share one sync to the disk, and changes the memory only after the commit. At a shared
 * store each transaction first catches up with the other replicas, and one whose fate is unknown is
 * run again, because jobs bear that: what they name by an id is there once.
 */
#ifndef FD_WRITER_H
#define FD_WRITER_H

#include <semaphore.h>

#include "engine_state.h"
#include "next_snapshot.h"

typedef struct fd_job fd_job;

struct fd_job {
    /* Inside the transaction: writes rows, makes the checks that only the writer can make, and
     * reserves all that `apply` needs. -EEXIST, -EINVAL, -ENOENT and -ECANCELED refuse this job
     * alone, which then wrote nothing; any other failure undoes the whole transaction. */
    int (*store)(fd_engine *engine, fd_job *job, fd_pending *pending);
    /* After the commit, under the state lock: changes the memory. Cannot fail. */
    void (*apply)(fd_engine *engine, fd_job *job);
    /* At a shared store alone: after that, without a lock, before anything else is decided. NULL:
     * nothing. */
    void (*follow)(fd_engine *engine, fd_job *job);

    bool is_alone; /* in its transaction */
    int result;
    sem_t finished;
    fd_job *next; /* guarded by the writer's lock */
};

/* What follows a commit: called on the writer's thread, with no lock held, after the memory has
 * changed. Other rooms register theirs before the writer runs. */
typedef void fd_commit_hook(fd_engine *engine);

/* Changes that no request waits for: they are written behind, with the next transaction, or with
 * one of their own within a second. Both are called on the writer's thread. */
typedef struct fd_write_behind {
    int (*store)(fd_engine *engine);                   /* inside each transaction, at its end */
    void (*settle)(fd_engine *engine, bool committed); /* after it */
} fd_write_behind;

/* What a shared store needs: takes over what other replicas committed, inside a transaction, which
 * may then decide, or outside of one. 1: there was something. Called on the writer's thread. */
typedef int fd_catch_up(fd_engine *engine, bool decides);

int fd_writer_new(fd_engine *engine) FD_MUST_CHECK;
void fd_writer_free(fd_engine *engine);

/* Adds a hook; they are called in the order in which they were added. */
void fd_writer_on_commit(fd_engine *engine, fd_commit_hook *hook);
void fd_writer_call_hooks(fd_engine *engine);

void fd_writer_set_write_behind(fd_engine *engine, const fd_write_behind *write_behind);

void fd_writer_set_catch_up(fd_engine *engine, fd_catch_up *catch_up);

/* At a shared store: has the writer catch up with what was committed until now, and waits for it.
 */
int fd_writer_catch_up(fd_engine *engine) FD_MUST_CHECK;

/* There may be something to write behind. */
void fd_writer_write_soon(fd_engine *engine);

int fd_writer_start(fd_engine *engine) FD_MUST_CHECK;
void fd_writer_stop(fd_engine *engine); /* runs what is queued, then joins the thread */

/* Queues a job, waits for it, and returns its result. -ESHUTDOWN once the writer is stopped. */
int fd_writer_run(fd_engine *engine, fd_job *job) FD_MUST_CHECK;

/* Jobs that the writer has not taken yet. */
size_t fd_writer_queue_length(fd_engine *engine);

/* The -errno of the last transaction if the store failed, or -ESTALE if its files were taken away;
 * otherwise 0. */
int fd_writer_store_failure(fd_engine *engine);
const char *fd_writer_failure_text(int failure); /* for people */

#endif
