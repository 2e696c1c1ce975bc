/* Trains both kinds on some folds, and compares them on the others. */
#include "kind_trials.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Folds are tried until this many answers were. */
enum { TRIED_LEAST = 200 };

void fi_kind_trials_clear(fi_kind_trials *trials) {
    free(trials->linear_logits);
    free(trials->network_logits);
}

/* Keeps what a model says about answers that it has not seen. */
static int keep_logits(const fi_learning *learning, const fi_fitted *fitted, const fi_part *test,
                       float *rewards, double *logits) {
    int r = fi_fitted_rewards(learning, fitted, rewards);
    for (size_t i = 0; i < test->answers.count && r == 0; i++) {
        fi_pair pair = test->pairs[i];
        logits[test->indices[i]] = (double)rewards[pair.a] - (double)rewards[pair.b];
    }
    return r;
}

static int try_linear(fi_learning *learning, const fi_part *learn, const fi_part *test,
                      float *rewards, double *logits) {
    FD_CLEANUP(fi_fitted_clear) fi_fitted linear = {0};
    int r = fi_fit_linear(learning, &learn->answers, &linear);
    return r < 0 ? r : keep_logits(learning, &linear, test, rewards, logits);
}

static int try_kinds(fi_learning *learning, const fi_part *learn, const fi_part *test,
                     fi_kind_trials *trials) {
    const fi_train_options *train = &learning->options->train;
    FD_CLEANUP(fi_fitted_clear) fi_fitted network = {0};
    FD_FREE float *linear_rewards = calloc(learning->data.n_items + 1, sizeof(*linear_rewards));
    FD_FREE float *network_rewards = calloc(learning->data.n_items + 1, sizeof(*network_rewards));
    if (!linear_rewards || !network_rewards)
        return -ENOMEM;
    bool competes = learning->kind == FI_KIND_AUTO;
    int r = competes ? try_linear(learning, learn, test, linear_rewards, trials->linear_logits) : 0;
    if (r < 0)
        return r;
    r = fi_fit_network(learning, &learn->answers, train->patience > 0 ? &test->answers : NULL,
                       train->iterations, &network);
    bool diverged = r == -EDOM && competes;
    if (r == 0)
        r = keep_logits(learning, &network, test, network_rewards, trials->network_logits);
    if (r < 0 && !diverged)
        return r;
    r = fi_kind_comparison_add(&trials->comparison, &test->answers,
                               competes ? linear_rewards : NULL, diverged ? NULL : network_rewards);
    if (r < 0)
        return r;
    trials->networks[trials->n_networks++] = (fi_tried_network){network.steps, test->answers.count};
    return 0;
}

static int try_fold(fi_learning *learning, uint8_t fold, bool linear_only, fi_kind_trials *trials) {
    FD_CLEANUP(fi_part_clear) fi_part learn = {0};
    FD_CLEANUP(fi_part_clear) fi_part test = {0};
    int r = fi_part_init(&learn, &learning->all, learning->folds, fold, false);
    if (r == 0)
        r = fi_part_init(&test, &learning->all, learning->folds, fold, true);
    if (r < 0 || learn.answers.count == 0 || test.answers.count == 0)
        return r;
    if (!linear_only)
        return try_kinds(learning, &learn, &test, trials);
    FD_FREE float *rewards = calloc(learning->data.n_items + 1, sizeof(*rewards));
    return rewards ? try_linear(learning, &learn, &test, rewards, trials->linear_logits) : -ENOMEM;
}

/* The number of folds that hold enough answers. */
static uint8_t folds_to_try(const fi_learning *learning) {
    size_t sizes[FI_FOLDS] = {0};
    for (size_t i = 0; i < learning->all.count; i++)
        sizes[learning->folds[i]]++;
    uint8_t folds = 0;
    for (size_t found = 0; folds < FI_FOLDS && found < TRIED_LEAST; folds++)
        found += sizes[folds];
    return folds;
}

static int run(fi_learning *learning, uint8_t first, uint8_t folds, bool linear_only,
               fi_kind_trials *trials) {
    double before = learning->done, left = 1.0 - before;
    learning->share = left / (1.0 + (double)folds);
    int r = 0;
    for (uint8_t i = 0; i < folds && r == 0; i++) {
        r = try_fold(learning, (uint8_t)(first + i), linear_only, trials);
        learning->done = before + (1.0 + (double)i) * learning->share;
        if (r == 0)
            r = fi_learning_report(learning, learning->done);
    }
    return r;
}

static int allocate_logits(const fi_learning *learning, double **ret) {
    *ret = calloc(learning->all.count + 1, sizeof(**ret));
    for (size_t i = 0; *ret && i < learning->all.count; i++)
        (*ret)[i] = NAN;
    return *ret ? 0 : -ENOMEM;
}

int fi_kind_trials_run(fi_learning *learning, fi_kind_trials *trials) {
    int r = allocate_logits(learning, &trials->linear_logits);
    if (r == 0)
        r = allocate_logits(learning, &trials->network_logits);
    if (r < 0 || !fi_kind_trials_are_needed(learning))
        return r;
    trials->folds = folds_to_try(learning);
    return run(learning, 0, trials->folds, false, trials);
}

int fi_kind_trials_complete(fi_learning *learning, fi_kind_trials *trials) {
    if (learning->all.count < FI_ANSWERS_LEAST)
        return 0;
    return run(learning, trials->folds, (uint8_t)(FI_FOLDS - trials->folds), true, trials);
}

static int by_steps(const void *a, const void *b) {
    const fi_tried_network *one = a, *other = b;
    return (one->steps > other->steps) - (one->steps < other->steps);
}

uint32_t fi_kind_trials_steps(const fi_kind_trials *trials) {
    fi_tried_network sorted[FI_FOLDS];
    size_t n = trials->n_networks, all = 0, seen = 0, i = 0;
    memcpy(sorted, trials->networks, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), by_steps);
    for (size_t k = 0; k < n; k++)
        all += sorted[k].answers;
    while (i < n && (seen += sorted[i].answers) * 2 < all)
        i++;
    return i == n ? 0 : sorted[i].steps > 0 ? sorted[i].steps : 1;
}

bool fi_kind_trials_are_needed(const fi_learning *learning) {
    switch (learning->kind) {
    case FI_KIND_AUTO:
        return true;
    case FI_KIND_NETWORK:
        return learning->options->train.patience > 0 && learning->all.count >= FI_ANSWERS_LEAST;
    case FI_KIND_LINEAR:
        break;
    }
    return false;
}
