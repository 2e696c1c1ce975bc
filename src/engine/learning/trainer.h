/* Trainings: asking for one and waiting for it. */
#ifndef FD_TRAINER_H
#define FD_TRAINER_H

#include "engine.h"

typedef enum fd_trainer_state {
    FD_TRAINER_IDLE,
    FD_TRAINER_TRAINING,
    FD_TRAINER_FAILED
} fd_trainer_state;

/* Asks for a retrain. One that runs goes on, and another follows it, from scratch if any of those
 * who asked meanwhile wants that. -EAGAIN with a fault when there is no label to learn from. */
int fd_engine_train(fd_engine *engine, fd_retrain from, fd_fault *fault) FD_MUST_CHECK;

/* Returns once every training that was asked for has ended, and its model, if it succeeded, serves.
 */
void fd_engine_wait_trained(fd_engine *engine);

/* Returns once what serves has learned from all answers that there are, or cannot; at once without
 * the option `refit`. */
void fd_engine_wait_refitted(fd_engine *engine);

#endif
