/* Sums the losses of a linear model and a network, and decides between them. */
#include "kind_comparison.h"

#include <errno.h>
#include <math.h>

#include "clusters.h"
#include "loss.h"

/* With fewer clusters their spread is not known, and pairs take their place. */
enum { CLUSTERS_LEAST = 10 };

/* With the slope of the annotator, as the fit has it: who answers at random, or the other way
 * round, says nothing against a model that knows so. */
static double loss_of(const float *rewards, const fi_answers *answers, size_t answer) {
    if (!rewards)
        return NAN;
    fi_pair pair = answers->pairs[answer];
    double x = answers->reliabilities ? (double)answers->reliabilities[answer] : 1.0;
    return fi_loss(x * ((double)rewards[pair.a] - (double)rewards[pair.b]),
                   (double)answers->targets[answer]);
}

static void add_cluster(fi_kind_comparison *comparison, double n, double sum) {
    comparison->square += sum * sum;
    comparison->product += n * sum;
    comparison->size += n * n;
}

int fi_kind_comparison_add(fi_kind_comparison *comparison, const fi_answers *answers,
                           const float *linear, const float *network) {
    FD_FREE fi_cluster_member *members = calloc(answers->count + 1, sizeof(*members));
    if (!members)
        return -ENOMEM;
    fi_clusters_list(answers, CLUSTERS_LEAST, members);
    double n = 0.0, sum = 0.0;
    for (size_t i = 0; i < answers->count; i++) {
        size_t at = members[i].answer;
        double linear_loss = loss_of(linear, answers, at);
        double network_loss = loss_of(network, answers, at);
        if (fi_cluster_begins(members, i)) {
            add_cluster(comparison, n, sum);
            n = sum = 0.0;
        }
        n++;
        sum += linear_loss - network_loss;
        comparison->linear += linear_loss;
        comparison->network += network_loss;
        comparison->difference += linear_loss - network_loss;
    }
    add_cluster(comparison, n, sum);
    comparison->count += answers->count;
    return 0;
}

double fi_kind_comparison_error(const fi_kind_comparison *comparison) {
    double count = (double)comparison->count, mean = comparison->difference / count;
    double variance =
        comparison->square - 2.0 * mean * comparison->product + mean * mean * comparison->size;
    return variance < 0.0 ? 0.0 : sqrt(variance) / count;
}

/* A question that is not linear exceeds this by far. With one error, chance alone would win every
 * sixth comparison. */
static const double errors_to_win = 2.0;

bool fi_kind_comparison_network_wins(const fi_kind_comparison *comparison) {
    return comparison->difference / (double)comparison->count >
           errors_to_win * fi_kind_comparison_error(comparison);
}
