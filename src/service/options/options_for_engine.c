/* Turns the daemon's options into those of the engine. */
#include "options_for_engine.h"

#include "engine_defaults.h"

/* A strategy that is named beats the objective. */
static const char *strategy_of(const fd_options *options) {
    if (options->strategy[0] != '\0')
        return options->strategy;
    return options->objective == 0 ? FD_DEFAULT_STRATEGY : FD_BEST_OF_N_STRATEGY;
}

fd_engine_options fd_options_engine(const fd_options *options) {
    fd_engine_options engine = fd_engine_defaults();
    fi_scope scope;
    if (fi_scope_parse(options->candidates, &scope) == 0)
        engine.candidates.scope = scope;
    engine.kind = (fi_kind)options->model;
    engine.components = (uint32_t)options->components;
    engine.hidden_layers = (uint32_t)options->hidden_layers;
    engine.hidden_width = (uint32_t)options->hidden_width;
    engine.prior_precision = options->prior_precision;
    engine.strategy = strategy_of(options);
    engine.style = (fd_style)options->style;
    engine.max_per_item = (uint32_t)options->max_per_item;
    engine.max_per_prompt = (uint32_t)options->max_per_prompt;
    engine.copy_distance = options->copy_distance;
    engine.candidates.per_pair = (uint32_t)options->candidates_per_pair;
    engine.candidates.contested = options->contested;
    engine.ready = (uint32_t)options->ready;
    engine.lease_seconds = options->lease_seconds;
    engine.leases_per_annotator = (uint32_t)options->leases_per_annotator;
    engine.corrections_per_minute = (uint32_t)options->corrections_per_minute;
    engine.redundancy = (uint32_t)options->redundancy;
    engine.redundancy_share = options->redundancy_share;
    engine.control_fraction = options->control_fraction;
    engine.max_skips = (uint32_t)options->max_skips;
    engine.backup_folder = options->backup_dir;
    engine.checkpoint_rows = (uint32_t)options->checkpoint_rows;
    engine.models_kept = (uint32_t)options->models_kept;
    engine.text_features = options->text_features == 0;
    engine.prompt_dimension = (uint32_t)options->prompt_dimension;
    engine.refit = options->refit == 0;
    engine.retrain = (fd_retrain)options->retrain;
    engine.retrain_labels = (uint32_t)options->retrain_labels;
    engine.retrain_seconds = options->retrain_seconds;
    engine.stuck_seconds = options->worker_stuck_seconds;
    engine.stop_below = options->stop_below;
    engine.train.learning_rate = options->learning_rate;
    engine.train.weight_decay = options->weight_decay;
    engine.train.iterations = (uint32_t)options->iterations;
    engine.train.batch_size = (uint32_t)options->batch_size;
    engine.train.patience = (uint32_t)options->patience;
    engine.seed = options->seed;
    return engine;
}
