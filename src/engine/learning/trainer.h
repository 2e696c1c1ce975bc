/* Trainings: ask for one, and wait until models have learned. */
#ifndef FD_TRAINER_H
#define FD_TRAINER_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"

typedef enum fd_trainer_state {
    FD_TRAINER_IDLE,
    FD_TRAINER_TRAINING,
    FD_TRAINER_FAILED
} fd_trainer_state;

/* Asks for a training. If one runs, it goes on, and another one follows it; that one starts from
 * scratch if any of the requests meanwhile asked for it. -EAGAIN with a fault without labels. At a
 * store of several replicas the one that trains begins it within some seconds. */
int fd_engine_train(fd_engine *engine, fd_retrain from, fd_fault *fault) FD_MUST_CHECK;

/* Returns once all trainings have ended that the trainer here was asked for, and the model of one
 * that succeeded serves. */
void fd_engine_wait_trained(fd_engine *engine);

/* Returns once the model that serves has learned from all labels, or cannot; at once without the
 * option `refit`. */
void fd_engine_wait_refitted(fd_engine *engine);

#endif
