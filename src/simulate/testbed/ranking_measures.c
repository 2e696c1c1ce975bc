/* Compares predicted with true rewards, and with votes, within testing prompts. */
#include "ranking_measures.h"

#include <errno.h>
#include <fisher/rank_metrics.h>
#include <math.h>

#include "answer_sums.h"

/* The rewards of one prompt's items. */
struct prompt {
    size_t count;
    double *truth;
    double *predicted;
    double *lengths;
};

/* Sums over prompts. */
struct sums {
    size_t prompts;
    double spearman, partial;
    double mean, first, best;
    double best_of[FD_BEST_OF_MOST]; /* of the item ranked first of n, less the mean */
    double range[FD_BEST_OF_MOST];   /* of the best item less the mean, over the same prompts */
};

/* ---- correlations ---- */

/* A correlation that is undefined, where all values of a side are equal, counts as 0. */
static int correlate(size_t n, const double *x, const double *y, double *ret) {
    *ret = 0;
    int r = fi_spearman(n, x, y, ret);
    return r == -EDOM ? 0 : r;
}

static int add_ranks(const struct prompt *prompt, bool has_lengths, struct sums *sums) {
    double with_truth, length_truth = 0, length_predicted = 0;
    int r = correlate(prompt->count, prompt->predicted, prompt->truth, &with_truth);
    if (r == 0 && has_lengths)
        r = correlate(prompt->count, prompt->lengths, prompt->truth, &length_truth);
    if (r == 0 && has_lengths)
        r = correlate(prompt->count, prompt->lengths, prompt->predicted, &length_predicted);
    if (r < 0)
        return r;
    double left = (1 - length_truth * length_truth) * (1 - length_predicted * length_predicted);
    sums->spearman += with_truth;
    if (left > 1e-9)
        sums->partial += (with_truth - length_truth * length_predicted) / sqrt(left);
    return 0;
}

/* ---- best of N ---- */

static int add_best(const struct prompt *prompt, struct sums *sums) {
    double mean = 0, highest = -INFINITY, first = 0;
    for (size_t i = 0; i < prompt->count; i++) {
        mean += prompt->truth[i] / (double)prompt->count;
        highest = fmax(highest, prompt->truth[i]);
    }
    for (size_t n = 2; n <= prompt->count && n < FD_BEST_OF_MOST + 2; n++) {
        int r = fi_best_of_mean(prompt->count, n, prompt->predicted, prompt->truth, &first);
        if (r < 0)
            return r;
        sums->best_of[n - 2] += first - mean;
        sums->range[n - 2] += highest - mean;
    }
    int r = fi_best_of_mean(prompt->count, prompt->count, prompt->predicted, prompt->truth, &first);
    sums->first += first;
    sums->mean += mean;
    sums->best += highest;
    return r;
}

static void take_best_of(const struct sums *sums, fd_ranking_measures *ret) {
    double range = sums->best - sums->mean;
    ret->best_of_n = sums->first / (double)sums->prompts;
    ret->best_of_n_share = range > 0 ? (sums->first - sums->mean) / range : NAN;
    for (ret->n_best_of = 0; ret->n_best_of < FD_BEST_OF_MOST; ret->n_best_of++) {
        if (!(sums->range[ret->n_best_of] > 0))
            break;
        ret->best_of[ret->n_best_of] = sums->best_of[ret->n_best_of] / sums->range[ret->n_best_of];
    }
}

/* ---- prompts ---- */

static void fill(const fd_testbed *testbed, const fd_truth *truth, const double *predicted,
                 size_t k, struct prompt *prompt) {
    prompt->count = testbed->prompt_start[k + 1] - testbed->prompt_start[k];
    for (size_t i = 0; i < prompt->count; i++) {
        uint32_t item = testbed->items_by_prompt[testbed->prompt_start[k] + i];
        prompt->truth[i] = truth->rewards[item];
        prompt->predicted[i] = predicted[item];
        prompt->lengths[i] = testbed->log_lengths ? testbed->log_lengths[item] : 0;
    }
}

static int measure_prompts(const fd_testbed *testbed, const fd_truth *truth,
                           const double *predicted, fd_ranking_measures *ret) {
    FD_FREE double *room = calloc(3 * testbed->n_items + 1, sizeof(*room));
    if (!room)
        return -ENOMEM;
    struct prompt prompt = {0, room, room + testbed->n_items, room + 2 * testbed->n_items};
    struct sums sums = {0};
    for (size_t k = 0; k < testbed->n_prompts; k++) {
        if (truth->roles[k] != FD_PROMPT_TESTS ||
            testbed->prompt_start[k + 1] - testbed->prompt_start[k] < 2)
            continue;
        fill(testbed, truth, predicted, k, &prompt);
        int r = add_ranks(&prompt, testbed->log_lengths != NULL, &sums);
        if (r == 0)
            r = add_best(&prompt, &sums);
        if (r < 0)
            return r;
        sums.prompts++;
    }
    ret->spearman = sums.spearman / (double)sums.prompts;
    ret->partial = testbed->log_lengths ? sums.partial / (double)sums.prompts : NAN;
    take_best_of(&sums, ret);
    return 0;
}

/* ---- answers ---- */

struct answer_sums {
    const double *predicted;
    double weight, right, loss;
    double decided; /* the weight without ties */
};

static void add_answer(void *context, const fd_weighed_answer *answer) {
    struct answer_sums *sums = context;
    double z = sums->predicted[answer->a] - sums->predicted[answer->b], p = answer->p;
    sums->loss += answer->weight * (fmax(z, 0) + log1p(exp(-fabs(z))) - p * z);
    sums->weight += answer->weight;
    if (answer->is_tie)
        return;
    sums->right += answer->weight * (z > 0 ? p : z < 0 ? 1 - p : 0.5);
    sums->decided += answer->weight;
}

int fd_measure_ranking(const fd_testbed *testbed, const fd_truth *truth, const double *predicted,
                       fd_ranking_measures *ret) {
    struct answer_sums sums = {.predicted = predicted};
    fd_ranking_measures measures = {
        .spearman = NAN, .partial = NAN, .best_of_n = NAN, .best_of_n_share = NAN};
    fd_visit_answers(testbed, truth, FD_PROMPT_TESTS, add_answer, &sums);
    measures.accuracy = sums.right / sums.decided;
    measures.log_loss = sums.loss / sums.weight;
    int r = truth->rewards ? measure_prompts(testbed, truth, predicted, &measures) : 0;
    *ret = measures;
    return r;
}
