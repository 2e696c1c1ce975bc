/* Groups answers that are alike: those about one prompt, or else those about one pair. */
#ifndef FI_CLUSTERS_H
#define FI_CLUSTERS_H

#include <fisher/train.h>
#include <stdbool.h>

#include "macros.h"

/* An answer, and the cluster that it belongs to. */
typedef struct fi_cluster_member {
    uint64_t cluster;
    size_t answer;
} fi_cluster_member;

/* Lists the answers into members [answers->count], those of one cluster behind each other; returns
 * the number of clusters. As given: 0 and no list if the answers have none. Of pairs: answers to
 * one pair are a cluster; which item is a does not matter. */
size_t fi_clusters_as_given(const fi_answers *answers, fi_cluster_member *members);
size_t fi_clusters_of_pairs(const fi_answers *answers, fi_cluster_member *members);

/* Lists the answers by cluster into members [answers->count]. If there are fewer than `least`
 * clusters, or none, the pairs are the clusters. */
void fi_clusters_list(const fi_answers *answers, size_t least, fi_cluster_member *members);

/* Whether a member is the first of its cluster. */
static inline bool fi_cluster_begins(const fi_cluster_member *members, size_t i) {
    return i == 0 || members[i].cluster != members[i - 1].cluster;
}

#endif
