/* Averages differences within units, and finds the interval over the units. */
#include "paired_differences.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* The 97.5 % quantile of Student's t. */
static double t_quantile(size_t freedom) {
    static const double quantiles[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                       2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                       2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                       2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
    return freedom <= FD_LENGTH(quantiles) ? quantiles[freedom - 1] : 1.96 + 2.4 / (double)freedom;
}

static size_t end_of_unit(size_t n, const fd_paired_value *values, size_t begin) {
    size_t end = begin + 1;
    while (end < n && strcmp(values[begin].unit, values[end].unit) == 0)
        end++;
    return end;
}

/* The mean of a unit; false if none of its values counts. */
static bool average(const fd_paired_value *values, size_t n, double *value, double *difference) {
    size_t count = 0;
    *value = *difference = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i].value) || !isfinite(values[i].base))
            continue;
        *value += values[i].value;
        *difference += values[i].value - values[i].base;
        count++;
    }
    *value /= (double)count;
    *difference /= (double)count;
    return count > 0;
}

fd_paired_difference fd_pair_differences(size_t n, const fd_paired_value *values) {
    fd_paired_difference ret = {0};
    double value, difference, sum = 0, squares = 0, shift = NAN;
    for (size_t begin = 0, end; begin < n; begin = end) {
        end = end_of_unit(n, values, begin);
        if (!average(values + begin, end - begin, &value, &difference))
            continue;
        if (ret.units++ == 0)
            shift = difference; /* squares of what is left are exact enough */
        ret.mean += value;
        sum += difference - shift;
        squares += (difference - shift) * (difference - shift);
    }
    double units = (double)ret.units;
    ret.mean /= units;
    ret.difference = (fd_estimate){shift + sum / units, NAN, NAN};
    if (ret.units < 2)
        return ret;
    double variance = fmax(0, (squares - sum * sum / units) / (units - 1));
    double half = t_quantile(ret.units - 1) * sqrt(variance / units);
    ret.difference.low = ret.difference.value - half;
    ret.difference.high = ret.difference.value + half;
    return ret;
}
