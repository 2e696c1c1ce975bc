/* Annotators whose answers hardly follow the rewards, in the log. */
#ifndef FD_UNRELIABLE_ANNOTATORS_H
#define FD_UNRELIABLE_ANNOTATORS_H

#include "engine_options.h"
#include "served_model.h"

/* Logs each annotator who is unreliable by the model `now` and was not by the model `before`. */
void fd_unreliable_annotators_report(fd_engine *engine, const fd_served_model *before,
                                     const fd_served_model *now);

#endif
