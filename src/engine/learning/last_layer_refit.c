/* Fits the last layer to new labels, and hands the model to the writer. */
#include "last_layer_refit.h"

#include <errno.h>

#include "assignment_id.h"
#include "log.h"
#include "training_data.h"
#include "writer.h"

FD_DEFINE_CLEANUP(fi_last_layer, fi_last_layer_free)

bool fd_last_layer_is_behind(const fd_snapshot *snapshot, uint64_t project) {
    const fd_served_model *served = snapshot->served;
    bool is_trained = served->row.version > 0;
    if (!is_trained && fi_model_shape(served->model)->hidden_layers > 0)
        return false;
    return snapshot->revisions > served->revisions ||
           (served->project != project && (is_trained || served->refits > 0));
}

/* ---- fitting ---- */

/* The design effect of a training stands while its answers are many, and the history has grown by
 * no more than this share: it hardly changes then, and to measure it takes longer than the fit. */
#define GROWTH_MOST 0.05
enum { ANSWERS_MANY = 1000 };

/* 0: to be measured */
static double known_design_effect(const fd_training_data *data, const fi_model *trained) {
    const fi_last_layer *layer = fi_model_last_layer(trained);
    size_t knew = fd_served_model_trained(data->snapshot->served)->fitted;
    bool stands = layer && knew >= ANSWERS_MANY && data->n_revisions >= knew &&
                  (double)(data->n_revisions - knew) <= GROWTH_MOST * (double)knew;
    return stands ? layer->design_effect : 0.0;
}

static int fit_layer(const fd_last_layer_refit *refit, const fd_training_data *data,
                     const fi_answers *answers, fi_last_layer **ret) {
    const fd_snapshot *snapshot = data->snapshot;
    const fi_model *trained = fd_served_model_trained(snapshot->served)->model;
    uint32_t extras = fi_model_shape(trained)->extras;
    size_t width = snapshot->features->width, h = width - extras;
    const float *features = snapshot->features->data;
    fi_block blocks[FI_BLOCKS_MAX], extra_blocks[FI_EXTRAS_MAX];
    fi_learn_options learn = {.prior_precision = refit->engine->options.prior_precision,
                              .extra_blocks = extra_blocks};
    learn.n_extra_blocks =
        fd_training_data_blocks(data, fi_model_extra_ids(trained), extras, extra_blocks);
    double square = fi_mean_square(snapshot->items, width, features, answers, 0, h);
    fi_last_layer_options options = fi_last_layer_defaults();
    options.blocks = blocks;
    options.n_blocks = fi_learn_blocks(&learn, h, square, blocks);
    options.design_effect = known_design_effect(data, trained);
    options.go_on = refit->go_on;
    options.context = refit->context;
    return fi_last_layer_fit(snapshot->items, width, features, answers, &options,
                             fi_model_last_layer(trained), ret);
}

static int fit(const fd_last_layer_refit *refit, const fd_training_data *data,
               fd_served_model **ret) {
    FD_CLEANUP(fd_training_set_clear) fd_training_set set = {0};
    FD_CLEANUP(fi_last_layer_freep) fi_last_layer *layer = NULL;
    int r = fd_training_set_fill(data, &set);
    if (r == 0)
        r = fit_layer(refit, data, &set.answers, &layer);
    if (r < 0)
        return r;
    r = fd_served_model_refit(data->snapshot->served, layer, data->n_revisions,
                              fd_label_revisions_counting(data->revisions, data->n_revisions), ret);
    if (r == 0)
        (*ret)->project = data->project;
    return r;
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

int fd_last_layer_refit_run(const fd_last_layer_refit *refit) {
    FD_CLEANUP(fd_training_data_clear) fd_training_data data = {0};
    FD_CLEANUP(fd_served_model_freep) fd_served_model *served = NULL;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    int r = fd_training_data_read(refit->engine, &data);
    if (r < 0)
        return r;
    if (!data.snapshot || !fd_last_layer_is_behind(data.snapshot, data.project))
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
               FD_REAL("prior_precision", served->row.prior_precision),
               FD_REAL("design_effect", fd_served_model_design_effect(served)));
    return r;
}
