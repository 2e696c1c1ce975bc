/*
 * One refit: fits the last layer of the model that serves to the labels that it has not learned
 * from. All features stay as they are, so a refit takes milliseconds where a training takes
 * seconds.
 *
 * A linear model is fitted to all labels. A network's features were trained on labels, too, which
 * must not count twice: what the training learned is the prior of a fit to the labels after it,
 * normal about its beta with the information of its labels and its lambda (fisher/refit.h). Both
 * start from the model as it was trained. The result therefore depends only on the labels, not on
 * the order in which they came, and nothing is stored.
 */
#ifndef FD_LAST_LAYER_REFIT_H
#define FD_LAST_LAYER_REFIT_H

#include <stdbool.h>

#include "engine_options.h"
#include "macros.h"
#include "snapshot.h"

/* What lasts from one refit to the next. */
typedef struct fd_last_layer_refit {
    fd_engine *engine;
    bool (*go_on)(void *context); /* called now and then; false ends the refit */
    void *context;
    /* The network that was refitted last, as it was trained, and the information of the labels that
     * it was trained on. */
    fd_served_model *trained;
    fi_information *known;
} fd_last_layer_refit;

/* Whether there are labels that the snapshot's model can learn from and has not. An untrained
 * network cannot: its features mean nothing yet. */
bool fd_last_layer_is_behind(const fd_snapshot *snapshot);

/* 0 once a model that has learned from all labels of this moment serves. -ECANCELED if it does
 * already, another model serves meanwhile or `go_on` ended it; -EDOM if the fit diverged. */
int fd_last_layer_refit_run(fd_last_layer_refit *refit) FD_MUST_CHECK;

void fd_last_layer_refit_clear(fd_last_layer_refit *refit);

#endif
