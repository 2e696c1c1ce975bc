/* Compares predicted with true rewards within held-out prompts. */
#include "ranking_measures.h"

#include <errno.h>
#include <fisher/rank_metrics.h>
#include <math.h>

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* The rewards of one prompt's items. */
struct prompt {
    size_t count;
    double *truth;
    double *predicted;
};

/* The correlation is undefined where all predictions are equal; it then counts as 0. */
static int add_ranks(const struct prompt *prompt, double *spearman) {
    double value = 0;
    int r = fi_spearman(prompt->count, prompt->predicted, prompt->truth, &value);
    if (r < 0 && r != -EDOM)
        return r;
    *spearman += r == 0 ? value : 0;
    return 0;
}

struct best {
    double first;
    double mean;
    double best;
};

static int add_best(const struct prompt *prompt, struct best *best) {
    double mean = 0, highest = -INFINITY, first = 0;
    for (size_t i = 0; i < prompt->count; i++) {
        mean += prompt->truth[i] / (double)prompt->count;
        highest = fmax(highest, prompt->truth[i]);
    }
    int r = fi_best_of_mean(prompt->count, prompt->count, prompt->predicted, prompt->truth, &first);
    best->first += first;
    best->mean += mean;
    best->best += highest;
    return r;
}

static size_t add_pairs(const struct prompt *prompt, double noise, double *accuracy,
                        double *log_loss) {
    for (size_t i = 0; i < prompt->count; i++)
        for (size_t j = 0; j < i; j++) {
            double p = sigmoid((prompt->truth[i] - prompt->truth[j]) / noise);
            double z = prompt->predicted[i] - prompt->predicted[j];
            *accuracy += z > 0 ? p : z < 0 ? 1 - p : 0.5;
            *log_loss += fmax(z, 0) + log1p(exp(-fabs(z))) - p * z;
        }
    return prompt->count * (prompt->count - 1) / 2;
}

int fd_measure_ranking(const fd_testbed *testbed, const double *rewards, const double *predicted,
                       double noise, fd_ranking_measures *ret) {
    FD_FREE double *truth = calloc(testbed->n_items + 1, sizeof(*truth));
    FD_FREE double *guess = calloc(testbed->n_items + 1, sizeof(*guess));
    if (!truth || !guess)
        return -ENOMEM;
    fd_ranking_measures sum = {0};
    struct best best = {0};
    size_t prompts = 0, pairs = 0;
    for (size_t k = 0; k < testbed->n_prompts; k++) {
        struct prompt prompt = {testbed->prompt_start[k + 1] - testbed->prompt_start[k], truth,
                                guess};
        if (!testbed->held_out[k] || prompt.count < 2)
            continue;
        for (size_t i = 0; i < prompt.count; i++) {
            uint32_t item = testbed->items_by_prompt[testbed->prompt_start[k] + i];
            truth[i] = rewards[item];
            guess[i] = predicted[item];
        }
        int r = add_ranks(&prompt, &sum.spearman);
        if (r == 0)
            r = add_best(&prompt, &best);
        if (r < 0)
            return r;
        pairs += add_pairs(&prompt, noise, &sum.accuracy, &sum.log_loss);
        prompts++;
    }
    double range = best.best - best.mean;
    *ret = (fd_ranking_measures){
        .spearman = sum.spearman / (double)prompts,
        .best_of_n = best.first / (double)prompts,
        .best_of_n_share = range > 0 ? (best.first - best.mean) / range : NAN,
        .accuracy = sum.accuracy / (double)pairs,
        .log_loss = sum.log_loss / (double)pairs,
    };
    return 0;
}
