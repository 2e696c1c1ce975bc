/*
 * The worker: one thread that retrains when enough answers came, or the oldest of them waited long
 * enough, or somebody asked. It reads copies, learns, and has the model published.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "engine_private.h"
#include "log.h"
#include "trainer.h"

enum { WORKER_NICENESS = 5 };

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

/* ---- one training ---- */

static bool go_on(void *context, double share) {
    fd_engine *engine = context;
    (void)pthread_mutex_lock(&engine->worker_lock);
    bool stop = engine->worker_stop;
    engine->worker_progress = share;
    (void)pthread_mutex_unlock(&engine->worker_lock);
    fd_health_beat(engine, FD_HEALTH_TRAINING);
    return !stop;
}

/* The input statistics are kept until the items have doubled. */
static const fi_model *inputs_to_keep(const fd_training_data *lesson) {
    const fd_served_model *served = lesson->snapshot->served;
    return lesson->n_items < 2 * served->row.items ? served->model : NULL;
}

/* Whether a network may go on from the one that serves. */
static bool may_go_on(const fd_engine *engine, const fd_training_data *lesson, size_t labels,
                      fd_retrain from) {
    if (from == FD_RETRAIN_CONFIGURED)
        from = engine->options.retrain;
    if (from == FD_RETRAIN_SCRATCH ||
        (from == FD_RETRAIN_AUTO && labels >= 2 * engine->labels_at_scratch))
        return false;
    return lesson->snapshot->served->row.version > 0 && inputs_to_keep(lesson);
}

static fi_learn_options learn_options(fd_engine *engine, const fd_training_data *lesson) {
    const fd_engine_options *options = &engine->options;
    return (fi_learn_options){
        .kind = options->kind,
        .shape = {.inputs = (uint32_t)lesson->embeddings->width,
                  .components = options->components,
                  .hidden_layers = options->hidden_layers,
                  .hidden_width = options->hidden_width},
        .prior_precision = options->prior_precision,
        .train = options->train,
        .seed = options->seed + engine->last_model_version,
        .go_on = go_on,
        .context = engine,
    };
}

static void tell_trained(const fd_model_row *row, const fi_learned *learned) {
    const char *kind = fi_model_shape(learned->model)->hidden_layers > 0 ? "network" : "linear";
    fd_log(FD_LOG_INFO, "trained", FD_INT("model_version", row->version), FD_STR("kind", kind),
           FD_INT("labels", row->labels), FD_INT("iterations", row->iterations),
           FD_REAL("prior_precision", row->prior_precision), FD_INT("tried", learned->tried),
           FD_REAL("linear_loss", learned->linear_loss),
           FD_REAL("network_loss", learned->network_loss), FD_REAL("seconds", row->seconds));
}

/* 1: the model was rejected. */
static int train(fd_engine *engine, const fd_training_data *lesson, fd_retrain from) {
    double start = fd_monotonic_seconds();
    FD_CLEANUP(fd_training_set_clear) fd_training_set learn = {0};
    FD_CLEANUP(fd_training_set_clear) fd_training_set held_out = {0};
    int r = fd_training_set_fill(lesson, 0, false, FD_ORIGIN_NONE, &learn);
    if (r == 0)
        r = fd_training_set_fill(lesson, 0, true, FD_ORIGIN_NONE, &held_out);
    if (r < 0)
        return r;
    if (learn.answers.count == 0) {
        fd_log(FD_LOG_INFO, "training-skipped", FD_STR("reason", "every label is held out"),
               FD_INT("labels", held_out.answers.count));
        return -ENODATA;
    }

    size_t labels = learn.answers.count + held_out.answers.count;
    const fd_served_model *served = lesson->snapshot->served;
    const fi_model *inputs = inputs_to_keep(lesson);
    const fi_model *begin = may_go_on(engine, lesson, labels, from) ? served->model : NULL;
    fi_learn_options options = learn_options(engine, lesson);
    fi_learned learned = {0};
    r = fi_learn(lesson->n_items, lesson->embeddings->data, &learn.answers, &held_out.answers,
                 inputs, begin, &options, &learned);
    if (r < 0)
        return r;
    if (!learned.went_on)
        engine->labels_at_scratch = labels;

    FD_CLEANUP(fi_model_freep) fi_model *model = learned.model;
    fd_model_row row = {
        .version = engine->last_model_version + 1,
        .parent = learned.went_on ? served->row.version : 0,
        .scratch = !learned.went_on,
        .labels = labels,
        .items = inputs ? served->row.items : lesson->n_items,
        .iterations = learned.iterations,
        .prior_precision = learned.prior_precision,
        .seconds = fd_monotonic_seconds() - start,
        .created_ms = fd_engine_now_ms(engine),
    };
    tell_trained(&row, &learned);
    fd_evaluation_sets trial = {&learn.answers, &held_out.answers};
    r = fd_model_versions_publish(engine, lesson, &trial, &model, &row);
    if (r < 0)
        return r;
    fd_metrics_observe(engine->metrics, FD_METRIC_RETRAIN_SECONDS, NULL, NULL, row.seconds);
    return row.state == FD_MODEL_REJECTED;
}

static int teach(fd_engine *engine, fd_retrain from) {
    FD_CLEANUP(fd_training_data_clear) fd_training_data lesson = {0};
    int r = fd_training_data_read(engine, &lesson);
    if (r < 0)
        return r;
    if (lesson.n_answers == 0)
        return -ENODATA;
    return train(engine, &lesson, from);
}

/* ---- the thread ---- */

/* Seconds until a retrain is due, 0 if it is, or a negative number if nothing will make it so. */
static double seconds_until_due(const fd_engine *engine) {
    const fd_engine_options *options = &engine->options;
    size_t fresh = engine->labels_seen - engine->labels_trained;
    if (engine->train_requested ||
        (options->retrain_labels > 0 && fresh >= options->retrain_labels))
        return 0;
    bool tries_again = engine->worker_state == FD_TRAINER_FAILED;
    if ((fresh == 0 && !tries_again) || options->retrain_seconds <= 0)
        return -1;
    double left = engine->oldest_new_label + options->retrain_seconds - fd_monotonic_seconds();
    return left > 0 ? left : 0;
}

static void wait_until_due(fd_engine *engine, double seconds) {
    if (seconds < 0)
        (void)pthread_cond_wait(&engine->worker_wanted, &engine->worker_lock);
    else
        fd_wait_for(&engine->worker_wanted, &engine->worker_lock, seconds);
}

static void set_worker_state(fd_engine *engine, fd_trainer_state state) {
    engine->worker_state = state;
    engine->worker_progress = 0;
    if (state != FD_TRAINER_TRAINING)
        (void)pthread_cond_broadcast(&engine->worker_rested);
    fd_metrics_set(engine->metrics, FD_METRIC_TRAINER_TRAINING, NULL, NULL,
                   state == FD_TRAINER_TRAINING);
}

/* Closing, or every answer so far is held out. */
static bool is_no_failure(int result) {
    return result == -ECANCELED || result == -ESHUTDOWN || result == -ENODATA;
}

static void note_result(fd_engine *engine, int result) {
    const char *name = result == 0       ? "published"
                       : result > 0      ? "rejected"
                       : result == -EDOM ? "diverged"
                                         : "failed";
    if (is_no_failure(result))
        return;
    fd_health_result(engine, FD_HEALTH_TRAINING, result < 0);
    fd_metrics_add(engine->metrics, FD_METRIC_RETRAINS, name, NULL, 1);
    if (result < 0)
        fd_log(FD_LOG_ERROR, "training-failed", FD_STR("result", name),
               FD_STR("error", strerror(-result)));
}

static void *work_loop(void *context) {
    fd_engine *engine = context;
    /* People wait for requests, nobody for a training. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICENESS);
    (void)pthread_mutex_lock(&engine->worker_lock);
    while (!engine->worker_stop) {
        double seconds = seconds_until_due(engine);
        if (seconds != 0) {
            wait_until_due(engine, seconds);
            continue;
        }
        fd_retrain from = engine->train_from;
        engine->train_requested = false;
        engine->train_from = FD_RETRAIN_CONFIGURED;
        engine->labels_trained = engine->labels_seen;
        set_worker_state(engine, FD_TRAINER_TRAINING);
        (void)pthread_mutex_unlock(&engine->worker_lock);

        fd_health_beat(engine, FD_HEALTH_TRAINING);
        int r = teach(engine, from);
        note_result(engine, r);
        fd_health_rest(engine, FD_HEALTH_TRAINING);

        (void)pthread_mutex_lock(&engine->worker_lock);
        set_worker_state(engine, r < 0 && !is_no_failure(r) ? FD_TRAINER_FAILED : FD_TRAINER_IDLE);
        if (engine->labels_seen > engine->labels_trained ||
            engine->worker_state == FD_TRAINER_FAILED)
            engine->oldest_new_label = fd_monotonic_seconds();
    }
    (void)pthread_mutex_unlock(&engine->worker_lock);
    return NULL;
}

void fd_trainer_notify(fd_engine *engine, size_t labels) {
    (void)pthread_mutex_lock(&engine->worker_lock);
    if (labels > engine->labels_seen) {
        if (engine->labels_seen == engine->labels_trained)
            engine->oldest_new_label = fd_monotonic_seconds();
        engine->labels_seen = labels;
        (void)pthread_cond_signal(&engine->worker_wanted);
    }
    (void)pthread_mutex_unlock(&engine->worker_lock);
}

int fd_engine_train(fd_engine *engine, fd_retrain from, fd_fault *fault) {
    (void)pthread_mutex_lock(&engine->worker_lock);
    bool possible = engine->labels_seen > 0;
    if (possible) {
        engine->train_requested = true;
        if (engine->train_from != FD_RETRAIN_SCRATCH)
            engine->train_from = from;
        (void)pthread_cond_signal(&engine->worker_wanted);
    }
    (void)pthread_mutex_unlock(&engine->worker_lock);
    return possible ? 0 : fd_fault_set(fault, -EAGAIN, "", "there are no labels to learn from yet");
}

int fd_trainer_start(fd_engine *engine) {
    engine->train_from = FD_RETRAIN_CONFIGURED;
    return -pthread_create(&engine->worker, NULL, work_loop, engine);
}

void fd_trainer_interrupt(fd_engine *engine) {
    (void)pthread_mutex_lock(&engine->worker_lock);
    engine->worker_stop = true;
    (void)pthread_cond_signal(&engine->worker_wanted);
    (void)pthread_mutex_unlock(&engine->worker_lock);
}

void fd_trainer_stop(fd_engine *engine) {
    fd_trainer_interrupt(engine);
    (void)pthread_join(engine->worker, NULL);
}
