/* The steps of an embedding job: its embedder, its vectors some at a time, its items all at once.
 */
#ifndef FD_EMBEDDING_STEPS_H
#define FD_EMBEDDING_STEPS_H

#include <stdbool.h>

#include "embedder.h"
#include "embedding_job_rows.h"
#include "engine.h"
#include "fault.h"
#include "macros.h"
#include "memory_budget.h"

/* Most bytes of the vectors of a job, which are in memory together when its items are added. */
#define FD_EMBEDDING_JOB_VECTORS ((size_t)256 << 20)

typedef struct fd_embedding_steps {
    fd_engine *engine;
    fd_embedder *embedder;
    const char *score_metadata;   /* keys of metadata that are scores, as a list; NULL: none */
    fd_memory_budget *memory;     /* that requests share, and the items of a job at its end */
    bool (*go_on)(void *context); /* false: stop */
    void *context;
} fd_embedding_steps;

/*
 * Does what is missing of a job, and ends it as done. The row follows: state, done, embedder_ms and
 * times. -ECANCELED it was told to stop, or the job has ended; with a fault: -EAGAIN the embedder
 * cannot be used now, or requests use the memory; -EPROTO, -EEXIST, -EINVAL, -ENOENT it can never
 * be done. Other errors are of the store, or -ENOMEM.
 */
int fd_embedding_steps_run(const fd_embedding_steps *steps, fd_embedding_job_row *row,
                           fd_fault *fault) FD_MUST_CHECK;

/* -EINVAL with a fault for more vectors than a job may have. */
int fd_embedding_steps_check_size(size_t n, size_t dimension, fd_fault *fault) FD_MUST_CHECK;

#endif
