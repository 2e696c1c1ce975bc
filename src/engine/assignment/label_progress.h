/* How far one annotator and the project are: counts of labels, and nothing about others. */
#ifndef FD_LABEL_PROGRESS_H
#define FD_LABEL_PROGRESS_H

#include <stdint.h>

#include "engine_options.h"

/* Labels that are not retracted, skipped ones too. */
typedef struct fd_label_progress {
    uint64_t own;
    uint64_t own_since; /* of those, that came at `from_ms` or later */
    uint64_t project;
} fd_label_progress;

/* It reads all labels once, with the state lock for a moment at a time. */
fd_label_progress fd_engine_label_progress(fd_engine *engine, const char *annotator,
                                           int64_t from_ms);

#endif
