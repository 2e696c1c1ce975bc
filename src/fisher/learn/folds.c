/* Assigns answers to folds by their cluster or pair, and splits them by fold. */
#include "folds.h"

#include <errno.h>

#include "clusters.h"
#include "rng.h"

/* With fewer clusters, a fold would be most of what there is to learn from. */
enum { CLUSTERS_LEAST = 10 };

static uint8_t fold_of(uint64_t key) {
    fd_rng rng = fd_rng_seeded(key);
    return (uint8_t)fd_rng_below(&rng, FI_FOLDS);
}

int fi_folds_keys(const fi_answers *answers, uint64_t *keys) {
    FD_FREE fi_cluster_member *members = calloc(answers->count + 1, sizeof(*members));
    if (!members)
        return -ENOMEM;
    fi_clusters_list(answers, CLUSTERS_LEAST, members);
    for (size_t i = 0; i < answers->count; i++)
        keys[members[i].answer] = members[i].cluster;
    return 0;
}

int fi_folds_assign(const fi_answers *answers, uint8_t *folds) {
    FD_FREE uint64_t *keys = calloc(answers->count + 1, sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    int r = fi_folds_keys(answers, keys);
    for (size_t i = 0; i < answers->count && r == 0; i++)
        folds[i] = fold_of(keys[i]);
    return r;
}

/* Memory for copies of what the answers have. */
static int allocate(fi_part *part, const fi_answers *answers) {
    size_t n = answers->count + 1;
    part->indices = calloc(n, sizeof(*part->indices));
    part->pairs = calloc(n, sizeof(*part->pairs));
    part->targets = calloc(n, sizeof(*part->targets));
    part->sides = answers->sides ? calloc(n, sizeof(*part->sides)) : NULL;
    part->reliabilities = answers->reliabilities ? calloc(n, sizeof(*part->reliabilities)) : NULL;
    part->clusters = answers->clusters ? calloc(n, sizeof(*part->clusters)) : NULL;
    if (!part->indices || !part->pairs || !part->targets || (answers->sides && !part->sides) ||
        (answers->reliabilities && !part->reliabilities) || (answers->clusters && !part->clusters))
        return -ENOMEM;
    return 0;
}

int fi_part_init(fi_part *part, const fi_answers *answers, const uint8_t *folds, uint8_t fold,
                 bool inside) {
    int r = allocate(part, answers);
    if (r < 0)
        return r;
    size_t count = 0;
    for (size_t i = 0; i < answers->count; i++) {
        if ((folds[i] == fold) != inside)
            continue;
        part->indices[count] = i;
        part->pairs[count] = answers->pairs[i];
        part->targets[count] = answers->targets[i];
        if (part->sides)
            part->sides[count] = answers->sides[i];
        if (part->reliabilities)
            part->reliabilities[count] = answers->reliabilities[i];
        if (part->clusters)
            part->clusters[count] = answers->clusters[i];
        count++;
    }
    part->answers = (fi_answers){.count = count,
                                 .pairs = part->pairs,
                                 .targets = part->targets,
                                 .sides = part->sides,
                                 .reliabilities = part->reliabilities,
                                 .clusters = part->clusters};
    return 0;
}

void fi_part_clear(fi_part *part) {
    free(part->indices);
    free(part->pairs);
    free(part->targets);
    free(part->sides);
    free(part->reliabilities);
    free(part->clusters);
    free(part->annotators);
}
