/* Sums the losses of a linear model and a network, and decides between them. */
#include "kind_comparison.h"

#include <errno.h>
#include <math.h>

#include "loss.h"

/* rewards [n_items] of the items; NaN without a model. */
static int rewards_of(const fi_data_set *data, const fi_model *model, float *rewards) {
    for (size_t i = 0; i < data->n_items; i++)
        rewards[i] = NAN;
    if (!model)
        return 0;
    FD_FREE float *features =
        calloc(data->n_items, fi_model_feature_count(model) * sizeof(*features));
    if (!features)
        return -ENOMEM;
    int r = fi_model_features(model, data->n_items, data->inputs, features);
    if (r == 0)
        fi_model_rewards(model, data->n_items, features, rewards);
    return r;
}

static double loss_of(const float *rewards, fi_pair pair, float target) {
    return fi_loss((double)rewards[pair.a] - (double)rewards[pair.b], (double)target);
}

int fi_kind_comparison_add(fi_kind_comparison *comparison, const fi_data_set *data,
                           const fi_answers *answers, const fi_model *linear,
                           const fi_model *network) {
    FD_FREE float *linear_rewards = calloc(data->n_items, sizeof(*linear_rewards));
    FD_FREE float *network_rewards = calloc(data->n_items, sizeof(*network_rewards));
    if (!linear_rewards || !network_rewards)
        return -ENOMEM;
    int r = rewards_of(data, linear, linear_rewards);
    if (r == 0)
        r = rewards_of(data, network, network_rewards);
    if (r < 0)
        return r;
    for (size_t i = 0; i < answers->count; i++) {
        double linear_loss = loss_of(linear_rewards, answers->pairs[i], answers->targets[i]);
        double network_loss = loss_of(network_rewards, answers->pairs[i], answers->targets[i]);
        comparison->linear += linear_loss;
        comparison->network += network_loss;
        comparison->difference += linear_loss - network_loss;
        comparison->square += (linear_loss - network_loss) * (linear_loss - network_loss);
    }
    comparison->count += answers->count;
    return 0;
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
