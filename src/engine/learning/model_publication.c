/* Evaluates a trained model on held-out labels, and publishes or rejects it. */
#include "model_publication.h"

#include <assert.h>
#include <stdio.h>

#include <fisher/rank_metrics.h>

#include "engine_state.h"
#include "log.h"
#include "model_serving.h"
#include "progress_record.h"
#include "unreliable_annotators.h"

/* With fewer decided held-out labels, the difference between two models is noise. */
enum { DECIDED_LEAST = 10, REASON_SIZE = 160 };

/* Whether the model before predicted more of the same labels correctly than the interval of this
 * one allows. A model that was never trained cannot be better. */
static bool is_worse(const fd_model_row *row, const fi_fit *fit, const fd_model_row *before,
                     const fi_fit *fit_before, char reason[REASON_SIZE]) {
    if (before->version == 0 || fit->decided < DECIDED_LEAST ||
        fit_before->accuracy <= row->held_out_accuracy_high)
        return false;
    (void)snprintf(reason, REASON_SIZE,
                   "held-out accuracy %.3f (%.3f to %.3f) is below the %.3f of version %llu on the "
                   "same %zu answers",
                   fit->accuracy, fit->accuracy_low, fit->accuracy_high, fit_before->accuracy,
                   (unsigned long long)before->version, fit->decided);
    return true;
}

/* Fills the figures of the row, and rejects a worse model. */
static int evaluate(const fd_training_data *data, const fd_evaluation_sets *sets,
                    const fd_snapshot *snapshot, const fd_arm_fits *arms, fd_model_row *row,
                    char reason[REASON_SIZE]) {
    FD_FREE float *rewards = NULL;
    FD_FREE float *rewards_before = NULL;
    int r = fd_snapshot_rewards(snapshot, &rewards);
    if (r == 0)
        r = fd_snapshot_rewards(data->snapshot, &rewards_before);
    if (r < 0)
        return r;
    size_t evaluated = sets->held_out->count;
    fi_fit fit = fi_evaluate(rewards, sets->held_out);
    fi_fit before = fi_evaluate(rewards_before, sets->held_out);
    if (evaluated == 0)
        fit = fi_evaluate_logits(sets->learned->count, sets->cross_fitted, sets->learned->targets,
                                 &evaluated);
    row->train_loss = fi_evaluate(rewards, sets->learned).loss;
    row->held_out_labels = evaluated;
    row->held_out_loss = fit.loss;
    row->held_out_accuracy = fit.accuracy;
    row->held_out_accuracy_low = fit.accuracy_low;
    row->held_out_accuracy_high = fit.accuracy_high;
    row->held_out_calibration_error = fit.calibration_error;
    row->control_labels = arms->control.labels;
    row->control_accuracy = arms->control.accuracy;
    row->answers = (int64_t)data->n_revisions;
    row->logdet = fi_factor_logdet(snapshot->design);
    if (sets->held_out->count > 0 &&
        is_worse(row, &fit, &data->snapshot->served->row, &before, reason)) {
        row->state = FD_MODEL_REJECTED;
        row->reason = reason;
    }
    return 0;
}

static void report(fd_engine *engine, const fd_model_row *row, const fd_arm_fits *arms,
                   const char *reason) {
    bool rejected = row->state == FD_MODEL_REJECTED;
    fd_progress_record_add(engine, row);
    fd_progress_record_update(engine, rejected ? NULL : arms);
    if (!rejected)
        return;
    fd_metrics_add(engine->metrics, FD_METRIC_MODELS_REJECTED, NULL, NULL, 1);
    fd_log(FD_LOG_WARNING, "model-rejected", FD_INT("model_version", row->version),
           FD_STR("reason", reason));
}

int fd_model_publish(fd_engine *engine, const fd_training_data *data,
                     const fd_evaluation_sets *sets, fi_model **model, fd_model_row *row) {
    FD_FREE uint8_t *bytes = NULL;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    char reason[REASON_SIZE] = "";
    size_t size;
    fd_arm_fits arms = {0};
    int r = fi_model_encode(*model, &bytes, &size);
    if (r == 0)
        r = fd_model_snapshot_of(engine, data, model, row, data->n_revisions, &snapshot);
    if (r == 0)
        r = fd_progress_record_measure(data, snapshot, &arms);
    if (r < 0)
        return r;

    assert(snapshot);
    r = evaluate(data, sets, snapshot, &arms, row, reason);
    if (r < 0)
        return r;
    snapshot->served->row = *row;
    fd_model_row stored = *row;
    stored.bytes = bytes;
    stored.size = size;
    row->reason = NULL; /* the text goes with this call */
    r = fd_model_store_and_serve(engine, &stored,
                                 row->state == FD_MODEL_REJECTED ? NULL : snapshot);
    if (r == 0 && row->state != FD_MODEL_REJECTED)
        fd_unreliable_annotators_report(engine, data->snapshot->served, snapshot->served);
    if (r == 0)
        report(engine, row, &arms, reason);
    return r;
}
