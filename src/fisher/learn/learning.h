/* The state of one fi_learn: what there is to learn from, and how far the work is. */
#ifndef FI_LEARNING_H
#define FI_LEARNING_H

#include <errno.h>
#include <fisher/learn.h>

#include "data_set.h"
#include "folds.h"

/* With fewer answers than this, a comparison of the kinds tells nothing. */
enum { FI_ANSWERS_LEAST = 8 };

typedef struct fi_learning {
    const fi_learn_options *options;
    fi_kind kind;
    fi_model *inputs;                /* has the input statistics, and those of the extras */
    const fi_model *start;           /* where a network begins; NULL: at fresh weights */
    fi_data_set data;                /* prepared items, and the answers */
    fi_answers all;                  /* data's answers, with what else is known of them */
    fi_part copies;                  /* the arrays of `all` */
    float *extras;                   /* [data.n_items x extras], placed */
    uint8_t *folds;                  /* [all.count] */
    fi_reliabilities *reliabilities; /* the newest; NULL: the annotators are not known */
    /* Shares of the work: that which is done, and that of the present training, in its steps. */
    double done;
    double share;
    double reported; /* the largest share so far */
    uint32_t steps;
} fi_learning;

/* Tells the caller which share is done. 0, or -ECANCELED if the caller ends the learning. */
static inline int fi_learning_report(fi_learning *learning, double share) {
    const fi_learn_options *options = learning->options;
    learning->reported = share > learning->reported ? share : learning->reported;
    return !options->go_on || options->go_on(options->context, learning->reported) ? 0 : -ECANCELED;
}

#endif
