/*
 * One refit: fits the last layer of the model that serves to the labels that it has not learned
 * from. All features stay as they are, so a refit takes milliseconds where a training takes
 * seconds.
 *
 * It is fitted to all labels, like that of a training, and starts from the model as it was trained
 * (fisher/last_layer.h). The result therefore depends only on the labels, not on the order in which
 * they came, and nothing is stored.
 */
#ifndef FD_LAST_LAYER_REFIT_H
#define FD_LAST_LAYER_REFIT_H

#include <stdbool.h>

#include "engine_options.h"
#include "macros.h"
#include "snapshot.h"

typedef struct fd_last_layer_refit {
    fd_engine *engine;
    bool (*go_on)(void *context); /* called now and then; false ends the refit */
    void *context;
} fd_last_layer_refit;

/* Whether there are labels, or settings of this version, that the snapshot's model can learn from
 * and has not. An untrained network cannot: its features mean nothing yet. Without labels an
 * untrained model is made again instead (next_snapshot.h). */
bool fd_last_layer_is_behind(const fd_snapshot *snapshot, uint64_t project);

/* 0 once a model that has learned from all labels of this moment serves. -ECANCELED if it does
 * already, another model serves meanwhile or `go_on` ended it; -EDOM if the fit diverged. */
int fd_last_layer_refit_run(const fd_last_layer_refit *refit) FD_MUST_CHECK;

#endif
