/* The parts of the strategy `coreset`: clusters of the candidates, and their sensitivities. */
#ifndef FI_CORESET_H
#define FI_CORESET_H

#include "strategy.h"

/* Huggins et al. (2016) use 4 and 6 clusters. More of them cost more and hardly tighten the bound,
 * which sums over all of them. */
#define FI_CORESET_CLUSTERS 6

/* A partition of the candidates by their points z. */
typedef struct fi_clusters {
    size_t count;
    size_t *sizes;     /* [count], some may be 0 */
    double *means;     /* [count x h] of the members */
    uint8_t *clusters; /* [n_pairs] the cluster of each candidate */
} fi_clusters;

/* Finds at most FI_CORESET_CLUSTERS clusters, and no more than there are different points.
 * -ECANCELED, -ENOMEM. */
int fi_clusters_find(const fi_problem *problem, fi_clusters *ret) FD_MUST_CHECK;
void fi_clusters_clear(fi_clusters *clusters);

/* Sets sensitivities [n_pairs] to their bounds m, from 1 to the number of candidates. -ECANCELED,
 * -ENOMEM. */
int fi_sensitivities(const fi_problem *problem, const fi_clusters *clusters,
                     double *sensitivities) FD_MUST_CHECK;

#endif
