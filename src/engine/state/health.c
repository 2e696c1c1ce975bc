/*
 * Whether the threads in the background go on: each beats while it works, the training and the
 * refit at each of their steps, the writer at each group of jobs.
 */
#include <errno.h>
#include <stdio.h>

#include "clock.h"
#include "engine_private.h"

enum { FAILURES_MAX = 3 }; /* in a row, of which nobody is warned yet */

static const struct learner {
    fd_health_subject watched;
    const char *name;
    const char *plural;
    fd_metric stuck, failures;
} learners[] = {
    {FD_HEALTH_TRAINING, "training", "trainings", FD_METRIC_TRAINER_STUCK,
     FD_METRIC_RETRAIN_FAILURES},
    {FD_HEALTH_REFIT, "refit", "refits", FD_METRIC_REFITTER_STUCK, FD_METRIC_REFIT_FAILURES},
};

void fd_health_beat(fd_engine *engine, fd_health_subject watched) {
    atomic_store(&engine->pulses[watched].beat, fd_monotonic_seconds());
}

void fd_health_rest(fd_engine *engine, fd_health_subject watched) {
    atomic_store(&engine->pulses[watched].beat, 0);
}

void fd_health_result(fd_engine *engine, fd_health_subject watched, bool has_failed) {
    atomic_uint *failures = &engine->pulses[watched].failures;
    if (has_failed)
        (void)atomic_fetch_add(failures, 1);
    else
        atomic_store(failures, 0);
    for (size_t i = 0; i < FD_LENGTH(learners); i++)
        if (learners[i].watched == watched)
            fd_metrics_set(engine->metrics, learners[i].failures, NULL, NULL,
                           (double)atomic_load(failures));
}

/* Seconds since the last beat; 0 of one that rests. */
static double silence(fd_engine *engine, fd_health_subject watched) {
    double beat = atomic_load(&engine->pulses[watched].beat);
    return beat == 0 ? 0 : fd_monotonic_seconds() - beat;
}

double fd_engine_stalled_seconds(fd_engine *engine) {
    return silence(engine, FD_HEALTH_WRITER);
}

int fd_health_ready(fd_engine *engine, char *reason, size_t size) {
    int r = 0;
    for (size_t i = 0; i < FD_LENGTH(learners); i++) {
        const struct learner *learner = &learners[i];
        double seconds = silence(engine, learner->watched);
        bool is_stuck = seconds > engine->options.stuck_seconds;
        unsigned failures = atomic_load(&engine->pulses[learner->watched].failures);
        fd_metrics_set(engine->metrics, learner->stuck, NULL, NULL, is_stuck);
        if (r == 0 && is_stuck)
            (void)snprintf(reason, size, "the %s has made no step for %.0f seconds", learner->name,
                           seconds);
        else if (r == 0 && failures >= FAILURES_MAX)
            (void)snprintf(reason, size, "the last %u %s failed", failures, learner->plural);
        else
            continue;
        r = -EAGAIN;
    }
    return r;
}
