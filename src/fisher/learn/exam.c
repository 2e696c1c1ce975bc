/* Fits power laws to the differences of an exam. */
#include <errno.h>
#include <fisher/exam.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { LAST = FI_EXAM_STAGES - 1, EXPONENTS = 19 };

/* The loss of a model that can say the truth falls as 1 / n in the end, and no faster. Steeper
 * curves fit the first stages of a stiff model, and promise too little. */
static const double exponent_least = 0.1, exponent_step = 0.05;

/* Above the least one, of the curves that may be: the upper end of a 90 % interval. */
static const double chi_square_most = 2.71;

/* A share of the variance that is added to each difference alone: no curve is exactly a power law,
 * and stages that differ little would have a singular covariance. */
static const double own_share = 0.01, variance_least = 1e-12;

/* The lower Cholesky factor of the covariance. false if it is not positive definite. */
static bool factorise(const fi_exam *exam, double lower[LAST][LAST]) {
    double largest = 0.0;
    for (size_t k = 0; k < LAST; k++)
        largest = fmax(largest, exam->covariance[k][k]);
    memset(lower, 0, LAST * sizeof(lower[0]));
    for (size_t k = 0; k < LAST; k++)
        for (size_t l = 0; l <= k; l++) {
            double sum = exam->covariance[k][l];
            sum += k == l ? own_share * largest + variance_least : 0.0;
            for (size_t m = 0; m < l; m++)
                sum -= lower[k][m] * lower[l][m];
            if (k == l && !(sum > 0.0 && isfinite(sum)))
                return false;
            lower[k][l] = k == l ? sqrt(sum) : sum / lower[l][l];
        }
    return true;
}

static void whiten(double lower[LAST][LAST], double x[LAST]) {
    for (size_t k = 0; k < LAST; k++) {
        for (size_t l = 0; l < k; l++)
            x[k] -= lower[k][l] * x[l];
        x[k] /= lower[k][k];
    }
}

/* chi^2 of one exponent as a function of the scale: least + slope (scale - best)^2, for scales from
 * 0 to most. */
struct profile {
    double least, best, slope, most;
};

static struct profile profile_of(const fi_exam *exam, double lower[LAST][LAST], double exponent) {
    double last = pow(exam->labels[LAST], -exponent);
    struct profile profile = {.most = exam->losses[LAST] / last};
    double x[LAST], y[LAST], xy = 0.0, yy = 0.0;
    for (size_t k = 0; k < LAST; k++) {
        x[k] = pow(exam->labels[k], -exponent) - last;
        y[k] = exam->losses[k] - exam->losses[LAST];
    }
    whiten(lower, x);
    whiten(lower, y);
    for (size_t k = 0; k < LAST; k++) {
        profile.slope += x[k] * x[k];
        xy += x[k] * y[k];
        yy += y[k] * y[k];
    }
    profile.best = xy / profile.slope;
    profile.least = yy - xy * profile.best;
    return profile;
}

static double exponent_at(size_t i) {
    return exponent_least + (double)i * exponent_step;
}

static double allowed(const struct profile *profile, double scale) {
    return fmin(fmax(scale, 0.0), profile->most);
}

static double chi_square(const struct profile *profile, double scale) {
    return profile->least + profile->slope * (scale - profile->best) * (scale - profile->best);
}

int fi_exam_fit(const fi_exam *exam, double labels, fi_curve *ret) {
    double lower[LAST][LAST];
    struct profile profiles[EXPONENTS];
    size_t best = 0;
    double least = INFINITY, high = 0.0;
    if (exam->answers == 0)
        return -ENODATA;
    if (!factorise(exam, lower))
        return -EDOM;
    for (size_t i = 0; i < EXPONENTS; i++) {
        profiles[i] = profile_of(exam, lower, exponent_at(i));
        double found = chi_square(&profiles[i], allowed(&profiles[i], profiles[i].best));
        if (!isfinite(found))
            return -EDOM;
        if (found < least) {
            least = found;
            best = i;
        }
    }
    for (size_t i = 0; i < EXPONENTS; i++) {
        double slack = least + chi_square_most - profiles[i].least;
        double scale = profiles[i].best + sqrt(fmax(slack, 0.0) / profiles[i].slope);
        if (slack >= 0.0 && scale >= 0.0)
            high = fmax(high, allowed(&profiles[i], scale) * pow(labels, -exponent_at(i)) *
                                  (1.0 - exp2(-exponent_at(i))));
    }
    double exponent = exponent_at(best), scale = allowed(&profiles[best], profiles[best].best);
    double floor = exam->losses[LAST] - scale * pow(exam->labels[LAST], -exponent);
    double now = floor + scale * pow(labels, -exponent);
    double fall = scale * pow(labels, -exponent) * (1.0 - exp2(-exponent));
    *ret = (fi_curve){.floor = floor,
                      .scale = scale,
                      .exponent = exponent,
                      .loss_now = now,
                      .loss_double = now - fall,
                      .fall = fall,
                      .fall_high = fmax(high, fall)};
    return 0;
}
