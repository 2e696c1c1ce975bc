/* Decides when a training is due, runs it, and reports how it ended. */
#include "trainer_thread.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "engine_state.h"
#include "health.h"
#include "log.h"
#include "replica.h"
#include "thread.h"
#include "training.h"

enum { NICENESS = 5 }; /* people wait for requests, but not for a training */

struct fd_trainer {
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    pthread_cond_t rested;
    bool stop; /* guarded by lock, like all below but the thread */
    bool requested;
    fd_retrain from;          /* of the next training */
    size_t revisions_seen;    /* of labels */
    size_t revisions_trained; /* of those, when the last training began */
    uint64_t extras_seen;     /* changes of extras */
    uint64_t extras_trained;  /* of those, when the last training began */
    bool has_version;         /* a trained model serves; an untrained one learns of extras itself */
    double oldest_new;        /* monotonic seconds when the first news after those came */
    fd_trainer_state state;
    double progress;
    fd_coming_vectors *coming; /* to be switched to; NULL: nobody asks */
    int switched;              /* how the last switch ended */
    size_t switch_revisions;   /* as revisions_trained, of the switch that runs */
    uint64_t switch_extras;
    fd_trainer_hook *on_end; /* set before the thread runs */
    pthread_t thread;
};

int fd_trainer_new(fd_engine *engine) {
    struct fd_trainer *trainer = calloc(1, sizeof(*trainer));
    if (!trainer)
        return -ENOMEM;
    (void)pthread_mutex_init(&trainer->lock, NULL);
    fd_condition_init(&trainer->wanted);
    fd_condition_init(&trainer->rested);
    trainer->from = FD_RETRAIN_CONFIGURED;
    engine->trainer = trainer;
    return 0;
}

void fd_trainer_free(fd_engine *engine) {
    struct fd_trainer *trainer = engine->trainer;
    if (!trainer)
        return;
    (void)pthread_mutex_destroy(&trainer->lock);
    (void)pthread_cond_destroy(&trainer->wanted);
    (void)pthread_cond_destroy(&trainer->rested);
    free(trainer);
}

/* ---- what is new ---- */

static size_t count_new(const struct fd_trainer *trainer) {
    size_t labels = trainer->revisions_seen - trainer->revisions_trained;
    return labels + (trainer->has_version ? trainer->extras_seen - trainer->extras_trained : 0);
}

static void note_new(fd_engine *engine) {
    struct fd_trainer *trainer = engine->trainer;
    trainer->revisions_seen = engine->labels.count;
    trainer->extras_seen = engine->extra_changes;
    trainer->has_version = engine->snapshot && engine->snapshot->served->row.version > 0;
}

void fd_trainer_set_trained(fd_engine *engine, size_t revisions) {
    note_new(engine);
    engine->trainer->extras_trained = engine->trainer->extras_seen;
    engine->trainer->revisions_trained = revisions;
    engine->trainer->oldest_new = fd_monotonic_seconds();
}

void fd_trainer_follow(fd_engine *engine, size_t revisions) {
    struct fd_trainer *trainer = engine->trainer;
    FD_LOCKED(&trainer->lock);
    size_t seen = trainer->revisions_seen;
    size_t trained = revisions < seen ? revisions : seen;
    if (trained > trainer->revisions_trained)
        trainer->revisions_trained = trained;
    trainer->extras_trained = trainer->extras_seen;
}

/* ---- what others see and ask ---- */

void fd_trainer_on_commit(fd_engine *engine) {
    struct fd_trainer *trainer = engine->trainer;
    FD_LOCKED(&trainer->lock);
    size_t before = count_new(trainer);
    note_new(engine);
    if (count_new(trainer) == before)
        return;
    if (before == 0)
        trainer->oldest_new = fd_monotonic_seconds();
    (void)pthread_cond_signal(&trainer->wanted);
}

bool fd_trainer_request(fd_engine *engine, fd_retrain from) {
    struct fd_trainer *trainer = engine->trainer;
    FD_LOCKED(&trainer->lock);
    if (trainer->revisions_seen == 0)
        return false;
    trainer->requested = true;
    if (trainer->from != FD_RETRAIN_SCRATCH)
        trainer->from = from;
    (void)pthread_cond_signal(&trainer->wanted);
    return true;
}

bool fd_trainer_has_labels(fd_engine *engine) {
    FD_LOCKED(&engine->trainer->lock);
    return engine->trainer->revisions_seen > 0;
}

void fd_trainer_withdraw(fd_engine *engine) {
    struct fd_trainer *trainer = engine->trainer;
    FD_LOCKED(&trainer->lock);
    trainer->requested = false;
    trainer->from = FD_RETRAIN_CONFIGURED;
    (void)pthread_cond_broadcast(&trainer->rested);
}

void fd_trainer_on_end(fd_engine *engine, fd_trainer_hook *hook) {
    engine->trainer->on_end = hook;
}

bool fd_trainer_is_at_rest(fd_engine *engine) {
    const struct fd_trainer *trainer = engine->trainer;
    FD_LOCKED(&engine->trainer->lock);
    return !trainer->requested && trainer->state != FD_TRAINER_TRAINING;
}

void fd_trainer_wait(fd_engine *engine) {
    struct fd_trainer *trainer = engine->trainer;
    FD_LOCKED(&trainer->lock);
    while (trainer->requested || trainer->state == FD_TRAINER_TRAINING)
        (void)pthread_cond_wait(&trainer->rested, &trainer->lock);
}

void fd_trainer_read_state(fd_engine *engine, fd_trainer_state *ret, double *ret_progress) {
    FD_LOCKED(&engine->trainer->lock);
    *ret = engine->trainer->state;
    *ret_progress = engine->trainer->progress;
}

int fd_trainer_switch(fd_engine *engine, fd_coming_vectors *coming) {
    struct fd_trainer *trainer = engine->trainer;
    FD_LOCKED(&trainer->lock);
    if (trainer->stop)
        return -ESHUTDOWN;
    trainer->coming = coming;
    (void)pthread_cond_signal(&trainer->wanted);
    while (trainer->coming)
        (void)pthread_cond_wait(&trainer->rested, &trainer->lock);
    return trainer->switched;
}

/* ---- when a training is due ---- */

/* How often a replica looks whether it is the one that trains. */
static const double role_seconds = 0.5;

/* Seconds until a training is due; 0 if one is, negative if only news or a request makes it so. */
static double seconds_until_due(fd_engine *engine) {
    const fd_engine_options *options = &engine->options;
    const struct fd_trainer *trainer = engine->trainer;
    size_t news = count_new(trainer);
    if (!fd_replica_is_learner(engine))
        return role_seconds;
    if (trainer->requested || (options->retrain_labels > 0 && news >= options->retrain_labels))
        return 0;
    bool tries_again = trainer->state == FD_TRAINER_FAILED;
    if ((news == 0 && !tries_again) || options->retrain_seconds <= 0)
        return -1;
    double left = trainer->oldest_new + options->retrain_seconds - fd_monotonic_seconds();
    return left > 0 ? left : 0;
}

/* With the lock held. */
static void set_state(fd_engine *engine, fd_trainer_state state) {
    engine->trainer->state = state;
    engine->trainer->progress = 0;
    if (state != FD_TRAINER_TRAINING)
        (void)pthread_cond_broadcast(&engine->trainer->rested);
    fd_metrics_set(engine->metrics, FD_METRIC_TRAINER_TRAINING, NULL, NULL,
                   state == FD_TRAINER_TRAINING);
}

/* With the lock held. */
static void end_switch(struct fd_trainer *trainer, int result) {
    if (!trainer->coming)
        return;
    trainer->switched = result;
    trainer->coming = NULL;
    (void)pthread_cond_broadcast(&trainer->rested);
}

/* Waits until a training is due and begins it; false when the engine closes. */
static bool begin_training(fd_engine *engine, fd_retrain *ret_from,
                           fd_coming_vectors **ret_coming) {
    struct fd_trainer *trainer = engine->trainer;
    FD_LOCKED(&trainer->lock);
    for (double seconds;
         !trainer->stop && !trainer->coming && (seconds = seconds_until_due(engine)) != 0;) {
        if (seconds < 0)
            (void)pthread_cond_wait(&trainer->wanted, &trainer->lock);
        else
            fd_condition_wait_for(&trainer->wanted, &trainer->lock, seconds);
    }
    if (trainer->stop) {
        end_switch(trainer, -ESHUTDOWN);
        return false;
    }
    *ret_coming = trainer->coming;
    set_state(engine, FD_TRAINER_TRAINING);
    if (trainer->coming) {
        trainer->switch_revisions = trainer->revisions_seen;
        trainer->switch_extras = trainer->extras_seen;
        return true;
    }
    *ret_from = trainer->from;
    trainer->requested = false;
    trainer->from = FD_RETRAIN_CONFIGURED;
    trainer->revisions_trained = trainer->revisions_seen;
    trainer->extras_trained = trainer->extras_seen;
    return true;
}

/* ---- how it ended ---- */

/* The engine closes, other vectors serve by now, no label counts any more, or a switch waits for
 * vectors. */
static bool is_harmless(int result) {
    return result == -ECANCELED || result == -ESHUTDOWN || result == -ENODATA || result == -EAGAIN;
}

static void report(fd_engine *engine, int result) {
    const char *name = result == 0       ? "published"
                       : result > 0      ? "rejected"
                       : result == -EDOM ? "diverged"
                                         : "failed";
    if (is_harmless(result))
        return;
    fd_health_result(engine, FD_HEALTH_TRAINING, result < 0);
    fd_metrics_add(engine->metrics, FD_METRIC_RETRAINS, name, NULL, 1);
    if (result < 0)
        fd_log(FD_LOG_ERROR, "training-failed", FD_STR("result", name),
               FD_STR("error", strerror(-result)));
}

static void end_training(fd_engine *engine, int result) {
    struct fd_trainer *trainer = engine->trainer;
    FD_LOCKED(&trainer->lock);
    set_state(engine, result < 0 && !is_harmless(result) ? FD_TRAINER_FAILED : FD_TRAINER_IDLE);
    if (count_new(trainer) > 0 || trainer->state == FD_TRAINER_FAILED)
        trainer->oldest_new = fd_monotonic_seconds();
}

/* A switch that did not come about leaves the state of the trainings as it was. */
static void end_training_of_switch(fd_engine *engine, int result) {
    struct fd_trainer *trainer = engine->trainer;
    FD_LOCKED(&trainer->lock);
    if (result == 0 && trainer->coming->version > 0) {
        trainer->revisions_trained = trainer->switch_revisions;
        trainer->extras_trained = trainer->switch_extras;
    }
    set_state(engine, FD_TRAINER_IDLE);
    end_switch(trainer, result);
}

/* ---- the thread ---- */

static bool goes_on(void *context, double share) {
    fd_engine *engine = context;
    fd_health_beat(engine, FD_HEALTH_TRAINING);
    FD_LOCKED(&engine->trainer->lock);
    engine->trainer->progress = share;
    return !engine->trainer->stop;
}

/* Whoever asked for the switch may give it up. */
static bool switch_goes_on(void *context, double share) {
    fd_engine *engine = context;
    const fd_coming_vectors *coming = engine->trainer->coming; /* this thread alone ends it */
    return goes_on(context, share) && coming->go_on(coming->context);
}

static int run(fd_training *training, fd_retrain from, fd_coming_vectors *coming) {
    training->go_on = coming ? switch_goes_on : goes_on;
    return coming ? fd_training_switch(training, coming) : fd_training_run(training, from);
}

static void call_on_end(fd_engine *engine) {
    if (engine->trainer->on_end)
        engine->trainer->on_end(engine);
}

static void *train_loop(void *context) {
    fd_engine *engine = context;
    fd_training training = {.engine = engine, .context = engine};
    fd_coming_vectors *coming;
    fd_retrain from = FD_RETRAIN_CONFIGURED;
    fd_thread_name("training");
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    while (begin_training(engine, &from, &coming)) {
        fd_health_beat(engine, FD_HEALTH_TRAINING);
        int r = run(&training, from, coming);
        report(engine, r);
        fd_health_rest(engine, FD_HEALTH_TRAINING);
        if (coming)
            end_training_of_switch(engine, r);
        else
            end_training(engine, r);
        if (r != -ECANCELED && r != -ESHUTDOWN)
            call_on_end(engine);
    }
    return NULL;
}

int fd_trainer_start(fd_engine *engine) {
    return -pthread_create(&engine->trainer->thread, NULL, train_loop, engine);
}

void fd_trainer_interrupt(fd_engine *engine) {
    FD_LOCKED(&engine->trainer->lock);
    engine->trainer->stop = true;
    (void)pthread_cond_signal(&engine->trainer->wanted);
}

void fd_trainer_stop(fd_engine *engine) {
    fd_trainer_interrupt(engine);
    (void)pthread_join(engine->trainer->thread, NULL);
}
