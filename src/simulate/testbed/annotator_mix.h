/* Who answers in a simulation: annotators of several models. */
#ifndef FD_ANNOTATOR_MIX_H
#define FD_ANNOTATOR_MIX_H

#include <stdint.h>
#include <stdlib.h>

#include "fault.h"
#include "macros.h"

typedef enum fd_annotator_model {
#define ANNOTATOR_MODEL(constant, ...) FD_ANNOTATOR_##constant,
#include "annotator_models.def"
#undef ANNOTATOR_MODEL
} fd_annotator_model;

typedef struct fd_annotator {
    fd_annotator_model model;
    double number; /* what it means depends on the model */
} fd_annotator;

typedef struct fd_annotator_mix {
    size_t count;
    fd_annotator *annotators; /* [count], at least one */
} fd_annotator_mix;

/* Reads "6honest+3random:0.5+1left": a count (1 if there is none), a model and its number. -EINVAL
 * with a fault; the caller clears the mix in any case. */
int fd_annotator_mix_read(const char *text, fd_annotator_mix *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_annotator_mix_clear(fd_annotator_mix *mix);

#endif
