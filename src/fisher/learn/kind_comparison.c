#include "kind_comparison.h"

#include <errno.h>
#include <math.h>

#include "loss.h"

/* Of the lesson's items; NaN without a model. */
static int rewards_of(const fi_data_set *lesson, const fi_model *model, float *rewards) {
    for (size_t i = 0; i < lesson->n_items; i++)
        rewards[i] = NAN;
    if (!model)
        return 0;
    FD_FREE float *features =
        calloc(lesson->n_items, fi_model_feature_count(model) * sizeof(*features));
    if (!features)
        return -ENOMEM;
    int r = fi_model_features(model, lesson->n_items, lesson->inputs, features);
    if (r == 0)
        fi_model_rewards(model, lesson->n_items, features, rewards);
    return r;
}

static double loss_of(const float *rewards, fi_pair pair, float target) {
    return fi_loss((double)rewards[pair.a] - (double)rewards[pair.b], (double)target);
}

int fi_kind_comparison_add(fi_kind_comparison *trial, const fi_data_set *lesson,
                           const fi_answers *answers, const fi_model *linear,
                           const fi_model *network) {
    FD_FREE float *firsts = calloc(lesson->n_items, sizeof(*firsts));
    FD_FREE float *seconds = calloc(lesson->n_items, sizeof(*seconds));
    if (!firsts || !seconds)
        return -ENOMEM;
    int r = rewards_of(lesson, linear, firsts);
    if (r == 0)
        r = rewards_of(lesson, network, seconds);
    if (r < 0)
        return r;
    for (size_t i = 0; i < answers->count; i++) {
        double first = loss_of(firsts, answers->pairs[i], answers->targets[i]);
        double second = loss_of(seconds, answers->pairs[i], answers->targets[i]);
        trial->linear += first;
        trial->network += second;
        trial->difference += first - second;
        trial->square += (first - second) * (first - second);
    }
    trial->count += answers->count;
    return 0;
}

double fi_kind_comparison_error(const fi_kind_comparison *trial) {
    double count = (double)trial->count;
    double mean = trial->difference / count;
    double variance = trial->square / count - mean * mean;
    return variance < 0.0 ? 0.0 : sqrt(variance / count);
}

/* A question that is not linear shows by many errors; chance passes one in every sixth trial. */
static const double errors_to_win = 2.0;

bool fi_kind_comparison_network_wins(const fi_kind_comparison *trial) {
    return trial->difference / (double)trial->count >
           errors_to_win * fi_kind_comparison_error(trial);
}
