/* Fits the last layer to new labels, and hands the model to the writer. */
#include "last_layer_refit.h"

#include <errno.h>

#include "assignment_id.h"
#include "log.h"
#include "snapshot_rows.h"
#include "training_data.h"
#include "writer.h"

FD_DEFINE_CLEANUP(fi_information, fi_information_free)

void fd_last_layer_refit_clear(fd_last_layer_refit *refit) {
    fd_served_model_free(refit->trained);
    fi_information_free(refit->known);
}

bool fd_last_layer_is_behind(const fd_snapshot *snapshot) {
    const fd_served_model *served = snapshot->served;
    return snapshot->revisions > served->revisions &&
           (served->row.version > 0 || fi_model_shape(served->model)->hidden_layers == 0);
}

/* ---- fitting ---- */

static fi_refit_options refit_options(const fd_last_layer_refit *refit, double prior_precision) {
    fi_refit_options options = fi_refit_defaults();
    options.prior_precision = prior_precision;
    options.go_on = refit->go_on;
    options.context = refit->context;
    return options;
}

static void copy_beta(const fi_model *model, double *beta) {
    fi_layer last = fi_model_layer(model, fi_model_shape(model)->hidden_layers);
    for (size_t j = 0; j < last.inputs; j++)
        beta[j] = (double)last.weights[j];
}

/* The information of the labels that the network was trained on, under its own beta. */
static int find_known(const fd_training_data *data, const fd_served_model *trained,
                      fi_information **ret) {
    FD_CLEANUP(fd_training_set_clear) fd_training_set set = {0};
    FD_CLEANUP(fi_information_freep) fi_information *known = NULL;
    const fd_snapshot *snapshot = data->snapshot;
    fd_training_data learned = *data; /* a view of what the training knew */
    learned.n_revisions = trained->revisions;
    int r = fd_training_set_fill(&learned, 0, false, FD_ORIGIN_NONE, &set);
    if (r == 0)
        r = fi_information_new(snapshot->features->width, &known);
    if (r < 0)
        return r;
    FD_CLEANUP(fd_snapshot_rows_clear) fd_snapshot_rows rows = {0};
    r = fd_snapshot_rows_copy(snapshot, set.answers.pairs, set.answers.count, &rows);
    if (r < 0)
        return r;
    fi_model_rewards(trained->model, rows.count, rows.features, rows.rewards);
    r = fi_information_add(known, &rows.candidates);
    if (r < 0)
        return r;
    *ret = FD_STEAL(known);
    return 0;
}

static int update_known(fd_last_layer_refit *refit, const fd_training_data *data,
                        fd_served_model *trained) {
    if (refit->trained == trained)
        return 0;
    fi_information *known;
    int r = find_known(data, trained, &known);
    if (r < 0)
        return r;
    fd_last_layer_refit_clear(refit);
    refit->trained = fd_served_model_reference(trained);
    refit->known = known;
    return 0;
}

static int fit_network(fd_last_layer_refit *refit, const fd_training_data *data,
                       fd_served_model *trained, const fi_answers *answers, double *beta) {
    const fd_snapshot *snapshot = data->snapshot;
    size_t width = snapshot->features->width;
    FD_FREE double *mean = calloc(width, sizeof(*mean));
    if (!mean)
        return -ENOMEM;
    int r = update_known(refit, data, trained);
    if (r < 0)
        return r;
    copy_beta(trained->model, mean);
    fi_refit_options options = refit_options(refit, trained->row.prior_precision);
    options.prior_mean = mean;
    options.prior_information = refit->known;
    fi_refit_result result;
    return fi_refit(snapshot->items, width, snapshot->features->data, answers, &options, beta,
                    &result);
}

static int fit_linear(const fd_last_layer_refit *refit, const fd_snapshot *snapshot,
                      const fi_answers *answers, double *beta, double *precision) {
    fi_refit_options options = refit_options(refit, refit->engine->options.prior_precision);
    fi_refit_result result;
    return fi_learn_linear(snapshot->items, snapshot->features->width, snapshot->features->data,
                           answers, &options, beta, precision, &result);
}

static int fit(fd_last_layer_refit *refit, const fd_training_data *data, fd_served_model **ret) {
    const fd_snapshot *snapshot = data->snapshot;
    fd_served_model *trained = fd_served_model_trained(snapshot->served);
    bool is_linear = fi_model_shape(trained->model)->hidden_layers == 0;
    double precision = trained->row.prior_precision;
    FD_CLEANUP(fd_training_set_clear) fd_training_set set = {0};
    FD_FREE double *beta = calloc(snapshot->features->width, sizeof(*beta));
    if (!beta)
        return -ENOMEM;
    int r =
        fd_training_set_fill(data, is_linear ? 0 : trained->revisions, false, FD_ORIGIN_NONE, &set);
    if (r < 0)
        return r;
    copy_beta(trained->model, beta);
    if (set.answers.count > 0 && is_linear)
        r = fit_linear(refit, snapshot, &set.answers, beta, &precision);
    else if (set.answers.count > 0)
        r = fit_network(refit, data, trained, &set.answers, beta);
    if (r < 0)
        return r;
    return fd_served_model_refit(snapshot->served, beta, precision, data->n_revisions,
                                 fd_label_revisions_counting(data->revisions, data->n_revisions),
                                 ret);
}

/* ---- the job that makes it serve ---- */

struct refit_job {
    fd_job job;
    fd_snapshot *snapshot;
};

/* Refused if another model serves by now, or is about to: the fit is useless then. */
static int store_refit(fd_engine *engine, fd_job *job, fd_pending *pending) {
    fd_snapshot *snapshot = ((struct refit_job *)job)->snapshot;
    if (pending->base ||
        snapshot->served->trained != fd_served_model_trained(engine->snapshot->served))
        return -ECANCELED;
    fd_snapshot_follow(snapshot, engine->snapshot);
    pending->base = snapshot;
    return 0;
}

static void apply_refit(fd_engine *engine, fd_job *job) {
    (void)job;
    fd_metrics_add(engine->metrics, FD_METRIC_REFITS, "published", NULL, 1);
}

int fd_last_layer_refit_run(fd_last_layer_refit *refit) {
    FD_CLEANUP(fd_training_data_clear) fd_training_data data = {0};
    FD_CLEANUP(fd_served_model_freep) fd_served_model *served = NULL;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    int r = fd_training_data_read(refit->engine, &data);
    if (r < 0)
        return r;
    if (!data.snapshot || !fd_last_layer_is_behind(data.snapshot))
        return -ECANCELED;
    r = fit(refit, &data, &served);
    if (r == 0)
        r = fd_snapshot_refit(data.snapshot, served, data.revisions, &snapshot);
    if (r < 0)
        return r;
    struct refit_job job = {.job = {.store = store_refit, .apply = apply_refit},
                            .snapshot = snapshot};
    r = fd_writer_run(refit->engine, &job.job);
    if (r == 0)
        fd_log(FD_LOG_DEBUG, "refitted", FD_INT("model_version", served->row.version),
               FD_INT("labels", served->labels),
               FD_REAL("prior_precision", served->row.prior_precision));
    return r;
}
