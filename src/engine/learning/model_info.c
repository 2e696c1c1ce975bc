/* Collects the figures of the model that serves. */
#include "model_info.h"

#include <math.h>

#include "engine_state.h"
#include "thread.h"
#include "trainer_thread.h"

/* Of a model that was never trained. */
static const fd_model_row untrained_row = {
    .state = FD_MODEL_ACTIVE,
    .scratch = -1,
    .prior_precision = NAN,
    .train_loss = NAN,
    .held_out_loss = NAN,
    .held_out_accuracy = NAN,
    .held_out_accuracy_low = NAN,
    .held_out_accuracy_high = NAN,
    .held_out_calibration_error = NAN,
    .control_accuracy = NAN,
    .seconds = NAN,
    .answers = -1,
    .logdet = NAN,
};

/* The snapshot and the counts of one moment; NULL before the first item. */
static fd_snapshot *read_state(fd_engine *engine, fd_model_info *info) {
    FD_READ_LOCKED(&engine->state_lock);
    info->items = engine->items.count;
    info->labels = engine->labels.counting;
    fd_learned_coefficients_read(engine, engine->snapshot ? engine->snapshot->served : NULL,
                                 &info->coefficients);
    return engine->snapshot ? fd_snapshot_reference(engine->snapshot) : NULL;
}

int fd_engine_model(fd_engine *engine, fd_model_info *ret) {
    fd_model_info info = {
        .row = untrained_row,
        .logdet = NAN,
        .shape = {.components = engine->options.components,
                  .hidden_layers = engine->options.hidden_layers,
                  .hidden_width = engine->options.hidden_width},
    };
    fd_unseen_figures_clear(&info.row.unseen);
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = read_state(engine, &info);
    if (snapshot) {
        const fd_served_model *served = snapshot->served;
        if (served->row.version > 0)
            info.row = served->row;
        info.row.state = FD_MODEL_ACTIVE;
        info.version = served->row.version;
        info.labels_fitted = served->labels;
        info.refits = served->refits;
        info.shape = *fi_model_shape(served->model);
        info.feature_count = fi_model_feature_count(served->model);
        info.logdet = fi_factor_logdet(snapshot->design);
    }
    fd_trainer_read_state(engine, &info.worker, &info.progress);
    *ret = info;
    return 0;
}
