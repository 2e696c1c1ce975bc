/* The steps of a re-embedding: all that is missing is embedded, a block at a time, each of which is
 * stored. */
#ifndef FD_RE_EMBEDDING_STEPS_H
#define FD_RE_EMBEDDING_STEPS_H

#include <stdbool.h>

#include "embedder.h"
#include "engine.h"
#include "fault.h"
#include "macros.h"

typedef struct fd_re_embedding_steps {
    fd_engine *engine;
    fd_embedder *embedder;
    bool (*go_on)(void *context);    /* false: stop */
    void (*advanced)(void *context); /* a block is stored */
    void *context;
} fd_re_embedding_steps;

/* -ECANCELED it was told to stop; with a fault: -EEXIST the embedder is not the coming one; -EINVAL
 * an item has no response; what fd_embedder_embed says. -ENOENT: nothing is begun. Other errors are
 * of the store. */
int fd_re_embedding_steps_run(const fd_re_embedding_steps *steps, fd_fault *fault) FD_MUST_CHECK;

/* Deletes what is left over, some at a time. */
int fd_re_embedding_steps_clean(const fd_re_embedding_steps *steps) FD_MUST_CHECK;

#endif
