/*
 * The vectors of the coming embedder, and how they take the place of those that serve: in one
 * transaction, and in the memory with the snapshot that knows their components.
 */
#ifndef FD_COMING_VECTORS_H
#define FD_COMING_VECTORS_H

#include "engine_state.h"
#include "next_snapshot.h"

typedef struct fd_coming_vectors {
    size_t dimension; /* 0: none are read yet */
    size_t rows;      /* of the first items, which were read */
    float *cosines;   /* [rows] of prompt and response; text_features.h */
    size_t cosines_capacity;
    /* Embeds what came meanwhile, just before the switch; 0 or -errno. */
    int (*complete)(void *context);
    bool (*go_on)(void *context); /* false: the training ends at its next step */
    void *context;
    uint64_t version; /* of the model that serves with them, once they do; 0: an untrained one */

    fd_growing_matrix *text_features; /* the switch's own, as is the next */
    fd_embedder_row *embedder;
} fd_coming_vectors;

void fd_coming_vectors_clear(fd_coming_vectors *coming);

/* Reads the vectors of further items from the store. -EAGAIN if one is missing before others. */
int fd_coming_vectors_read(fd_engine *engine, fd_coming_vectors *coming) FD_MUST_CHECK;

/* Inside the writer's transaction, of a job that is alone in it: makes the vectors serve. -ENOENT
 * unless they are those of all items. */
int fd_coming_vectors_store(fd_engine *engine, fd_coming_vectors *coming,
                            fd_pending *pending) FD_MUST_CHECK;

/* After it, under the state lock. */
void fd_coming_vectors_apply(fd_engine *engine, fd_coming_vectors *coming);

#endif
