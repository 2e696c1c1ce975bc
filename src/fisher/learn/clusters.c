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

static size_t sort_and_count(size_t count, fi_cluster_member *members) {
    size_t clusters = 0;
    qsort(members, count, sizeof(*members), compare_members);
    for (size_t i = 0; i < count; i++)
        clusters += fi_cluster_begins(members, i);
    return clusters;
}

size_t fi_clusters_as_given(const fi_answers *answers, fi_cluster_member *members) {
    if (!answers->clusters)
        return 0;
    for (size_t i = 0; i < answers->count; i++)
        members[i] = (fi_cluster_member){answers->clusters[i], i};
    return sort_and_count(answers->count, members);
}

size_t fi_clusters_of_pairs(const fi_answers *answers, fi_cluster_member *members) {
    for (size_t i = 0; i < answers->count; i++)
        members[i] = (fi_cluster_member){number_of(answers->pairs[i]), i};
    return sort_and_count(answers->count, members);
}

void fi_clusters_list(const fi_answers *answers, size_t least, fi_cluster_member *members) {
    if (!answers->clusters || fi_clusters_as_given(answers, members) < least)
        (void)fi_clusters_of_pairs(answers, members);
}
