/* How the loss falls as labels come in, and how far it may still fall. */
#ifndef FISHER_LEARNING_CURVE_H
#define FISHER_LEARNING_CURVE_H

#include <fisher/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A point is ignored unless labels and weight are positive and all three numbers are finite. */
typedef struct fi_curve_point {
    double labels; /* n */
    double loss;   /* nats per answer */
    double weight; /* answers that the loss is the mean over */
} fi_curve_point;

/*
 * A learning curve loss(n) = floor + scale n^-exponent with floor >= 0 and scale >= 0, a power law
 * (Cortes, Jackel, Solla, Vapnik and Denker 1993), and what it predicts.
 */
typedef struct fi_curve {
    double floor;       /* nats per answer */
    double scale;       /* 0: the loss does not fall */
    double exponent;    /* 0.1 to 1.5, in steps of 0.05 */
    double loss_now;    /* at the given number of labels */
    double loss_double; /* at twice that number */
    double fall;        /* loss_now - loss_double, at least 0 */
    double fall_high;   /* upper end of the interval of the fall */
} fi_curve;

/*
 * Fits the curve with the least weighted sum of squares to points in any order. The interval is
 * that of the profile likelihood, one standard error wide: it covers the curves, of any exponent,
 * whose sum of squares exceeds the least one by at most its share 1 / (points - 3). So the points
 * must have at least four different numbers of labels, one more than the curve has parameters:
 * -ENODATA if there are fewer. -EDOM if the numbers overflow.
 */
int fi_curve_fit(size_t n, const fi_curve_point *points, double labels,
                 fi_curve *ret) FI_MUST_CHECK;

/*
 * The exponent s of y ~ x^s: the slope of log y over log x by least squares. x [n] and y [n];
 * points that are not positive and finite are ignored. NaN with fewer than three points, or if all
 * have one x.
 */
double fi_power_slope(size_t n, const double *x, const double *y);

#ifdef __cplusplus
}
#endif

#endif
