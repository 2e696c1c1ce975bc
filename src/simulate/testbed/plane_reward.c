/* The reward of the two-dimensional example. */
#include "plane_reward.h"

#include <math.h>

double fd_plane_reward(const double point[2]) {
    static const double centre = 2.5, variance = 0.25;
    double exponents[2];
    for (int i = 0; i < 2; i++) {
        double sign = i == 0 ? -1 : 1;
        double x = point[0] - sign * centre, y = point[1] - sign * centre;
        exponents[i] = -(x * x + y * y) / (2 * variance);
    }
    double larger = fmax(exponents[0], exponents[1]);
    return larger + log1p(exp(fmin(exponents[0], exponents[1]) - larger)) -
           log(2 * 2 * acos(-1) * variance);
}
