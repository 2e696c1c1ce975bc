/* Puts together the progress that the API shows. */
#include "learning_progress.h"

#include "batch_history.h"
#include "progress_record.h"

void fd_engine_progress(fd_engine *engine, fd_progress *ret) {
    fd_progress_record_read(engine, ret);
    fd_batch_history_gain(engine, &ret->gain_per_label, &ret->gain_trend);
}
