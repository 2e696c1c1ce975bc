/*
 * The worker: one thread that retrains when enough answers came, or the oldest of them waited long
 * enough, or somebody asked. It reads copies, trains, and has the model published.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "private.h"

enum { WORKER_NICENESS = 5 };

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

void fd_lesson_clear(fd_lesson *lesson) {
    fd_snapshot_free(lesson->snapshot);
    fd_rows_free(lesson->embeddings);
    free(lesson->answers);
}

int fd_lesson_read(fd_engine *engine, fd_lesson *ret) {
    int r = 0;
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    ret->n_answers = engine->answers.count;
    if (engine->snapshot && ret->n_answers > 0) {
        ret->n_items = engine->items.count;
        ret->snapshot = fd_snapshot_reference(engine->snapshot);
        ret->embeddings = fd_rows_reference(engine->embeddings);
        ret->answers = malloc(ret->n_answers * sizeof(*ret->answers));
        if (ret->answers)
            memcpy(ret->answers, engine->answers.answers, ret->n_answers * sizeof(*ret->answers));
        else
            r = -ENOMEM;
    }
    (void)pthread_rwlock_unlock(&engine->state_lock);
    return r;
}

/* ---- answers for libfisher ---- */

struct answer_set {
    fi_answers answers;
    fi_pair *pairs;
    float *targets;
};

static void answer_set_clear(struct answer_set *set) {
    free(set->pairs);
    free(set->targets);
}

/* What counts of each label is its newest revision in the lesson. `control` keeps to the answers to
 * pairs that were drawn at random. */
static int answer_set_fill(const fd_lesson *lesson, bool held_out, bool control,
                           struct answer_set *ret) {
    FD_FREE uint8_t *newest = calloc(lesson->n_answers + 1, sizeof(*newest));
    ret->pairs = calloc(lesson->n_answers, sizeof(*ret->pairs));
    ret->targets = calloc(lesson->n_answers, sizeof(*ret->targets));
    if (!newest || !ret->pairs || !ret->targets)
        return -ENOMEM;
    for (size_t i = 0; i < lesson->n_answers; i++)
        newest[lesson->answers[i].label] = lesson->answers[i].preference;
    size_t count = 0;
    for (size_t i = 0; i < lesson->n_answers; i++) {
        const fd_answer *answer = &lesson->answers[i];
        fd_preference preference = (fd_preference)newest[i];
        if (answer->label != i || answer->held_out != held_out || !fd_preference_counts(preference))
            continue;
        if (control && !(answer->origin & FD_ORIGIN_CONTROL))
            continue;
        ret->pairs[count] = answer->pair;
        ret->targets[count++] = fd_preference_target(preference);
    }
    ret->answers = (fi_answers){count, ret->pairs, ret->targets};
    return 0;
}

/* ---- one training ---- */

/* With fewer, the held-out loss is noise, and stopping by it keeps a model that learned nothing. */
enum { HELD_OUT_LEAST = 10 };

static int on_progress(void *context, const fi_train_progress *progress) {
    fd_engine *engine = context;
    (void)pthread_mutex_lock(&engine->worker_lock);
    bool stop = engine->worker_stop;
    engine->worker_progress =
        (double)progress->iteration / (double)engine->options.train.iterations;
    (void)pthread_mutex_unlock(&engine->worker_lock);
    return stop;
}

/*
 * A warm start that can still move: weights halfway between those that serve and fresh ones.
 * Weights that fit the old answers to the last are hard to move by new ones (shrink and perturb,
 * Ash and Adams 2020).
 */
static int warm_model(const fi_model *served, uint64_t seed, fi_model **ret) {
    FD_CLEANUP(fi_model_freep) fi_model *fresh = NULL;
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = fi_model_new(fi_model_shape(served), seed, &fresh);
    if (r == 0)
        r = fi_model_copy(served, &model);
    if (r < 0)
        return r;
    size_t count;
    const float *from = fi_model_parameters(fresh, &count);
    float *to = fi_model_parameters(model, &count);
    for (size_t i = 0; i < count; i++)
        to[i] = 0.5f * to[i] + 0.5f * from[i];
    *ret = FD_STEAL(model);
    return 0;
}

/*
 * The model to start from: the one that serves, unless it was never trained, has another shape than
 * the options ask for, or the items have doubled since its input statistics were taken. A new model
 * takes them from all items. The row gets where it came from.
 */
static int starting_model(fd_engine *engine, const fd_lesson *lesson, bool scratch, fi_model **ret,
                          fd_model_row *row) {
    const fd_engine_options *options = &engine->options;
    const fd_served_model *served = lesson->snapshot->served;
    const fi_shape *shape = fi_model_shape(served->model);
    fi_shape wanted = {
        .inputs = shape->inputs,
        .components = options->components < shape->inputs ? options->components : shape->inputs,
        .hidden_layers = options->hidden_layers,
        .hidden_width = options->hidden_layers > 0 ? options->hidden_width : 0,
    };
    if (!scratch && served->row.version > 0 && memcmp(shape, &wanted, sizeof(wanted)) == 0 &&
        lesson->n_items < 2 * served->row.items) {
        row->items = served->row.items;
        row->parent = served->row.version;
        return warm_model(served->model, options->seed + served->row.version, ret);
    }

    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = fi_model_new(&wanted, options->seed, &model);
    if (r < 0)
        return r;
    r = fi_model_fit_inputs(model, lesson->n_items, lesson->embeddings->data);
    if (r < 0)
        return r;
    row->items = lesson->n_items;
    row->scratch = 1;
    *ret = FD_STEAL(model);
    return 0;
}

/* 1: the model was rejected. */
static int train(fd_engine *engine, const fd_lesson *lesson, bool scratch) {
    double start = fd_monotonic_seconds();
    FD_CLEANUP(answer_set_clear) struct answer_set learn = {0};
    FD_CLEANUP(answer_set_clear) struct answer_set held_out = {0};
    FD_CLEANUP(answer_set_clear) struct answer_set control = {0};
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    fd_model_row row = {
        .version = engine->last_model_version + 1,
        .prior_precision = engine->options.prior_precision,
    };
    int r = answer_set_fill(lesson, false, false, &learn);
    if (r == 0)
        r = answer_set_fill(lesson, true, false, &held_out);
    if (r == 0)
        r = answer_set_fill(lesson, true, true, &control);
    if (r == 0 && learn.answers.count == 0) {
        fd_log(FD_LOG_INFO, "training-skipped", FD_STR("reason", "every label is held out"),
               FD_INT("labels", held_out.answers.count));
        return -ENODATA;
    }
    if (r == 0)
        r = starting_model(engine, lesson, scratch, &model, &row);
    if (r < 0)
        return r;

    fi_train_options options = engine->options.train;
    options.seed = engine->options.seed + engine->last_model_version;
    options.progress = on_progress;
    options.context = engine;
    fi_train_result result;
    r = fi_train(model, lesson->n_items, lesson->embeddings->data, &learn.answers,
                 held_out.answers.count >= HELD_OUT_LEAST ? &held_out.answers : NULL, &options,
                 &result);
    if (r < 0)
        return r;

    row.labels = learn.answers.count + held_out.answers.count;
    row.iterations = result.iterations;
    row.train_loss = result.train.loss;
    row.seconds = fd_monotonic_seconds() - start;
    row.created_ms = fd_engine_now_ms(engine);
    r = fd_models_publish(engine, lesson, &(fd_trial){&held_out.answers, &control.answers}, &model,
                          &row);
    if (r < 0)
        return r;
    fd_metrics_observe(engine->metrics, FD_METRIC_RETRAIN_SECONDS, NULL, NULL, row.seconds);
    fd_log(FD_LOG_INFO, "trained", FD_INT("model_version", row.version),
           FD_INT("labels", row.labels), FD_INT("iterations", row.iterations),
           FD_REAL("train_loss", row.train_loss), FD_REAL("held_out_loss", row.held_out_loss),
           FD_REAL("held_out_accuracy", row.held_out_accuracy), FD_REAL("seconds", row.seconds));
    return row.state == FD_MODEL_REJECTED;
}

static int teach(fd_engine *engine, bool scratch) {
    FD_CLEANUP(fd_lesson_clear) fd_lesson lesson = {0};
    int r = fd_lesson_read(engine, &lesson);
    if (r < 0)
        return r;
    if (lesson.n_answers == 0)
        return -ENODATA;
    return train(engine, &lesson, scratch);
}

/* ---- the thread ---- */

/* Seconds until a retrain is due, 0 if it is, or a negative number if nothing will make it so. */
static double seconds_until_due(const fd_engine *engine) {
    const fd_engine_options *options = &engine->options;
    size_t fresh = engine->labels_seen - engine->labels_trained;
    if (engine->train_requested ||
        (options->retrain_labels > 0 && fresh >= options->retrain_labels))
        return 0;
    if (fresh == 0 || options->retrain_seconds <= 0)
        return -1;
    double left = engine->oldest_new_label + options->retrain_seconds - fd_monotonic_seconds();
    return left > 0 ? left : 0;
}

static void wait_for(fd_engine *engine, double seconds) {
    if (seconds < 0) {
        (void)pthread_cond_wait(&engine->worker_wanted, &engine->worker_lock);
        return;
    }
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = floor(seconds);
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)((seconds - whole) * 1e9) + 1;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&engine->worker_wanted, &engine->worker_lock, &until);
}

static void set_worker_state(fd_engine *engine, fd_worker_state state) {
    engine->worker_state = state;
    engine->worker_progress = 0;
    fd_metrics_set(engine->metrics, FD_METRIC_WORKER_TRAINING, NULL, NULL,
                   state == FD_WORKER_TRAINING);
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
            wait_for(engine, seconds);
            continue;
        }
        bool scratch = engine->train_scratch;
        engine->train_requested = false;
        engine->train_scratch = false;
        engine->labels_trained = engine->labels_seen;
        set_worker_state(engine, FD_WORKER_TRAINING);
        (void)pthread_mutex_unlock(&engine->worker_lock);

        int r = teach(engine, scratch);
        note_result(engine, r);

        (void)pthread_mutex_lock(&engine->worker_lock);
        set_worker_state(engine, r < 0 && !is_no_failure(r) ? FD_WORKER_FAILED : FD_WORKER_IDLE);
        if (engine->labels_seen > engine->labels_trained)
            engine->oldest_new_label = fd_monotonic_seconds();
    }
    (void)pthread_mutex_unlock(&engine->worker_lock);
    return NULL;
}

void fd_worker_tell(fd_engine *engine, size_t labels) {
    (void)pthread_mutex_lock(&engine->worker_lock);
    if (labels > engine->labels_seen) {
        if (engine->labels_seen == engine->labels_trained)
            engine->oldest_new_label = fd_monotonic_seconds();
        engine->labels_seen = labels;
        (void)pthread_cond_signal(&engine->worker_wanted);
    }
    (void)pthread_mutex_unlock(&engine->worker_lock);
}

int fd_engine_train(fd_engine *engine, bool scratch, fd_fault *fault) {
    (void)pthread_mutex_lock(&engine->worker_lock);
    bool possible = engine->labels_seen > 0;
    if (possible) {
        engine->train_requested = true;
        engine->train_scratch |= scratch;
        (void)pthread_cond_signal(&engine->worker_wanted);
    }
    (void)pthread_mutex_unlock(&engine->worker_lock);
    return possible ? 0 : fd_fault_set(fault, -EAGAIN, "", "there are no labels to learn from yet");
}

int fd_worker_start(fd_engine *engine) {
    return -pthread_create(&engine->worker, NULL, work_loop, engine);
}

void fd_worker_stop(fd_engine *engine) {
    (void)pthread_mutex_lock(&engine->worker_lock);
    engine->worker_stop = true;
    (void)pthread_cond_signal(&engine->worker_wanted);
    (void)pthread_mutex_unlock(&engine->worker_lock);
    (void)pthread_join(engine->worker, NULL);
}
