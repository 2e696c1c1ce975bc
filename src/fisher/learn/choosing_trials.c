/* Fits two models per fold, without chosen answers and without as many random ones. */
#include "choosing_trials.h"

#include <errno.h>
#include <math.h>

#include "clustered.h"
#include "loss.h"

/* With fewer answers to random pairs, there is too little to compare on. */
enum { RANDOM_LEAST = 10 };

struct comparison {
    fi_learning *learning;
    uint8_t *marks;      /* [all.count] 1: the model learns from the answer */
    float *rewards;      /* [n_items] */
    double *losses;      /* [all.count] of the answers of the present fold */
    double *differences; /* [all.count] */
    uint64_t *keys;      /* [2 all.count] those of the differences, then those of all answers */
    size_t count;        /* differences */
};

static void comparison_clear(struct comparison *comparison) {
    free(comparison->marks);
    free(comparison->rewards);
    free(comparison->losses);
    free(comparison->differences);
    free(comparison->keys);
}

static size_t count_of(const fi_learning *learning, uint8_t fold, fi_arm arm, bool inside) {
    size_t count = 0;
    for (size_t i = 0; i < learning->all.count; i++)
        count += (learning->folds[i] == fold) == inside && learning->options->arms[i] == arm;
    return count;
}

/* Leaves `count` of `all` answers of the arm out, spread evenly over the history. */
static void mark(struct comparison *comparison, uint8_t fold, fi_arm arm, size_t count,
                 size_t all) {
    const fi_learning *learning = comparison->learning;
    for (size_t i = 0, seen = 0; i < learning->all.count; i++) {
        comparison->marks[i] = learning->folds[i] != fold;
        if (!comparison->marks[i] || learning->options->arms[i] != arm)
            continue;
        comparison->marks[i] = seen * count / all == (seen + 1) * count / all;
        seen++;
    }
}

/* Adds the losses of a fold's answers to random pairs, times `sign`. */
static int add_losses(struct comparison *comparison, uint8_t fold, double sign) {
    fi_learning *learning = comparison->learning;
    const fi_answers *all = &learning->all;
    FD_CLEANUP(fi_part_clear) fi_part learn = {0};
    FD_CLEANUP(fi_fitted_clear) fi_fitted fitted = {0};
    int r = fi_part_init(&learn, all, comparison->marks, 1, true);
    if (r == 0)
        r = fi_fit_linear(learning, &learn.answers, &fitted);
    if (r == 0)
        r = fi_fitted_rewards(learning, &fitted, comparison->rewards);
    for (size_t i = 0; i < all->count && r == 0; i++)
        if (learning->folds[i] == fold && learning->options->arms[i] == FI_ARM_RANDOM)
            comparison->losses[i] +=
                sign * fi_loss((double)comparison->rewards[all->pairs[i].a] -
                                   (double)comparison->rewards[all->pairs[i].b],
                               (double)all->targets[i]);
    return r;
}

static int compare_on(struct comparison *comparison, uint8_t fold) {
    const fi_learning *learning = comparison->learning;
    size_t chosen = count_of(learning, fold, FI_ARM_CHOSEN, false);
    size_t random = count_of(learning, fold, FI_ARM_RANDOM, false);
    size_t without = chosen < random ? chosen : random;
    if (without == 0 || count_of(learning, fold, FI_ARM_RANDOM, true) == 0 ||
        chosen + random == without)
        return 0;
    mark(comparison, fold, FI_ARM_CHOSEN, without, chosen);
    int r = add_losses(comparison, fold, 1.0);
    if (r < 0)
        return r;
    mark(comparison, fold, FI_ARM_RANDOM, without, random);
    r = add_losses(comparison, fold, -1.0);
    for (size_t i = 0; i < learning->all.count && r == 0; i++)
        if (learning->folds[i] == fold && learning->options->arms[i] == FI_ARM_RANDOM) {
            comparison->differences[comparison->count] = comparison->losses[i];
            comparison->keys[comparison->count++] = comparison->keys[learning->all.count + i];
        }
    return r;
}

int fi_choosing_try(fi_learning *learning, fi_choosing *ret) {
    *ret = (fi_choosing){.loss_difference = NAN, .stddev = NAN};
    size_t n = learning->all.count;
    if (!learning->options->arms ||
        count_of(learning, FI_FOLDS, FI_ARM_RANDOM, false) < RANDOM_LEAST)
        return 0;
    FD_CLEANUP(comparison_clear)
    struct comparison comparison = {
        .learning = learning,
        .marks = calloc(n + 1, 1),
        .rewards = calloc(learning->data.n_items + 1, sizeof(float)),
        .losses = calloc(n + 1, sizeof(double)),
        .differences = calloc(n + 1, sizeof(double)),
        .keys = calloc(2 * n + 1, sizeof(uint64_t)),
    };
    if (!comparison.marks || !comparison.rewards || !comparison.losses || !comparison.differences ||
        !comparison.keys)
        return -ENOMEM;
    int r = fi_folds_keys(&learning->all, comparison.keys + n);
    for (uint8_t fold = 0; fold < FI_FOLDS && r == 0; fold++)
        r = compare_on(&comparison, fold);
    if (r < 0 || comparison.count == 0)
        return r;
    double variance;
    r = fi_clustered_means(comparison.count, 1, comparison.differences, comparison.keys,
                           &ret->loss_difference, &variance);
    ret->answers = comparison.count;
    ret->stddev = sqrt(variance);
    return r;
}
