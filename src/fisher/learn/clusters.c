/* Sorts answers by their cluster or pair. */
#include "clusters.h"

#include <stdlib.h>

static int compare_members(const void *a, const void *b) {
    const fi_cluster_member *x = a, *y = b;
    if (x->cluster != y->cluster)
        return x->cluster < y->cluster ? -1 : 1;
    return (x->answer > y->answer) - (x->answer < y->answer);
}

static uint64_t number_of(fi_pair pair) {
    uint64_t low = pair.a < pair.b ? pair.a : pair.b, high = pair.a < pair.b ? pair.b : pair.a;
    return high << 32 | low;
}

/* Returns the number of clusters. */
static size_t list(const fi_answers *answers, bool by_pair, fi_cluster_member *members) {
    size_t clusters = 0;
    for (size_t i = 0; i < answers->count; i++)
        members[i] =
            (fi_cluster_member){by_pair ? number_of(answers->pairs[i]) : answers->clusters[i], i};
    qsort(members, answers->count, sizeof(*members), compare_members);
    for (size_t i = 0; i < answers->count; i++)
        clusters += fi_cluster_begins(members, i);
    return clusters;
}

void fi_clusters_list(const fi_answers *answers, size_t least, fi_cluster_member *members) {
    if (!answers->clusters || list(answers, false, members) < least)
        (void)list(answers, true, members);
}
