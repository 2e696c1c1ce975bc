/* The history of the latest batches that were chosen for the ready queues. It locks itself. */
#ifndef FD_BATCH_HISTORY_H
#define FD_BATCH_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "engine_options.h"
#include "macros.h"
#include "select.h"

enum { FD_BATCHES_MAX = 256 };

typedef struct fd_batch_record {
    int64_t created_ms;
    const char *strategy;
    uint64_t model_version;
    size_t count;
    size_t labels;         /* that counted when it was chosen */
    double gain_per_label; /* nats of log det, mean over the pairs */
    double logdet_after;
    double d_efficiency;
    double random_d_efficiency; /* of a random batch of the same size */
} fd_batch_record;

int fd_batch_history_new(fd_engine *engine) FD_MUST_CHECK;
void fd_batch_history_free(fd_engine *engine);

void fd_batch_history_add(fd_engine *engine, const fd_selection_result *batch);

/* Copies the batches, the oldest first, and returns how many there are. */
size_t fd_batch_history_read(fd_engine *engine, fd_batch_record ret[FD_BATCHES_MAX]);

/* The gain per label of the latest batch, and the exponent with which the gain changes with the
 * number of labels; NaN if unknown. */
void fd_batch_history_gain(fd_engine *engine, double *ret_gain, double *ret_trend);

#endif
