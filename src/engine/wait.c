#include <time.h>

#include "private.h"

/* The worker tells nobody that it rests; next to a training, a look each millisecond is nothing. */
static const struct timespec between_looks = {.tv_nsec = 1000000};

void fd_engine_wait_trained(fd_engine *engine) {
    for (;;) {
        (void)pthread_mutex_lock(&engine->worker_lock);
        bool busy = engine->train_requested || engine->worker_state == FD_WORKER_TRAINING;
        (void)pthread_mutex_unlock(&engine->worker_lock);
        if (!busy)
            return;
        (void)nanosleep(&between_looks, NULL);
    }
}
