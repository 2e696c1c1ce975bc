/* The Bradley-Terry loss, and how well rewards fit answers. */
#include "loss.h"

#include <fisher/information.h>
#include <math.h>
#include <string.h>

double fi_loss(double logit, double target) {
    return fmax(logit, 0.0) + log1p(exp(-fabs(logit))) - target * logit;
}

/* ---- fit ---- */

enum { BINS = 10 };

/* Sums of p, t and p (1 - p) over the answers, each turned to the side that the model prefers. */
struct bins {
    double probability[BINS];
    double target[BINS];
    double variance[BINS];
};

static void bins_add(struct bins *bins, double logit, double target) {
    double preferred = fi_probability(fabs(logit));
    double agreed = logit > 0.0 ? target : logit < 0.0 ? 1.0 - target : 0.5;
    size_t bin = (size_t)fmin((preferred - 0.5) * 2.0 * BINS, BINS - 1);
    bins->probability[bin] += preferred;
    bins->target[bin] += agreed;
    if (logit != 0.0) /* else agreed is no draw */
        bins->variance[bin] += preferred * (1.0 - preferred);
}

static double bins_error(const struct bins *bins, size_t count) {
    static const double pi = 3.141592653589793;
    double sum = 0.0;
    for (size_t i = 0; i < BINS; i++)
        sum += fabs(bins->probability[i] - bins->target[i]) - sqrt(2.0 * bins->variance[i] / pi);
    return fmax(sum, 0.0) / (double)count;
}

/* Wilson's interval: all shares that are at most 1.96 standard errors away from the observed one.
 */
static void find_interval(fi_fit *fit) {
    double z = 1.959963984540054, n = (double)fit->decided;
    double middle = (fit->accuracy + z * z / (2 * n)) / (1 + z * z / n);
    double spread = fit->accuracy * (1 - fit->accuracy) / n + z * z / (4 * n * n);
    double half = z * sqrt(spread) / (1 + z * z / n);
    fit->accuracy_low = fmax(middle - half, 0.0);
    fit->accuracy_high = fmin(middle + half, 1.0);
}

/* What is summed over the answers. */
struct tally {
    struct bins bins;
    double loss;
    size_t count;
    size_t decided;
    size_t right;
};

static void tally_add(struct tally *tally, double logit, double target) {
    tally->count++;
    tally->loss += fi_loss(logit, target);
    bins_add(&tally->bins, logit, target);
    if (target == 0.5)
        return;
    tally->decided++;
    tally->right += logit != 0.0 && (logit > 0.0) == (target > 0.5);
}

static fi_fit tally_fit(const struct tally *tally) {
    fi_fit fit = {.loss = NAN,
                  .accuracy = NAN,
                  .decided = tally->decided,
                  .calibration_error = NAN,
                  .accuracy_low = NAN,
                  .accuracy_high = NAN};
    if (tally->count > 0) {
        fit.loss = tally->loss / (double)tally->count;
        fit.calibration_error = bins_error(&tally->bins, tally->count);
    }
    if (fit.decided > 0) {
        fit.accuracy = (double)tally->right / (double)fit.decided;
        find_interval(&fit);
    }
    return fit;
}

fi_fit fi_evaluate(const float *rewards, const fi_answers *answers) {
    struct tally tally = {0};
    for (size_t i = 0; i < answers->count; i++) {
        fi_pair pair = answers->pairs[i];
        tally_add(&tally, (double)rewards[pair.a] - (double)rewards[pair.b],
                  (double)answers->targets[i]);
    }
    return tally_fit(&tally);
}

fi_fit fi_evaluate_logits(size_t count, const double *logits, const float *targets,
                          size_t *ret_count) {
    struct tally tally = {0};
    for (size_t i = 0; i < count; i++)
        if (!isnan(logits[i]))
            tally_add(&tally, logits[i], (double)targets[i]);
    *ret_count = tally.count;
    return tally_fit(&tally);
}

double fi_loss_slopes(size_t n_items, const float *rewards, const fi_answers *answers,
                      float *slopes) {
    double loss = 0.0;
    memset(slopes, 0, n_items * sizeof(*slopes));
    for (size_t i = 0; i < answers->count; i++) {
        fi_pair pair = answers->pairs[i];
        double logit = (double)rewards[pair.a] - (double)rewards[pair.b];
        double target = (double)answers->targets[i];
        float slope = (float)((fi_probability(logit) - target) / (double)answers->count);
        slopes[pair.a] += slope;
        slopes[pair.b] -= slope;
        loss += fi_loss(logit, target);
    }
    return loss / (double)answers->count;
}
