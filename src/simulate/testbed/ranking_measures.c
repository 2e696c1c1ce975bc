#include "ranking_measures.h"

#include <errno.h>
#include <fisher/rank_metrics.h>
#include <math.h>
#include <string.h>

#include "hash_draws.h"

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

bool fd_prefers_a(const double *rewards, double noise, uint64_t seed, uint32_t a, uint32_t b,
                  uint64_t repetition) {
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    uint64_t hash =
        fd_hash_mix(fd_hash_mix(fd_hash_mix(fd_hash_mix(0, seed), low), high), repetition);
    bool prefers_low = fd_hash_uniform(hash) < sigmoid((rewards[low] - rewards[high]) / noise);
    return prefers_low == (a == low);
}

/* One prompt's items, side by side. */
struct prompt {
    size_t count;
    double *golden;
    double *predicted;
};

/* A ranking that is not defined, since all predictions are the same, is worth nothing. */
static int add_ranks(const struct prompt *prompt, double *spearman) {
    double value = 0;
    int r = fi_spearman(prompt->count, prompt->predicted, prompt->golden, &value);
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
        mean += prompt->golden[i] / (double)prompt->count;
        highest = fmax(highest, prompt->golden[i]);
    }
    int r =
        fi_best_of_mean(prompt->count, prompt->count, prompt->predicted, prompt->golden, &first);
    best->first += first;
    best->mean += mean;
    best->best += highest;
    return r;
}

static size_t add_pairs(const struct prompt *prompt, double noise, double *accuracy,
                        double *log_loss) {
    for (size_t i = 0; i < prompt->count; i++)
        for (size_t j = 0; j < i; j++) {
            double p = sigmoid((prompt->golden[i] - prompt->golden[j]) / noise);
            double z = prompt->predicted[i] - prompt->predicted[j];
            *accuracy += z > 0 ? p : z < 0 ? 1 - p : 0.5;
            *log_loss += fmax(z, 0) + log1p(exp(-fabs(z))) - p * z;
        }
    return prompt->count * (prompt->count - 1) / 2;
}

int fd_ranking_measures_of(const fd_testbed *data, const double *rewards, const double *predicted,
                           double noise, fd_measures *ret) {
    FD_FREE double *golden = calloc(data->n_items + 1, sizeof(*golden));
    FD_FREE double *guess = calloc(data->n_items + 1, sizeof(*guess));
    if (!golden || !guess)
        return -ENOMEM;
    fd_measures sum = {0};
    struct best best = {0};
    size_t prompts = 0, pairs = 0;
    for (size_t k = 0; k < data->n_prompts; k++) {
        struct prompt prompt = {data->first[k + 1] - data->first[k], golden, guess};
        if (!data->held_out[k] || prompt.count < 2)
            continue;
        for (size_t i = 0; i < prompt.count; i++) {
            uint32_t item = data->members[data->first[k] + i];
            golden[i] = rewards[item];
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
    *ret = (fd_measures){
        .spearman = sum.spearman / (double)prompts,
        .best_of_n = best.first / (double)prompts,
        .best_of_n_share = range > 0 ? (best.first - best.mean) / range : NAN,
        .accuracy = sum.accuracy / (double)pairs,
        .log_loss = sum.log_loss / (double)pairs,
    };
    return 0;
}
