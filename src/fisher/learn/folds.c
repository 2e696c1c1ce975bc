/* Assigns pairs to folds, and splits answers by them. */
#include "folds.h"

#include <errno.h>

#include "rng.h"

uint8_t fi_fold_of(fi_pair pair) {
    uint64_t low = pair.a < pair.b ? pair.a : pair.b;
    uint64_t high = pair.a < pair.b ? pair.b : pair.a;
    fd_rng rng = fd_rng_seeded(high << 32 | low);
    return (uint8_t)fd_rng_below(&rng, FI_FOLDS);
}

int fi_part_init(fi_part *part, const fi_answers *answers, const uint8_t *folds, uint8_t fold,
                 bool inside) {
    part->pairs = calloc(answers->count + 1, sizeof(*part->pairs));
    part->targets = calloc(answers->count + 1, sizeof(*part->targets));
    if (!part->pairs || !part->targets)
        return -ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < answers->count; i++)
        if ((folds[i] == fold) == inside) {
            part->pairs[count] = answers->pairs[i];
            part->targets[count++] = answers->targets[i];
        }
    part->answers = (fi_answers){.count = count, .pairs = part->pairs, .targets = part->targets};
    return 0;
}

void fi_part_clear(fi_part *part) {
    free(part->pairs);
    free(part->targets);
}
