/* The end of a re-embedding: the coming vectors serve, with a model that was trained on them. */
#ifndef FD_RE_EMBEDDING_SWITCH_H
#define FD_RE_EMBEDDING_SWITCH_H

#include <stdbool.h>

#include "engine_options.h"
#include "macros.h"

typedef struct fd_switch_hooks {
    /* Called after the training, on another thread: embeds what came meanwhile. 0 or -errno. */
    int (*complete)(void *context);
    bool (*go_on)(void *context); /* false: give it up */
    void *context;
} fd_switch_hooks;

/*
 * Reads the coming vectors, which are in memory beside those that serve from now on, trains a
 * version on them, and makes both serve in one transaction, for all that read later. Without
 * labels an untrained model serves with them. -EAGAIN: items lack their vector, and nothing has
 * changed, as after every error; -ECANCELED it was given up; -ESHUTDOWN. One caller at a time.
 */
int fd_engine_re_embedding_switch(fd_engine *engine, const fd_switch_hooks *hooks) FD_MUST_CHECK;

#endif
