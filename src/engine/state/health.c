/* Records signs of life, and finds trainings and refits that are stuck or keep failing. */
#include "health.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "clock.h"
#include "engine_state.h"

enum { FAILURES_MAX = 3 }; /* in a row; as many make the engine not ready */

struct fd_health {
    struct pulse {
        _Atomic double beat;  /* monotonic seconds of the last sign of life; 0: it rests */
        atomic_uint failures; /* in a row */
    } pulses[FD_HEALTH_SUBJECTS];
};

/* The subjects that count for readiness. */
static const struct learner {
    fd_health_subject subject;
    const char *name;
    const char *plural;
    fd_metric stuck, failures;
} learners[] = {
    {FD_HEALTH_TRAINING, "training", "trainings", FD_METRIC_TRAINER_STUCK,
     FD_METRIC_RETRAIN_FAILURES},
    {FD_HEALTH_REFIT, "refit", "refits", FD_METRIC_REFITTER_STUCK, FD_METRIC_REFIT_FAILURES},
};

int fd_health_new(fd_engine *engine) {
    engine->health = calloc(1, sizeof(*engine->health));
    return engine->health ? 0 : -ENOMEM;
}

void fd_health_free(fd_engine *engine) {
    free(engine->health);
}

void fd_health_beat(fd_engine *engine, fd_health_subject subject) {
    atomic_store(&engine->health->pulses[subject].beat, fd_monotonic_seconds());
}

void fd_health_wake(fd_engine *engine, fd_health_subject subject) {
    if (atomic_load(&engine->health->pulses[subject].beat) == 0)
        fd_health_beat(engine, subject);
}

void fd_health_rest(fd_engine *engine, fd_health_subject subject) {
    atomic_store(&engine->health->pulses[subject].beat, 0);
}

void fd_health_result(fd_engine *engine, fd_health_subject subject, bool has_failed) {
    atomic_uint *failures = &engine->health->pulses[subject].failures;
    if (has_failed)
        (void)atomic_fetch_add(failures, 1);
    else
        atomic_store(failures, 0);
    for (size_t i = 0; i < FD_LENGTH(learners); i++)
        if (learners[i].subject == subject)
            fd_metrics_set(engine->metrics, learners[i].failures, NULL, NULL,
                           (double)atomic_load(failures));
}

double fd_health_silence(fd_engine *engine, fd_health_subject subject) {
    double beat = atomic_load(&engine->health->pulses[subject].beat);
    return beat == 0 ? 0 : fd_monotonic_seconds() - beat;
}

int fd_health_ready(fd_engine *engine, char *reason, size_t size) {
    int r = 0;
    for (size_t i = 0; i < FD_LENGTH(learners); i++) {
        const struct learner *learner = &learners[i];
        double seconds = fd_health_silence(engine, learner->subject);
        bool is_stuck = seconds > engine->options.stuck_seconds;
        unsigned failures = atomic_load(&engine->health->pulses[learner->subject].failures);
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
