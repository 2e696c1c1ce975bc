/* What requests and tests ask of the trainer and the refitter. */
#include "trainer.h"

#include <errno.h>

#include "refitter.h"
#include "replica.h"
#include "trainer_thread.h"

int fd_engine_train(fd_engine *engine, fd_retrain from, fd_fault *fault) {
    if (!fd_replica_is_learner(engine))
        return fd_fault_set(fault, -EBUSY, "", "another replica trains: it alone takes requests");
    if (fd_trainer_request(engine, from))
        return 0;
    return fd_fault_set(fault, -EAGAIN, "", "there are no labels to learn from yet");
}

void fd_engine_wait_trained(fd_engine *engine) {
    fd_trainer_wait(engine);
}

void fd_engine_wait_refitted(fd_engine *engine) {
    fd_refitter_wait(engine);
}
