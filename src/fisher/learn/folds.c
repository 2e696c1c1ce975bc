/* Assigns answers to folds by their cluster or pair, and splits them by fold. */
#include "folds.h"

#include <errno.h>
#include <stdlib.h>

#include "rng.h"

/* With fewer clusters, a fold would be most of what there is to learn from. */
enum { CLUSTERS_LEAST = 10 };

static int compare_clusters(const void *a, const void *b) {
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    return (first > second) - (first < second);
}

/* Whether there are enough clusters to fill folds with. */
static int count_clusters(const fi_answers *answers, size_t *ret) {
    FD_FREE uint32_t *sorted = calloc(answers->count + 1, sizeof(*sorted));
    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < answers->count; i++)
        sorted[i] = answers->clusters[i];
    qsort(sorted, answers->count, sizeof(*sorted), compare_clusters);
    *ret = 0;
    for (size_t i = 0; i < answers->count; i++)
        *ret += i == 0 || sorted[i] != sorted[i - 1];
    return 0;
}

static uint8_t fold_of(uint64_t key) {
    fd_rng rng = fd_rng_seeded(key);
    return (uint8_t)fd_rng_below(&rng, FI_FOLDS);
}

static uint64_t key_of(fi_pair pair) {
    uint64_t low = pair.a < pair.b ? pair.a : pair.b, high = pair.a < pair.b ? pair.b : pair.a;
    return high << 32 | low;
}

int fi_folds_assign(const fi_answers *answers, uint8_t *folds) {
    size_t clusters = 0;
    int r = answers->clusters ? count_clusters(answers, &clusters) : 0;
    for (size_t i = 0; i < answers->count && r == 0; i++)
        folds[i] =
            fold_of(clusters >= CLUSTERS_LEAST ? answers->clusters[i] : key_of(answers->pairs[i]));
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
