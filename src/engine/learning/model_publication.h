/* Publishing a trained model: it is stored with its figures, and serves unless it is worse. */
#ifndef FD_MODEL_PUBLICATION_H
#define FD_MODEL_PUBLICATION_H

#include "engine_options.h"
#include "macros.h"
#include "training_data.h"

/*
 * Stores a model that was trained on a set of the data as row->version, prunes old versions, and
 * serves it unless it is worse than the model of the data's snapshot; row->state is then
 * FD_MODEL_REJECTED. Fills the row's figures. Takes learned->model over.
 *
 * It is worse if it predicts answers that neither had seen clearly less well: those that are newer
 * than the training of the model before, which the folds of this training predicted.
 */
int fd_model_publish(fd_engine *engine, fd_training_data *data, const fd_training_set *set,
                     fi_learned *learned, fd_model_row *row) FD_MUST_CHECK;

#endif
