/* Sets the gauges that follow the tables, the snapshot and the store. */
#include "state_gauges.h"

#include "engine_state.h"
#include "text_columns.h"

static void set(fd_engine *engine, fd_metric metric, double value) {
    fd_metrics_set(engine->metrics, metric, NULL, NULL, value);
}

/* What the model has learned about the answers and the texts. */
static void set_learned(fd_engine *engine, const fi_model *model) {
    const fi_last_layer *layer = fi_model_last_layer(model);
    fd_text_columns text = fd_text_columns_of(model);
    uint32_t score;
    if (!layer)
        return;
    set(engine, FD_METRIC_DESIGN_EFFECT, layer->design_effect);
    set(engine, FD_METRIC_SIDE_EFFECT, layer->side);
    for (size_t g = 0; g < layer->n_blocks; g++)
        if (layer->blocks[g].first >= text.first &&
            layer->blocks[g].first < text.first + text.count)
            fd_metrics_set(engine->metrics, FD_METRIC_TEXT_PROBABILITY,
                           fd_block_name(model, &layer->blocks[g], &score), NULL,
                           layer->probabilities[g]);
}

void fd_state_gauges_set(fd_engine *engine) {
    set(engine, FD_METRIC_ITEMS, (double)engine->items.count);
    for (size_t i = 0; i < FD_LENGTH(engine->labels.by_preference); i++)
        fd_metrics_set(engine->metrics, FD_METRIC_LABELS, fd_preference_name((fd_preference)i),
                       NULL, (double)engine->labels.by_preference[i]);
    set(engine, FD_METRIC_STORE_LOG_BYTES,
        (double)engine->store->operations->log_bytes(engine->store));
    if (!engine->snapshot)
        return;
    const fd_model_row *row = &engine->snapshot->served->row;
    set(engine, FD_METRIC_LOGDET, fi_factor_logdet(engine->snapshot->design));
    set(engine, FD_METRIC_MODEL_VERSION, (double)row->version);
    set_learned(engine, engine->snapshot->served->model);
    if (row->version > 0) {
        set(engine, FD_METRIC_HELD_OUT_LOSS, row->held_out_loss);
        set(engine, FD_METRIC_HELD_OUT_ACCURACY, row->held_out_accuracy);
        set(engine, FD_METRIC_CALIBRATION_ERROR, row->held_out_calibration_error);
        set(engine, FD_METRIC_LENGTH_LOSS, row->unseen.length_loss);
        set(engine, FD_METRIC_LENGTH_ACCURACY, row->unseen.length_accuracy);
    }
}
