/* Fits power laws to losses over numbers of labels. */
#include <errno.h>
#include <fisher/learning_curve.h>
#include <math.h>
#include <stdbool.h>

/* ---- weighted least squares with one variable ---- */

struct sums {
    size_t count;
    double weight, x, y, xx, xy, yy; /* x and y are means, the others sums about the means */
};

/* Welford's updates, because the points may lie far from 0. */
static void sums_add(struct sums *sums, double x, double y, double weight) {
    sums->count++;
    sums->weight += weight;
    double dx = x - sums->x, dy = y - sums->y;
    sums->x += dx * weight / sums->weight;
    sums->y += dy * weight / sums->weight;
    sums->xx += weight * dx * (x - sums->x);
    sums->xy += weight * dx * (y - sums->y);
    sums->yy += weight * dy * (y - sums->y);
}

/* ---- the power law ---- */

static const double exponent_least = 0.1, exponent_step = 0.05;

enum { EXPONENTS = 29, LABEL_COUNTS_LEAST = 4, PARAMETERS = 3 };

static bool is_usable(const fi_curve_point *point) {
    return point->labels > 0 && isfinite(point->labels) && point->weight > 0 &&
           isfinite(point->weight) && isfinite(point->loss);
}

/* Whether point i is the first usable one with its number of labels. */
static bool is_new_count(const fi_curve_point *points, size_t i) {
    for (size_t j = 0; j < i; j++)
        if (is_usable(&points[j]) && points[j].labels == points[i].labels)
            return false;
    return is_usable(&points[i]);
}

/* The best curve of one exponent. With another scale the sum of squares is
 * least + slope (other scale - scale)^2. */
struct profile {
    double floor, scale;
    double least, slope;
};

static struct profile fit_exponent(size_t n, const fi_curve_point *points, double exponent) {
    struct sums sums = {0};
    for (size_t i = 0; i < n; i++)
        if (is_usable(&points[i]))
            sums_add(&sums, pow(points[i].labels, -exponent), points[i].loss, points[i].weight);

    struct profile fit = {.slope = sums.xx, .scale = fmax(sums.xy / sums.xx, 0.0)};
    fit.floor = sums.y - fit.scale * sums.x;
    if (fit.floor < 0) {
        fit.floor = 0;
        fit.slope = sums.xx + sums.weight * sums.x * sums.x;
        fit.scale = fmax((sums.xy + sums.weight * sums.x * sums.y) / fit.slope, 0.0);
    }
    double offset = sums.y - fit.floor - fit.scale * sums.x;
    fit.least =
        sums.yy + fit.scale * (fit.scale * sums.xx - 2 * sums.xy) + sums.weight * offset * offset;
    fit.least = fit.least < 0 ? 0 : fit.least; /* rounding; a NaN stays NaN */
    return fit;
}

static double exponent_at(size_t i) {
    return exponent_least + (double)i * exponent_step;
}

/* How much n^-exponent falls when n doubles. */
static double fall_of(double labels, double exponent) {
    return pow(labels, -exponent) * (1 - exp2(-exponent));
}

/* The largest fall of the curves whose sum of squares is at most the limit. */
static double find_highest(const struct profile *profiles, double limit, double labels) {
    double highest = 0;
    for (size_t i = 0; i < EXPONENTS; i++) {
        double slack = limit - profiles[i].least;
        if (slack >= 0) {
            double scale = profiles[i].scale + sqrt(slack / profiles[i].slope);
            highest = fmax(highest, scale * fall_of(labels, exponent_at(i)));
        }
    }
    return highest;
}

int fi_curve_fit(size_t n, const fi_curve_point *points, double labels, fi_curve *ret) {
    size_t usable = 0, counts = 0;
    for (size_t i = 0; i < n; i++) {
        usable += is_usable(&points[i]);
        counts += is_new_count(points, i);
    }
    if (counts < LABEL_COUNTS_LEAST)
        return -ENODATA;

    struct profile profiles[EXPONENTS];
    size_t best = 0;
    for (size_t i = 0; i < EXPONENTS; i++) {
        profiles[i] = fit_exponent(n, points, exponent_at(i));
        if (!isfinite(profiles[i].least))
            return -EDOM;
        if (profiles[i].least < profiles[best].least)
            best = i;
    }
    const struct profile *fit = &profiles[best];
    double exponent = exponent_at(best);
    double limit = fit->least * (1 + 1 / (double)(usable - PARAMETERS));
    double now = fit->floor + fit->scale * pow(labels, -exponent);
    double fall = fit->scale * fall_of(labels, exponent);
    *ret = (fi_curve){
        .floor = fit->floor,
        .scale = fit->scale,
        .exponent = exponent,
        .loss_now = now,
        .loss_double = now - fall,
        .fall = fall,
        .fall_high = find_highest(profiles, limit, labels),
    };
    return 0;
}

/* ---- trends ---- */

enum { TREND_POINTS_LEAST = 3 };

double fi_power_slope(size_t n, const double *x, const double *y) {
    struct sums sums = {0};
    for (size_t i = 0; i < n; i++)
        if (x[i] > 0 && y[i] > 0 && isfinite(x[i]) && isfinite(y[i]))
            sums_add(&sums, log(x[i]), log(y[i]), 1);
    return sums.count >= TREND_POINTS_LEAST && sums.xx > 0 ? sums.xy / sums.xx : NAN;
}
