/* Compares learning curves by area and labels saved, with bootstrap intervals. */
#include "strategy_comparison.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

enum { RESAMPLES = 2000 };

/* The mean curve over the picked seeds (NULL: all), and its area. */
static double mean_of(const fd_curves *curves, const size_t *picked, double *mean) {
    double area = 0;
    memset(mean, 0, curves->rounds * sizeof(*mean));
    for (size_t i = 0; i < curves->n; i++)
        for (size_t t = 0; t < curves->rounds; t++)
            mean[t] += curves->values[picked ? picked[i] : i][t] / (double)curves->n;
    for (size_t t = 0; t < curves->rounds; t++)
        area += mean[t] / (double)curves->rounds;
    return area;
}

double fd_curves_mean(const fd_curves *curves, double *mean) {
    return mean_of(curves, NULL, mean);
}

double fd_labels_to_reach(size_t rounds, const double *labels, const double *curve, double level) {
    if (curve[0] >= level)
        return labels[0];
    for (size_t t = 1; t < rounds; t++)
        if (curve[t] >= level)
            return labels[t - 1] +
                   (labels[t] - labels[t - 1]) * (level - curve[t - 1]) / (curve[t] - curve[t - 1]);
    return INFINITY;
}

struct sample {
    double area;
    double saving;
};

/* mean and base_mean [rounds] are work space. */
static struct sample compare(const fd_curves *curves, const fd_curves *base, const size_t *picked,
                             double *mean, double *base_mean) {
    double area = mean_of(curves, picked, mean);
    double base_area = mean_of(base, picked, base_mean);
    double level = base_mean[base->rounds - 1];
    double needed = fd_labels_to_reach(curves->rounds, curves->labels, mean, level);
    double base_needed = fd_labels_to_reach(base->rounds, base->labels, base_mean, level);
    return (struct sample){area - base_area, base_needed / needed};
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static fd_estimate estimate(double value, double *resampled) {
    qsort(resampled, RESAMPLES, sizeof(*resampled), ascending);
    return (fd_estimate){value, resampled[RESAMPLES / 40],
                         resampled[RESAMPLES - 1 - RESAMPLES / 40]};
}

int fd_compare_strategies(const fd_curves *curves, const fd_curves *base,
                          fd_strategy_comparison *ret) {
    FD_FREE double *means = calloc(curves->rounds + base->rounds + 1, sizeof(*means));
    FD_FREE double *areas = calloc(RESAMPLES, sizeof(*areas));
    FD_FREE double *savings = calloc(RESAMPLES, sizeof(*savings));
    FD_FREE size_t *picked = calloc(curves->n + 1, sizeof(*picked));
    if (!means || !areas || !savings || !picked)
        return -ENOMEM;
    fd_rng rng = fd_rng_seeded(0);
    double *base_means = means + curves->rounds;
    for (size_t i = 0; i < RESAMPLES; i++) {
        for (size_t j = 0; j < curves->n; j++)
            picked[j] = (size_t)fd_rng_below(&rng, curves->n);
        struct sample sample = compare(curves, base, picked, means, base_means);
        areas[i] = sample.area;
        savings[i] = sample.saving;
    }
    struct sample all = compare(curves, base, NULL, means, base_means);
    ret->area = estimate(all.area, areas);
    ret->saving = estimate(all.saving, savings);
    if (curves->n < 2) /* one seed says nothing about the variation between seeds */
        ret->area.low = ret->area.high = ret->saving.low = ret->saving.high = NAN;
    return 0;
}
