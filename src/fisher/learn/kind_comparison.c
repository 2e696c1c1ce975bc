/* Sums the losses of a linear model and a network, and decides between them. */
#include "kind_comparison.h"

#include <math.h>

#include "loss.h"

static double loss_of(const float *rewards, fi_pair pair, float target) {
    return rewards ? fi_loss((double)rewards[pair.a] - (double)rewards[pair.b], (double)target)
                   : NAN;
}

void fi_kind_comparison_add(fi_kind_comparison *comparison, const fi_answers *answers,
                            const float *linear, const float *network) {
    for (size_t i = 0; i < answers->count; i++) {
        double linear_loss = loss_of(linear, answers->pairs[i], answers->targets[i]);
        double network_loss = loss_of(network, answers->pairs[i], answers->targets[i]);
        comparison->linear += linear_loss;
        comparison->network += network_loss;
        comparison->difference += linear_loss - network_loss;
        comparison->square += (linear_loss - network_loss) * (linear_loss - network_loss);
    }
    comparison->count += answers->count;
}

double fi_kind_comparison_error(const fi_kind_comparison *comparison) {
    double count = (double)comparison->count;
    double mean = comparison->difference / count;
    double variance = comparison->square / count - mean * mean;
    return variance < 0.0 ? 0.0 : sqrt(variance / count);
}

/* A question that is not linear exceeds this by far. With one error, chance alone would win every
 * sixth comparison. */
static const double errors_to_win = 2.0;

bool fi_kind_comparison_network_wins(const fi_kind_comparison *comparison) {
    return comparison->difference / (double)comparison->count >
           errors_to_win * fi_kind_comparison_error(comparison);
}
