/*
 * The refitter: one thread that fits the last layer of the model that serves to answers that it has
 * not learned from, as soon as they come; one fit takes all that are there. The features stay as
 * they are, so that this takes milliseconds where a training takes seconds.
 *
 * A linear model is fitted to all answers. A network's training also fitted its features to
 * answers, which must not count twice: what it learned is the prior of a fit to the answers after
 * them, normal about its beta with the information of its answers and its lambda (refit.h). Both
 * start from the model as it was trained, so that the result depends on the answers alone and not
 * on how they came; nothing is stored.
 */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "engine_private.h"
#include "log.h"

enum { REFITTER_NICENESS = 5 };

/* Between two fits it rests half as long as the last one took, but not longer than this, and so
 * takes two thirds of a core at most while a fit is short. */
static const double rest_seconds = 0.05;

FD_DEFINE_CLEANUP(fi_information, fi_information_free)

struct refitter {
    fd_engine *engine;
    /* The network that was refitted last, as it was trained, and the information of its answers. */
    fd_served_model *trained;
    fi_information *known;
};

static void refitter_clear(struct refitter *refitter) {
    fd_served_model_free(refitter->trained);
    fi_information_free(refitter->known);
}

/* A network that was never trained has no features worth fitting. */
static bool is_behind(const fd_snapshot *snapshot) {
    const fd_served_model *served = snapshot->served;
    return snapshot->answers > served->answers &&
           (served->row.version > 0 || fi_model_shape(served->model)->hidden_layers == 0);
}

/* ---- fitting ---- */

static bool goes_on(void *context) {
    fd_engine *engine = context;
    (void)pthread_mutex_lock(&engine->refit_lock);
    bool stop = engine->refit_stop;
    (void)pthread_mutex_unlock(&engine->refit_lock);
    fd_health_beat(engine, FD_HEALTH_REFIT);
    return !stop;
}

static fi_refit_options refit_options(fd_engine *engine, double prior_precision) {
    fi_refit_options options = fi_refit_defaults();
    options.prior_precision = prior_precision;
    options.go_on = goes_on;
    options.context = engine;
    return options;
}

static void copy_beta(const fi_model *model, double *beta) {
    fi_layer last = fi_model_layer(model, fi_model_shape(model)->hidden_layers);
    for (size_t j = 0; j < last.inputs; j++)
        beta[j] = (double)last.weights[j];
}

/* The information of the answers that the network was trained on, under its own beta. */
static int find_known(const fd_training_data *lesson, fd_served_model *trained,
                      fi_information **ret) {
    FD_CLEANUP(fd_training_set_clear) fd_training_set set = {0};
    FD_CLEANUP(fi_information_freep) fi_information *known = NULL;
    const fd_snapshot *snapshot = lesson->snapshot;
    fd_training_data learned = *lesson; /* as it was then: a view */
    learned.n_answers = trained->answers;
    int r = fd_training_set_fill(&learned, 0, false, FD_ORIGIN_NONE, &set);
    if (r == 0)
        r = fi_information_new(snapshot->features->width, &known);
    if (r < 0)
        return r;
    FD_FREE float *rewards = calloc(snapshot->items, sizeof(*rewards));
    if (!rewards)
        return -ENOMEM;
    fi_model_rewards(trained->model, snapshot->items, snapshot->features->data, rewards);
    fi_candidates pairs = {
        .n_items = snapshot->items,
        .n_features = snapshot->features->width,
        .n_pairs = set.answers.count,
        .features = snapshot->features->data,
        .rewards = rewards,
        .pairs = set.pairs,
    };
    r = fi_information_add(known, &pairs);
    if (r < 0)
        return r;
    *ret = FD_STEAL(known);
    return 0;
}

static int know(struct refitter *refitter, const fd_training_data *lesson,
                fd_served_model *trained) {
    if (refitter->trained == trained)
        return 0;
    fi_information *known;
    int r = find_known(lesson, trained, &known);
    if (r < 0)
        return r;
    refitter_clear(refitter);
    refitter->trained = fd_served_model_reference(trained);
    refitter->known = known;
    return 0;
}

static int fit_network(struct refitter *refitter, const fd_training_data *lesson,
                       fd_served_model *trained, const fi_answers *answers, double *beta) {
    const fd_snapshot *snapshot = lesson->snapshot;
    size_t width = snapshot->features->width;
    FD_FREE double *mean = calloc(width, sizeof(*mean));
    if (!mean)
        return -ENOMEM;
    int r = know(refitter, lesson, trained);
    if (r < 0)
        return r;
    copy_beta(trained->model, mean);
    fi_refit_options options = refit_options(refitter->engine, trained->row.prior_precision);
    options.prior_mean = mean;
    options.prior_information = refitter->known;
    fi_refit_result result;
    return fi_refit(snapshot->items, width, snapshot->features->data, answers, &options, beta,
                    &result);
}

static int fit(struct refitter *refitter, const fd_training_data *lesson, fd_served_model **ret) {
    const fd_snapshot *snapshot = lesson->snapshot;
    fd_served_model *trained = fd_served_model_trained(snapshot->served);
    bool is_linear = fi_model_shape(trained->model)->hidden_layers == 0;
    size_t width = snapshot->features->width;
    FD_CLEANUP(fd_training_set_clear) fd_training_set set = {0};
    FD_FREE double *beta = calloc(width, sizeof(*beta));
    if (!beta)
        return -ENOMEM;
    int r =
        fd_training_set_fill(lesson, is_linear ? 0 : trained->answers, false, FD_ORIGIN_NONE, &set);
    if (r < 0)
        return r;

    double precision = trained->row.prior_precision;
    fi_refit_options options =
        refit_options(refitter->engine, refitter->engine->options.prior_precision);
    fi_refit_result result;
    copy_beta(trained->model, beta);
    if (set.answers.count > 0 && is_linear)
        r = fi_learn_linear(snapshot->items, width, snapshot->features->data, &set.answers,
                            &options, beta, &precision, &result);
    else if (set.answers.count > 0)
        r = fit_network(refitter, lesson, trained, &set.answers, beta);
    if (r < 0)
        return r;
    return fd_served_model_refit(snapshot->served, beta, precision, lesson->n_answers,
                                 fd_labels_counting(lesson->answers, lesson->n_answers), ret);
}

/* ---- the job of serving it ---- */

struct refit_job {
    fd_job job;
    fd_snapshot *snapshot;
};

/* Another model may serve by now, or is about to; then what was fitted is of no use. */
static int store_refit(fd_engine *engine, fd_job *job) {
    fd_snapshot *refit = ((struct refit_job *)job)->snapshot;
    if (engine->pending.base ||
        refit->served->trained != fd_served_model_trained(engine->snapshot->served))
        return -ECANCELED;
    int r = fd_snapshot_follow(refit, engine->snapshot);
    if (r == 0)
        engine->pending.base = refit;
    return r;
}

static void apply_refit(fd_engine *engine, fd_job *job) {
    (void)job;
    fd_metrics_add(engine->metrics, FD_METRIC_REFITS, "published", NULL, 1);
}

static int refit(struct refitter *refitter) {
    fd_engine *engine = refitter->engine;
    FD_CLEANUP(fd_training_data_clear) fd_training_data lesson = {0};
    FD_CLEANUP(fd_served_model_freep) fd_served_model *served = NULL;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    int r = fd_training_data_read(engine, &lesson);
    if (r < 0)
        return r;
    if (!lesson.snapshot || !is_behind(lesson.snapshot))
        return -ECANCELED;
    r = fit(refitter, &lesson, &served);
    if (r == 0)
        r = fd_snapshot_refit(lesson.snapshot, served, lesson.answers, &snapshot);
    if (r < 0)
        return r;
    struct refit_job job = {.job = {.store = store_refit, .apply = apply_refit},
                            .snapshot = snapshot};
    r = fd_writer_run(engine, &job.job);
    if (r == 0)
        fd_log(FD_LOG_DEBUG, "refitted", FD_INT("model_version", served->row.version),
               FD_INT("labels", served->labels),
               FD_REAL("prior_precision", served->row.prior_precision));
    return r;
}

/* ---- the thread ---- */

static void note_result(fd_engine *engine, int result, double start, double due_since) {
    if (result == -ECANCELED || result == -ESHUTDOWN)
        return;
    double now = fd_monotonic_seconds();
    fd_health_result(engine, FD_HEALTH_REFIT, result != 0);
    if (result == 0) {
        fd_metrics_observe(engine->metrics, FD_METRIC_REFIT_SECONDS, NULL, NULL, now - start);
        fd_metrics_observe(engine->metrics, FD_METRIC_LABEL_TO_MODEL_SECONDS, NULL, NULL,
                           now - due_since);
        return;
    }
    const char *name = result == -EDOM ? "diverged" : "failed";
    fd_metrics_add(engine->metrics, FD_METRIC_REFITS, name, NULL, 1);
    fd_log(FD_LOG_ERROR, "refit-failed", FD_STR("result", name),
           FD_STR("error", strerror(-result)));
}

/* Under the lock. */
static void rest(fd_engine *engine, double seconds) {
    double until = fd_monotonic_seconds() + fmin(seconds / 2, rest_seconds);
    while (!engine->refit_stop && fd_monotonic_seconds() < until)
        fd_wait_for(&engine->refit_wanted, &engine->refit_lock, until - fd_monotonic_seconds());
}

static void *refit_loop(void *context) {
    fd_engine *engine = context;
    FD_CLEANUP(refitter_clear) struct refitter refitter = {.engine = engine};
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), REFITTER_NICENESS);
    (void)pthread_mutex_lock(&engine->refit_lock);
    while (!engine->refit_stop) {
        if (!engine->refit_due) {
            (void)pthread_cond_wait(&engine->refit_wanted, &engine->refit_lock);
            continue;
        }
        double due_since = engine->refit_due_since;
        engine->refit_due = false;
        engine->refit_runs = true;
        (void)pthread_mutex_unlock(&engine->refit_lock);

        double start = fd_monotonic_seconds();
        fd_health_beat(engine, FD_HEALTH_REFIT);
        note_result(engine, refit(&refitter), start, due_since);
        fd_health_rest(engine, FD_HEALTH_REFIT);
        double took = fd_monotonic_seconds() - start;

        (void)pthread_mutex_lock(&engine->refit_lock);
        engine->refit_runs = false;
        (void)pthread_cond_broadcast(&engine->refit_ended);
        rest(engine, took);
    }
    (void)pthread_mutex_unlock(&engine->refit_lock);
    return NULL;
}

void fd_refitter_notify(fd_engine *engine) {
    if (!engine->options.refit || !is_behind(engine->snapshot))
        return;
    (void)pthread_mutex_lock(&engine->refit_lock);
    if (!engine->refit_due)
        engine->refit_due_since = fd_monotonic_seconds();
    engine->refit_due = true;
    (void)pthread_cond_signal(&engine->refit_wanted);
    (void)pthread_mutex_unlock(&engine->refit_lock);
}

int fd_refitter_start(fd_engine *engine) {
    if (!engine->options.refit)
        return 0;
    return -pthread_create(&engine->refitter, NULL, refit_loop, engine);
}

void fd_refitter_interrupt(fd_engine *engine) {
    (void)pthread_mutex_lock(&engine->refit_lock);
    engine->refit_stop = true;
    (void)pthread_cond_signal(&engine->refit_wanted);
    (void)pthread_mutex_unlock(&engine->refit_lock);
}

void fd_refitter_stop(fd_engine *engine) {
    fd_refitter_interrupt(engine);
    if (engine->options.refit)
        (void)pthread_join(engine->refitter, NULL);
}
