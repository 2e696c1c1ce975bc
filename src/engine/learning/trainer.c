/* What requests and tests ask of the trainer and the refitter. */
#include "trainer.h"

#include <errno.h>

#include "engine_state.h"
#include "refitter.h"
#include "replica.h"
#include "trainer_thread.h"
#include "training_wish.h"
#include "writer.h"

/* Whichever replica trains by then. */
static int train_at_any(fd_engine *engine, fd_retrain from, bool *ret_has_labels) {
    int r = fd_writer_catch_up(engine);
    *ret_has_labels = fd_trainer_has_labels(engine);
    if (r >= 0 && *ret_has_labels)
        r = fd_training_wish_add(engine, from);
    if (r == 0 && fd_replica_is_learner(engine))
        fd_replica_wake(engine);
    return r < 0 ? r : 0;
}

int fd_engine_train(fd_engine *engine, fd_retrain from, fd_fault *fault) {
    bool has_labels;
    int r = 0;
    if (engine->store->replicas)
        r = train_at_any(engine, from, &has_labels);
    else
        has_labels = fd_trainer_request(engine, from);
    if (r < 0 || has_labels)
        return r;
    return fd_fault_set(fault, -EAGAIN, "", "there are no labels to learn from yet");
}

void fd_engine_wait_trained(fd_engine *engine) {
    fd_trainer_wait(engine);
}

void fd_engine_wait_refitted(fd_engine *engine) {
    fd_refitter_wait(engine);
}
