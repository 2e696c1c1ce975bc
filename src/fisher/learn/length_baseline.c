/* Fits one coefficient to the other folds for each fold. */
#include "length_baseline.h"

#include <fisher/information.h>
#include <math.h>

enum { STEPS = 50 };

/* Of a normal prior of the coefficient: it only keeps a few answers from giving infinity. */
static const double precision = 0.01;

static double difference_of(const fi_learning *learning, size_t answer) {
    const float *lengths = learning->options->lengths;
    const uint32_t *rows = learning->data.rows;
    fi_pair pair = learning->all.pairs[answer];
    return (double)lengths[rows[pair.a]] - (double)lengths[rows[pair.b]];
}

/* Newton's method. The objective is convex, and a step is bounded so that it cannot overshoot. */
static double fit(const fi_learning *learning, uint8_t fold) {
    double slope = 0.0;
    for (int step = 0; step < STEPS; step++) {
        double gradient = -precision * slope, curvature = precision;
        for (size_t i = 0; i < learning->all.count; i++) {
            double difference = difference_of(learning, i);
            if (learning->folds[i] == fold || isnan(difference))
                continue;
            double p = fi_probability(slope * difference);
            gradient += ((double)learning->all.targets[i] - p) * difference;
            curvature += p * (1.0 - p) * difference * difference;
        }
        double move = fmin(fmax(gradient / curvature, -1.0), 1.0);
        slope += move;
        if (fabs(move) < 1e-10)
            break;
    }
    return slope;
}

void fi_length_baseline(const fi_learning *learning, double *logits) {
    double slopes[FI_FOLDS];
    for (int fold = 0; fold < FI_FOLDS; fold++)
        slopes[fold] = fit(learning, (uint8_t)fold);
    for (size_t i = 0; i < learning->all.count; i++)
        logits[i] = slopes[learning->folds[i]] * difference_of(learning, i);
}
