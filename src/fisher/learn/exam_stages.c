/* Fits models to the first part of the other folds' answers, and compares them on the same ones. */
#include "exam_stages.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "clustered.h"
#include "loss.h"

enum { STAGES = FI_EXAM_STAGES, LAST = STAGES - 1 };

static const double shares[STAGES] = {0.125, 0.25, 0.5, 1.0};

struct sitting {
    fi_learning *learning;
    const fi_kind_trials *trials;
    bool network;
    double *losses; /* [all.count x STAGES]; NaN: the answer is not in the exam */
    double labels[STAGES];
    double folds;
    float *rewards; /* [n_items] */
};

static int fit_stage(const struct sitting *sitting, const fi_part *learn, const fi_part *test,
                     size_t stage, size_t count) {
    fi_learning *learning = sitting->learning;
    const fi_train_options *train = &learning->options->train;
    FD_CLEANUP(fi_fitted_clear) fi_fitted fitted = {0};
    fi_answers first = learn->answers;
    first.count = count;
    int r = sitting->network
                ? fi_fit_network(learning, &first, train->patience > 0 ? &test->answers : NULL,
                                 train->iterations, &fitted)
                : fi_fit_linear(learning, &first, &fitted);
    if (r == -EDOM && sitting->network)
        return 0; /* it diverged: these answers are not in the exam */
    if (r == 0)
        r = fi_fitted_rewards(learning, &fitted, sitting->rewards);
    for (size_t i = 0; i < test->answers.count && r == 0; i++) {
        double logit =
            (double)sitting->rewards[test->pairs[i].a] - (double)sitting->rewards[test->pairs[i].b];
        sitting->losses[test->indices[i] * STAGES + stage] =
            fi_loss(logit, (double)test->targets[i]);
    }
    return r;
}

/* The models of the last stage are those of the trials. */
static int hold_fold(struct sitting *sitting, uint8_t fold) {
    fi_learning *learning = sitting->learning;
    FD_CLEANUP(fi_part_clear) fi_part learn = {0};
    FD_CLEANUP(fi_part_clear) fi_part test = {0};
    int r = fi_part_init(&learn, &learning->all, learning->folds, fold, false);
    if (r == 0)
        r = fi_part_init(&test, &learning->all, learning->folds, fold, true);
    if (r < 0 || learn.answers.count < STAGES || test.answers.count == 0)
        return r;
    const double *logits =
        sitting->network ? sitting->trials->network_logits : sitting->trials->linear_logits;
    for (size_t k = 0; k < STAGES && r == 0; k++) {
        size_t count = (size_t)ceil(shares[k] * (double)learn.answers.count);
        sitting->labels[k] += (double)count;
        if (k < LAST)
            r = fit_stage(sitting, &learn, &test, k, count);
    }
    for (size_t i = 0; i < test.answers.count && r == 0; i++)
        sitting->losses[test.indices[i] * STAGES + LAST] =
            fi_loss(logits[test.indices[i]], (double)test.targets[i]);
    sitting->folds++;
    return r;
}

/* Keeps the answers that all stages predicted, as their differences from the last stage and the
 * last stage itself. */
static size_t keep_answers(const struct sitting *sitting, double *rows, uint64_t *keys) {
    size_t n = 0;
    for (size_t i = 0; i < sitting->learning->all.count; i++) {
        const double *losses = sitting->losses + i * STAGES;
        bool known = true;
        for (size_t k = 0; k < STAGES; k++)
            known = known && isfinite(losses[k]);
        if (!known)
            continue;
        for (size_t k = 0; k < LAST; k++)
            rows[n * STAGES + k] = losses[k] - losses[LAST];
        rows[n * STAGES + LAST] = losses[LAST];
        keys[n++] = keys[i];
    }
    return n;
}

static int compare_stages(const struct sitting *sitting, fi_exam *ret) {
    const fi_answers *all = &sitting->learning->all;
    FD_FREE double *rows = calloc(all->count + 1, STAGES * sizeof(*rows));
    FD_FREE uint64_t *keys = calloc(all->count + 1, sizeof(*keys));
    double means[STAGES], covariance[STAGES * STAGES];
    if (!rows || !keys)
        return -ENOMEM;
    int r = fi_folds_keys(all, keys);
    if (r < 0)
        return r;
    size_t n = keep_answers(sitting, rows, keys);
    if (n == 0)
        return 0;
    r = fi_clustered_means(n, STAGES, rows, keys, means, covariance);
    if (r < 0)
        return r;
    ret->answers = n;
    for (size_t k = 0; k < STAGES; k++) {
        ret->labels[k] = sitting->labels[k] / sitting->folds;
        ret->losses[k] = means[LAST] + (k < LAST ? means[k] : 0.0);
        for (size_t l = 0; k < LAST && l < LAST; l++)
            ret->covariance[k][l] = covariance[k * STAGES + l];
    }
    return 0;
}

int fi_exam_hold(fi_learning *learning, const fi_kind_trials *trials, bool network, fi_exam *ret) {
    *ret = (fi_exam){0};
    size_t count = learning->all.count, folds = network ? trials->folds : FI_FOLDS;
    if (count < FI_EXAM_LEAST || folds == 0)
        return 0;
    FD_FREE double *losses = calloc(count, STAGES * sizeof(*losses));
    FD_FREE float *rewards = calloc(learning->data.n_items + 1, sizeof(*rewards));
    if (!losses || !rewards)
        return -ENOMEM;
    for (size_t i = 0; i < count * STAGES; i++)
        losses[i] = NAN;
    struct sitting sitting = {.learning = learning,
                              .trials = trials,
                              .network = network,
                              .losses = losses,
                              .rewards = rewards};
    double share = learning->share;
    learning->share = 0.0; /* the share that is done stays as it is */
    int r = 0;
    for (uint8_t fold = 0; fold < folds && r == 0; fold++)
        r = hold_fold(&sitting, fold);
    learning->share = share;
    return r < 0 ? r : compare_stages(&sitting, ret);
}
