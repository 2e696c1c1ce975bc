/* Progress: what the labels have brought so far, and what more of them would bring. */
#ifndef FD_LEARNING_PROGRESS_H
#define FD_LEARNING_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fisher/learn.h>

#include "engine_options.h"

enum { FD_CURVE_MAX = 128, FD_REASON_SIZE = 192 };

/* A version on the learning curve. */
typedef struct fd_curve_point {
    uint64_t version;
    uint64_t labels; /* that it was trained on */
    uint64_t held_out_labels;
    double held_out_loss;
    double held_out_accuracy;
    double held_out_accuracy_low; /* its 95% interval */
    double held_out_accuracy_high;
} fd_curve_point;

/* The accuracy on unseen labels of one arm; NaN if all of them are ties. */
typedef struct fd_arm_fit {
    uint64_t labels;
    double accuracy;
    double accuracy_low; /* its 95% interval */
    double accuracy_high;
} fd_arm_fit;

typedef struct fd_arm_fits {
    fd_arm_fit active; /* pairs that a strategy chose */
    fd_arm_fit control;
} fd_arm_fits;

/* Unknown numbers are NaN. */
typedef struct fd_progress {
    double gain_per_label; /* expected from the latest batch, nats of log det */
    double gain_trend;     /* s of gain ~ labels^s over the last batches */
    size_t n_curve;
    fd_curve_point curve[FD_CURVE_MAX]; /* ascending; every second one is dropped when it is full */
    fd_arm_fits arms;                   /* of the version that serves */
    uint64_t labels;                    /* that the newest training knew */
    fi_exam exam;                       /* of that training */
    fi_choosing choosing;               /* the same */
    double expected_loss_at_double;     /* by the exam, extrapolated to twice its labels */
    double expected_improvement;        /* by which the loss falls until then */
    double expected_improvement_high;   /* its upper end, as in fi_exam_fit */
    bool stop_recommended;
    char stop_reason[FD_REASON_SIZE];
    char selection_warning[FD_REASON_SIZE]; /* why the choice of pairs does harm; empty: it does not
                                             */
} fd_progress;

void fd_engine_progress(fd_engine *engine, fd_progress *ret);

#endif
