#include <math.h>
#include <time.h>

#include "engine_private.h"
#include "trainer.h"

void fd_wait_for(pthread_cond_t *condition, pthread_mutex_t *lock, double seconds) {
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = floor(seconds);
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)((seconds - whole) * 1e9) + 1;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(condition, lock, &until);
}

void fd_engine_wait_trained(fd_engine *engine) {
    (void)pthread_mutex_lock(&engine->worker_lock);
    while (engine->train_requested || engine->worker_state == FD_TRAINER_TRAINING)
        (void)pthread_cond_wait(&engine->worker_rested, &engine->worker_lock);
    (void)pthread_mutex_unlock(&engine->worker_lock);
}

void fd_engine_wait_refitted(fd_engine *engine) {
    (void)pthread_mutex_lock(&engine->refit_lock);
    while (engine->refit_due || engine->refit_runs)
        (void)pthread_cond_wait(&engine->refit_ended, &engine->refit_lock);
    (void)pthread_mutex_unlock(&engine->refit_lock);
}
