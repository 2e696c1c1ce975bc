/* Trains both kinds on some folds, and compares them on the others. */
#include "kind_trials.h"

#include <errno.h>

/* Folds are tried until this many answers were. */
enum { TRIED_LEAST = 200 };

void fi_kind_trials_clear(fi_kind_trials *trials) {
    fi_fitted_clear(&trials->continued);
}

static int try_kinds(fi_learning *learning, const fi_answers *learn, const fi_answers *test,
                     fi_kind_trials *trials) {
    const fi_train_options *train = &learning->options->train;
    FD_CLEANUP(fi_fitted_clear) fi_fitted linear = {0};
    FD_CLEANUP(fi_fitted_clear) fi_fitted network = {0};
    bool competes = learning->kind == FI_KIND_AUTO;
    int r = competes ? fi_fit_linear(learning, learn, &linear) : 0;
    if (r < 0)
        return r;
    r = fi_fit_network(learning, learn, train->patience > 0 ? test : NULL, train->iterations,
                       &network);
    bool diverged = r == -EDOM && competes;
    if (r < 0 && !diverged)
        return r;
    r = fi_kind_comparison_add(&trials->comparison, &learning->data, test, linear.model,
                               diverged ? NULL : network.model);
    if (r < 0)
        return r;
    trials->networks++;
    trials->steps += (double)network.steps;
    if (learning->start) {
        trials->continued = network;
        network.model = NULL;
    }
    return 0;
}

/* With held-out answers, theirs is the only fold that is tried, so they are in no training. */
static int try_fold(fi_learning *learning, uint8_t fold, fi_kind_trials *trials) {
    const fi_data_set *data = &learning->data;
    fi_answers all = {.count = data->count, .pairs = data->pairs, .targets = data->targets};
    FD_CLEANUP(fi_part_clear) fi_part learn = {0};
    FD_CLEANUP(fi_part_clear) fi_part test = {0};
    int r = fi_part_init(&learn, &all, learning->folds, fold, false);
    if (r == 0)
        r = fi_part_init(&test, &all, learning->folds, fold, true);
    if (r < 0 || learn.answers.count == 0 || test.answers.count == 0)
        return r;
    return try_kinds(learning, &learn.answers, &test.answers, trials);
}

/* The number of folds that hold enough answers. */
static uint8_t folds_to_try(const fi_learning *learning) {
    size_t sizes[FI_FOLDS] = {0};
    for (size_t i = 0; i < learning->count; i++)
        sizes[learning->folds[i]]++;
    uint8_t folds = 0;
    for (size_t found = 0; folds < FI_FOLDS && found < TRIED_LEAST; folds++)
        found += sizes[folds];
    return folds;
}

int fi_kind_trials_run(fi_learning *learning, fi_kind_trials *trials) {
    uint8_t first = learning->start ? FI_FOLD_HELD_OUT : 0;
    uint8_t folds = learning->start ? 1 : folds_to_try(learning);
    learning->share = 1.0 / (1.0 + (double)folds);
    int r = 0;
    for (uint8_t i = 0; i < folds && r == 0; i++) {
        r = try_fold(learning, (uint8_t)(first + i), trials);
        learning->done = (1.0 + (double)i) * learning->share;
        if (r == 0)
            r = fi_learning_report(learning, learning->done);
    }
    return r;
}

bool fi_kind_trials_are_needed(const fi_learning *learning) {
    switch (learning->kind) {
    case FI_KIND_AUTO:
        return true;
    case FI_KIND_NETWORK:
        return learning->options->train.patience > 0 &&
               (learning->start || learning->count >= FI_ANSWERS_LEAST);
    case FI_KIND_LINEAR:
        break;
    }
    return false;
}
