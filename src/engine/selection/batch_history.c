/* Keeps the latest batches in a ring, and follows their gain. */
#include "batch_history.h"

#include <errno.h>
#include <math.h>

#include <fisher/learning_curve.h>

#include "engine_state.h"
#include "thread.h"

struct fd_batch_history {
    pthread_mutex_t lock;
    size_t count;                            /* ever; guarded by lock, like the next */
    fd_batch_record records[FD_BATCHES_MAX]; /* batch i at i mod FD_BATCHES_MAX */
};

int fd_batch_history_new(fd_engine *engine) {
    struct fd_batch_history *history = calloc(1, sizeof(*history));
    if (!history)
        return -ENOMEM;
    (void)pthread_mutex_init(&history->lock, NULL);
    engine->batch_history = history;
    return 0;
}

void fd_batch_history_free(fd_engine *engine) {
    if (!engine->batch_history)
        return;
    (void)pthread_mutex_destroy(&engine->batch_history->lock);
    free(engine->batch_history);
}

static void find_gain(const struct fd_batch_history *history, double *ret_gain, double *ret_trend) {
    double labels[FD_BATCHES_MAX], gains[FD_BATCHES_MAX];
    size_t total = history->count, n = total < FD_BATCHES_MAX ? total : FD_BATCHES_MAX;
    for (size_t i = 0; i < n; i++) {
        labels[i] = (double)history->records[i].labels;
        gains[i] = history->records[i].gain_per_label;
    }
    *ret_gain = total > 0 ? gains[(total - 1) % FD_BATCHES_MAX] : NAN;
    *ret_trend = fi_power_slope(n, labels, gains);
}

static size_t count_labels(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return engine->labels.counting;
}

void fd_batch_history_add(fd_engine *engine, const fd_selection_result *batch) {
    struct fd_batch_history *history = engine->batch_history;
    fd_batch_record record = {
        .created_ms = fd_engine_now_ms(engine),
        .strategy = batch->strategy,
        .model_version = batch->model_version,
        .count = batch->count,
        .labels = count_labels(engine),
        .gain_per_label = (batch->logdet_after - batch->logdet_before) / (double)batch->count,
        .logdet_after = batch->logdet_after,
        .d_efficiency = batch->d_efficiency,
        .random_d_efficiency = batch->random.d_efficiency,
    };
    double gain, trend;
    FD_LOCKED(&history->lock);
    history->records[history->count++ % FD_BATCHES_MAX] = record;
    find_gain(history, &gain, &trend);
    fd_metrics_set(engine->metrics, FD_METRIC_GAIN_PER_LABEL, NULL, NULL, gain);
    fd_metrics_set(engine->metrics, FD_METRIC_GAIN_TREND, NULL, NULL, trend);
}

size_t fd_batch_history_read(fd_engine *engine, fd_batch_record ret[FD_BATCHES_MAX]) {
    const struct fd_batch_history *history = engine->batch_history;
    FD_LOCKED(&engine->batch_history->lock);
    size_t n = history->count < FD_BATCHES_MAX ? history->count : FD_BATCHES_MAX;
    for (size_t i = 0; i < n; i++)
        ret[i] = history->records[(history->count - n + i) % FD_BATCHES_MAX];
    return n;
}

void fd_batch_history_gain(fd_engine *engine, double *ret_gain, double *ret_trend) {
    FD_LOCKED(&engine->batch_history->lock);
    find_gain(engine->batch_history, ret_gain, ret_trend);
}
