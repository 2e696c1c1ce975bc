/* Sets the gauges that follow the tables, the snapshot and the store. */
#include "state_gauges.h"

#include "engine_state.h"

static void set(fd_engine *engine, fd_metric metric, double value) {
    fd_metrics_set(engine->metrics, metric, NULL, NULL, value);
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
    if (row->version > 0) {
        set(engine, FD_METRIC_HELD_OUT_LOSS, row->held_out_loss);
        set(engine, FD_METRIC_HELD_OUT_ACCURACY, row->held_out_accuracy);
        set(engine, FD_METRIC_CALIBRATION_ERROR, row->held_out_calibration_error);
        set(engine, FD_METRIC_LENGTH_LOSS, row->unseen.length_loss);
        set(engine, FD_METRIC_LENGTH_ACCURACY, row->unseen.length_accuracy);
    }
}
