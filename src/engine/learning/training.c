/* Trains a new version on copies of items and labels, and has it published. */
#include "training.h"

#include <errno.h>

#include "clock.h"
#include "engine_state.h"
#include "log.h"
#include "model_publication.h"
#include "model_serving.h"
#include "training_data.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

/* The components that a new model has. */
static uint32_t components_of(const fd_engine *engine, const fd_training_data *data) {
    return engine->options.components < data->dimension ? engine->options.components
                                                        : (uint32_t)data->dimension;
}

/* The model whose input statistics are kept; NULL once the items have doubled since, have other
 * vectors, or are to have another number of components. */
static const fi_model *inputs_to_keep(const fd_engine *engine, const fd_training_data *data) {
    const fd_served_model *served = data->snapshot->served;
    return !data->coming && data->n_items < 2 * served->row.items &&
                   fi_model_shape(served->model)->components == components_of(engine, data)
               ? served->model
               : NULL;
}

/* A model with input statistics of the items. The smallest network can have any inputs. */
static int fit_inputs(const fd_training *training, const fd_training_data *data,
                      const fd_going_on *going_on, fi_model **ret) {
    const fd_engine *engine = training->engine;
    const fd_vector_source source = {.store = engine->store, .are_coming = data->coming != NULL};
    const fi_shape shape = {.inputs = (uint32_t)data->dimension,
                            .components = components_of(engine, data),
                            .hidden_layers = 1,
                            .hidden_width = 1};
    int r = fi_model_new(&shape, 0, ret);
    return r < 0 ? r : fd_inputs_fit(&source, data->n_items, going_on, *ret);
}

/* Whether a network may go on from the one that serves. */
static bool may_go_on(const fd_training *training, const fd_training_data *data, size_t labels,
                      fd_retrain from) {
    if (from == FD_RETRAIN_CONFIGURED)
        from = training->engine->options.retrain;
    if (from == FD_RETRAIN_SCRATCH ||
        (from == FD_RETRAIN_AUTO && labels >= 2 * training->labels_at_scratch))
        return false;
    return data->snapshot->served->row.version > 0 && inputs_to_keep(training->engine, data);
}

static fi_learn_options learn_options(const fd_training *training, const fd_training_data *data,
                                      const fd_training_set *set, fi_block *blocks) {
    const fd_engine_options *options = &training->engine->options;
    const fd_item_extras *extras = &data->extras;
    return (fi_learn_options){
        .kind = options->kind,
        .shape = {.inputs = (uint32_t)data->dimension,
                  .components = options->components,
                  .hidden_layers = options->hidden_layers,
                  .hidden_width = options->hidden_width},
        .prior_precision = options->prior_precision,
        .extra_blocks = blocks,
        .n_extra_blocks = fd_training_data_blocks(data, extras->ids, extras->count, blocks),
        .cross_fits = true,
        .lengths = data->lengths,
        .arms = set->arms,
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

static void learned_clear(fi_learned *learned) {
    fi_model_free(learned->model);
    free(learned->cross_fitted);
    free(learned->length_fitted);
    fi_reliabilities_free(learned->reliabilities);
}

static int train(fd_training *training, fd_training_data *data, const fd_training_set *set,
                 fd_retrain from) {
    fd_engine *engine = training->engine;
    double start = fd_monotonic_seconds();
    size_t labels = set->answers.count;
    const fd_served_model *served = data->snapshot->served;
    const fd_going_on going_on = {.go_on = training->go_on, .context = training->context};
    const fi_model *kept = inputs_to_keep(engine, data);
    FD_CLEANUP(fi_model_freep) fi_model *fitted = NULL;
    int r = kept ? 0 : fit_inputs(training, data, &going_on, &fitted);
    const fi_model *inputs = kept ? kept : fitted;
    if (r == 0)
        r = fd_training_data_project(engine, inputs, &going_on, data);
    if (r < 0)
        return r;
    const fi_model *begin = may_go_on(training, data, labels, from) ? served->model : NULL;
    fi_block blocks[FI_EXTRAS_MAX];
    fi_learn_options options = learn_options(training, data, set, blocks);
    fi_extras extras = fd_item_extras_view(&data->extras);
    FD_CLEANUP(learned_clear) fi_learned learned = {0};
    r = fi_learn_prepared(data->n_items, data->components->data, data->components->width, &extras,
                          &set->answers, inputs, begin, &options, &learned);
    if (r < 0)
        return r;
    if (!learned.went_on)
        training->labels_at_scratch = labels;

    r = learned.reliabilities ? fi_model_set_reliabilities(learned.model, learned.reliabilities)
                              : 0;
    if (r < 0)
        return r;
    fd_model_row row = {
        .version = fd_model_serving_newest(engine) + 1,
        .parent = learned.went_on ? served->row.version : 0,
        .scratch = !learned.went_on,
        .labels = labels,
        .items = kept ? served->row.items : data->n_items,
        .iterations = learned.iterations,
        .prior_precision = learned.prior_precision,
        .seconds = fd_monotonic_seconds() - start,
        .created_ms = fd_engine_now_ms(engine),
    };
    log_trained(&row, &learned);
    r = fd_model_publish(engine, data, set, &learned, &row);
    if (r < 0)
        return r;
    fd_metrics_observe(engine->metrics, FD_METRIC_RETRAIN_SECONDS, NULL, NULL, row.seconds);
    return row.state == FD_MODEL_REJECTED;
}

static void note_texts(fd_training *training, const fd_training_data *data) {
    bool takes_texts = data->extras.count > 0 && data->extras.ids[0] < FD_TEXT_FEATURES;
    bool without = data->text_share > 0.0 && !takes_texts;
    if (without && !training->without_texts)
        fd_log(FD_LOG_WARNING, "text-features-off", FD_STR("reason", "too few items have texts"),
               FD_REAL("share", data->text_share));
    training->without_texts = without;
}

static int run(fd_training *training, fd_training_data *data, fd_retrain from) {
    FD_CLEANUP(fd_training_set_clear) fd_training_set set = {0};
    if (data->n_revisions == 0)
        return -ENODATA;
    int r = fd_training_data_read_extras(training->engine, NULL, data);
    if (r < 0)
        return r;
    note_texts(training, data);
    r = fd_training_set_fill(data, &set);
    if (r < 0)
        return r;
    return set.answers.count > 0 ? train(training, data, &set, from) : -ENODATA;
}

int fd_training_run(fd_training *training, fd_retrain from) {
    FD_CLEANUP(fd_training_data_clear) fd_training_data data = {0};
    int r = fd_training_data_read(training->engine, &data);
    return r < 0 ? r : run(training, &data, from);
}

int fd_training_switch(fd_training *training, fd_coming_vectors *coming) {
    FD_CLEANUP(fd_training_data_clear) fd_training_data data = {0};
    int r = fd_training_data_read(training->engine, &data);
    if (r == 0 && data.snapshot)
        r = fd_training_data_take_coming(&data, coming);
    if (r == 0)
        r = run(training, &data, FD_RETRAIN_SCRATCH);
    if (r == -ENODATA || r == -EDOM)
        r = fd_model_serve_coming(training->engine, NULL, NULL, coming);
    return r;
}
