/* Trains a new version on copies of items and labels, and has it published. */
#include "training.h"

#include <errno.h>

#include "assignment_id.h"
#include "clock.h"
#include "engine_state.h"
#include "log.h"
#include "model_publication.h"
#include "model_serving.h"
#include "training_data.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)
FD_DEFINE_CLEANUP(fi_reliabilities, fi_reliabilities_free)

/* The model whose input statistics are kept; NULL once the items have doubled since. */
static const fi_model *inputs_to_keep(const fd_training_data *data) {
    const fd_served_model *served = data->snapshot->served;
    return data->n_items < 2 * served->row.items ? served->model : NULL;
}

/* Whether a network may go on from the one that serves. */
static bool may_go_on(const fd_training *training, const fd_training_data *data, size_t labels,
                      fd_retrain from) {
    if (from == FD_RETRAIN_CONFIGURED)
        from = training->engine->options.retrain;
    if (from == FD_RETRAIN_SCRATCH ||
        (from == FD_RETRAIN_AUTO && labels >= 2 * training->labels_at_scratch))
        return false;
    return data->snapshot->served->row.version > 0 && inputs_to_keep(data);
}

static fi_learn_options learn_options(const fd_training *training, const fd_training_data *data,
                                      fi_block *blocks) {
    const fd_engine_options *options = &training->engine->options;
    const fd_item_extras *extras = &data->extras;
    return (fi_learn_options){
        .kind = options->kind,
        .shape = {.inputs = (uint32_t)data->embeddings->width,
                  .components = options->components,
                  .hidden_layers = options->hidden_layers,
                  .hidden_width = options->hidden_width},
        .prior_precision = options->prior_precision,
        .extra_blocks = blocks,
        .n_extra_blocks = fd_training_data_blocks(data, extras->ids, extras->count, blocks),
        .cross_fits = true,
        .train = options->train,
        .seed = options->seed + fd_model_serving_newest(training->engine),
        .go_on = training->go_on,
        .context = training->context,
    };
}

static void log_trained(const fd_model_row *row, const fi_learned *learned) {
    const char *kind = fi_model_shape(learned->model)->hidden_layers > 0 ? "network" : "linear";
    fd_log(FD_LOG_INFO, "trained", FD_INT("model_version", row->version), FD_STR("kind", kind),
           FD_INT("labels", row->labels), FD_INT("iterations", row->iterations),
           FD_REAL("prior_precision", row->prior_precision), FD_INT("tried", learned->tried),
           FD_REAL("linear_loss", learned->linear_loss),
           FD_REAL("network_loss", learned->network_loss), FD_REAL("seconds", row->seconds));
}

static int train(fd_training *training, const fd_training_data *data, fd_evaluation_sets *sets,
                 fd_retrain from) {
    fd_engine *engine = training->engine;
    double start = fd_monotonic_seconds();
    size_t labels = sets->learned->count + sets->held_out->count;
    const fd_served_model *served = data->snapshot->served;
    const fi_model *inputs = inputs_to_keep(data);
    const fi_model *begin = may_go_on(training, data, labels, from) ? served->model : NULL;
    fi_block blocks[FI_EXTRAS_MAX];
    fi_learn_options options = learn_options(training, data, blocks);
    fi_extras extras = fd_item_extras_view(&data->extras);
    fi_learned learned = {0};
    int r = fi_learn(data->n_items, data->embeddings->data, &extras, sets->learned, sets->held_out,
                     inputs, begin, &options, &learned);
    if (r < 0)
        return r;
    if (!learned.went_on)
        training->labels_at_scratch = labels;

    FD_CLEANUP(fi_model_freep) fi_model *model = learned.model;
    FD_FREE double *cross_fitted = learned.cross_fitted;
    FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *reliabilities = learned.reliabilities;
    r = reliabilities ? fi_model_set_reliabilities(model, reliabilities) : 0;
    if (r < 0)
        return r;
    sets->cross_fitted = cross_fitted;
    fd_model_row row = {
        .version = fd_model_serving_newest(engine) + 1,
        .parent = learned.went_on ? served->row.version : 0,
        .scratch = !learned.went_on,
        .labels = labels,
        .items = inputs ? served->row.items : data->n_items,
        .iterations = learned.iterations,
        .prior_precision = learned.prior_precision,
        .seconds = fd_monotonic_seconds() - start,
        .created_ms = fd_engine_now_ms(engine),
    };
    log_trained(&row, &learned);
    r = fd_model_publish(engine, data, sets, &model, &row);
    if (r < 0)
        return r;
    fd_metrics_observe(engine->metrics, FD_METRIC_RETRAIN_SECONDS, NULL, NULL, row.seconds);
    return row.state == FD_MODEL_REJECTED;
}

int fd_training_run(fd_training *training, fd_retrain from) {
    FD_CLEANUP(fd_training_data_clear) fd_training_data data = {0};
    FD_CLEANUP(fd_training_set_clear) fd_training_set learn = {0};
    FD_CLEANUP(fd_training_set_clear) fd_training_set held_out = {0};
    int r = fd_training_data_read(training->engine, &data);
    if (r < 0)
        return r;
    if (data.n_revisions == 0)
        return -ENODATA;
    r = fd_training_data_read_extras(training->engine, NULL, &data);
    if (r < 0)
        return r;
    r = fd_training_set_fill(&data, 0, false, FD_ORIGIN_NONE, &learn);
    if (r == 0)
        r = fd_training_set_fill(&data, 0, true, FD_ORIGIN_NONE, &held_out);
    if (r < 0)
        return r;
    if (learn.answers.count == 0) {
        fd_log(FD_LOG_INFO, "training-skipped", FD_STR("reason", "every label is held out"),
               FD_INT("labels", held_out.answers.count));
        return -ENODATA;
    }
    fd_evaluation_sets sets = {&learn.answers, &held_out.answers, NULL};
    return train(training, &data, &sets, from);
}
