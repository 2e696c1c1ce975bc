/* How a loss falls as labels come in, and how far it will. */
#ifndef FISHER_CURVE_H
#define FISHER_CURVE_H

#include <fisher/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fi_curve_point {
    double labels; /* n; a point is left out unless it is positive, as is the weight */
    double loss;   /* nats per answer; a point is left out unless it is finite */
    double weight; /* answers that the loss is the mean over */
} fi_curve_point;

/*
 * A learning curve: loss(n) = floor + scale n^-exponent, with floor and scale at least 0 (power
 * laws: Cortes, Jackel, Solla, Vapnik and Denker 1993), and what it foretells.
 */
typedef struct fi_curve {
    double floor;       /* nats, as loss */
    double scale;       /* 0: the loss does not fall */
    double exponent;    /* 0.1 to 1.5, in steps of 0.05 */
    double loss_now;    /* at the labels asked for */
    double loss_double; /* at twice as many */
    double fall;        /* from the one to the other, at least 0 */
    double fall_high;   /* the upper end of the interval of the fall */
} fi_curve;

/*
 * The curve of the least weighted squares through the points, in any order. The interval is that of
 * the profile likelihood, one standard error wide: it holds the curves, of any exponent, whose
 * squares exceed the least by no more than 1 / (points - 3) of them. So it takes one label count
 * more than the curve has parameters: -ENODATA with fewer than four different ones. -EDOM when the
 * numbers overflow.
 */
int fi_curve_fit(size_t n, const fi_curve_point *points, double labels,
                 fi_curve *ret) FI_MUST_CHECK;

/*
 * The exponent s of y ~ x^s: the slope of log y against log x by least squares. Points that are not
 * positive and finite are left out; NaN with fewer than three left, or with all at one x.
 */
double fi_power_slope(size_t n, const double *x, const double *y);

#ifdef __cplusplus
}
#endif

#endif
