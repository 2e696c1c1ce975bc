/* One training: reads the data, learns, and publishes the model. */
#ifndef FD_TRAINING_H
#define FD_TRAINING_H

#include <stdbool.h>
#include <stddef.h>

#include "coming_vectors.h"
#include "engine_options.h"
#include "macros.h"

/* What lasts from one training to the next. */
typedef struct fd_training {
    fd_engine *engine;
    size_t labels_at_scratch; /* when a model was last trained from scratch */
    bool without_texts;       /* the last one had too few texts: the log says it once */
    bool (*go_on)(void *context, double share); /* called at each step; false ends the training */
    void *context;
} fd_training;

/* 0: the model serves; 1: it was rejected. -ENODATA without labels to learn from, -EDOM if the
 * training diverged, -ECANCELED if `go_on` ended it. */
int fd_training_run(fd_training *training, fd_retrain from) FD_MUST_CHECK;

/* Trains a version on the vectors of the coming embedder, from scratch, and makes both serve
 * together; without labels, or where the training diverges, an untrained model serves with them.
 * -EAGAIN if items lack theirs; otherwise as above. */
int fd_training_switch(fd_training *training, fd_coming_vectors *coming) FD_MUST_CHECK;

#endif
