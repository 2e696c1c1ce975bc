/* Publishing a trained model: it is evaluated, stored, and serves unless it is worse. */
#ifndef FD_MODEL_PUBLICATION_H
#define FD_MODEL_PUBLICATION_H

#include "engine_options.h"
#include "macros.h"
#include "training_data.h"

/* The labels that a trained model is evaluated on. */
typedef struct fd_evaluation_sets {
    const fi_answers *learned;
    const fi_answers *held_out;
    const double *cross_fitted; /* [learned->count] as in fi_learned */
} fd_evaluation_sets;

/*
 * Stores a model that was trained on the data as row->version, prunes old versions, and serves it
 * unless it is worse than the model of the data's snapshot; row->state is then FD_MODEL_REJECTED.
 * Fills the row's figures. Takes *model over.
 */
int fd_model_publish(fd_engine *engine, const fd_training_data *data,
                     const fd_evaluation_sets *sets, fi_model **model,
                     fd_model_row *row) FD_MUST_CHECK;

#endif
