/* Fills the figures of a trained model, and publishes or rejects it. */
#include "model_publication.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <fisher/rank_metrics.h>

#include "engine_state.h"
#include "log.h"
#include "model_serving.h"
#include "progress_record.h"
#include "training_figures.h"
#include "unreliable_annotators.h"

/* With fewer decided answers, the difference between two models is noise. */
enum { DECIDED_LEAST = 10, REASON_SIZE = 160 };

/* Standard errors. Two versions that know nothing would differ by two at every fortieth training.
 */
#define ERRORS_CLEAR 3.0

/* The first answer of the set that the training of the model before did not know. */
static size_t first_unseen(const fd_training_set *set, const fd_model_row *before) {
    size_t first = 0;
    while (first < set->answers.count && (int64_t)set->revisions[first] < before->answers)
        first++;
    return first;
}

/* How the model before and the folds predict the answers that neither had seen. */
static int compare(const fd_training_data *data, const fd_training_set *set,
                   const fi_learned *learned, fi_fit *ret_before, fi_fit *ret_now,
                   bool *ret_clear) {
    const fd_snapshot *snapshot = data->snapshot;
    const fi_model *trained = fd_served_model_trained(snapshot->served)->model;
    const fi_answers *answers = &set->answers;
    size_t first = first_unseen(set, &snapshot->served->row), count;
    FD_FREE float *rewards = calloc(snapshot->items + 1, sizeof(*rewards));
    FD_FREE double *before = calloc(answers->count + 1, sizeof(*before));
    FD_FREE double *now = calloc(answers->count + 1, sizeof(*now));
    if (!rewards || !before || !now)
        return -ENOMEM;
    double only_before = 0.0, only_now = 0.0;
    fi_model_rewards(trained, snapshot->items, snapshot->features->data, rewards);
    for (size_t i = 0; i < answers->count; i++) {
        fi_pair pair = answers->pairs[i];
        bool counts = i >= first && pair.a < snapshot->items && pair.b < snapshot->items &&
                      !isnan(learned->cross_fitted[i]);
        before[i] = counts ? (double)rewards[pair.a] - (double)rewards[pair.b] : NAN;
        now[i] = counts ? learned->cross_fitted[i] : NAN;
        double direction = (double)answers->targets[i] - 0.5;
        only_before += before[i] * direction > 0.0 && !(now[i] * direction > 0.0);
        only_now += now[i] * direction > 0.0 && !(before[i] * direction > 0.0);
    }
    /* The answers that only one of the two gets right, by the test of McNemar (1947). */
    *ret_clear = only_before - only_now > ERRORS_CLEAR * sqrt(only_before + only_now);
    *ret_before = fi_evaluate_logits(answers->count, before, answers->targets, &count);
    *ret_now = fi_evaluate_logits(answers->count, now, answers->targets, &count);
    return 0;
}

/* Whether the model before predicted more of them than the interval of this one and a paired test
 * allow. A model that was never trained cannot be better. */
static int reject_if_worse(const fd_training_data *data, const fd_training_set *set,
                           const fi_learned *learned, fd_model_row *row, char reason[REASON_SIZE]) {
    const fd_model_row *row_before = &data->snapshot->served->row;
    fi_fit before, now;
    bool clear;
    if (data->coming || row_before->version == 0 || row_before->answers < 0)
        return 0; /* whoever asks for other vectors gets them */
    int r = compare(data, set, learned, &before, &now, &clear);
    if (r < 0 || now.decided < DECIDED_LEAST || !clear || before.accuracy <= now.accuracy_high)
        return r;
    (void)snprintf(reason, REASON_SIZE,
                   "accuracy %.3f (%.3f to %.3f) is below the %.3f of version %llu on the same %zu "
                   "answers, which neither had seen",
                   now.accuracy, now.accuracy_low, now.accuracy_high, before.accuracy,
                   (unsigned long long)row_before->version, now.decided);
    row->state = FD_MODEL_REJECTED;
    row->reason = reason;
    return 0;
}

/* Fills the figures of the row, and rejects a worse model. */
static int evaluate(const fd_training_data *data, const fd_training_set *set,
                    const fi_learned *learned, const fd_snapshot *snapshot, fd_model_row *row,
                    char reason[REASON_SIZE]) {
    FD_FREE float *rewards = NULL;
    int r = fd_snapshot_rewards(snapshot, &rewards);
    if (r == 0)
        r = fd_training_figures_fill(set, learned, row);
    if (r < 0)
        return r;
    row->train_loss = fi_evaluate(rewards, &set->answers).loss;
    row->answers = (int64_t)data->n_revisions;
    row->logdet = fi_factor_logdet(snapshot->design);
    return reject_if_worse(data, set, learned, row, reason);
}

static void report(fd_engine *engine, const fd_model_row *row, const char *reason) {
    bool rejected = row->state == FD_MODEL_REJECTED;
    fd_progress_record_add(engine, row);
    fd_progress_record_update(engine, rejected ? NULL : row);
    if (!rejected)
        return;
    fd_metrics_add(engine->metrics, FD_METRIC_MODELS_REJECTED, NULL, NULL, 1);
    fd_log(FD_LOG_WARNING, "model-rejected", FD_INT("model_version", row->version),
           FD_STR("reason", reason));
}

int fd_model_publish(fd_engine *engine, fd_training_data *data, const fd_training_set *set,
                     fi_learned *learned, fd_model_row *row) {
    FD_FREE uint8_t *bytes = NULL;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    char reason[REASON_SIZE] = "";
    size_t size;
    int r = fi_model_encode(learned->model, &bytes, &size);
    if (r == 0)
        r = fd_model_snapshot_of(engine, data, &learned->model, row, data->n_revisions, &snapshot);
    if (r < 0)
        return r;

    assert(snapshot);
    snapshot->served->project = data->project;
    r = evaluate(data, set, learned, snapshot, row, reason);
    if (r < 0)
        return r;
    snapshot->served->row = *row;
    fd_model_row stored = *row;
    stored.bytes = bytes;
    stored.size = size;
    row->reason = NULL; /* the text goes with this call */
    fd_snapshot *serving = row->state == FD_MODEL_REJECTED ? NULL : snapshot;
    r = data->coming ? fd_model_serve_coming(engine, &stored, serving, data->coming)
                     : fd_model_store_and_serve(engine, &stored, serving, data->re_embeddings);
    if (r == 0 && row->state != FD_MODEL_REJECTED)
        fd_unreliable_annotators_report(engine, data->snapshot->served, snapshot->served);
    if (r == 0)
        report(engine, row, reason);
    return r;
}
