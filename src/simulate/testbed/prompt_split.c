/* Splits prompts by hashes of their ids. */
#include "prompt_split.h"

#include <errno.h>
#include <math.h>

#include "hash_draws.h"

static const uint64_t part_salt = 0x70617274; /* unlike the number of any split */

const char *const fd_part_names[] = {
    [FD_PART_ALL] = "all",
    [FD_PART_DEVELOPMENT] = "development",
    [FD_PART_CONFIRMATION] = "confirmation",
    NULL,
};

struct ranked {
    uint64_t hash;
    size_t prompt;
};

static int by_hash(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    return x->hash != y->hash ? (x->hash > y->hash) - (x->hash < y->hash)
                              : (x->prompt > y->prompt) - (x->prompt < y->prompt);
}

/* Gives `from` prompts of role `of`, those with the smallest hashes, the role `to`. */
static int assign_share(size_t n_prompts, char *const *ids, uint64_t salt, double share,
                        fd_prompt_role of, fd_prompt_role to, fd_prompt_role *roles) {
    FD_FREE struct ranked *ranked = calloc(n_prompts + 1, sizeof(*ranked));
    size_t n = 0;
    if (!ranked)
        return -ENOMEM;
    for (size_t k = 0; k < n_prompts; k++)
        if (roles[k] == of)
            ranked[n++] = (struct ranked){fd_hash_mix_text(salt, ids[k]), k};
    qsort(ranked, n, sizeof(*ranked), by_hash);
    size_t count = (size_t)lround(share * (double)n);
    for (size_t i = 0; i < count; i++)
        roles[ranked[i].prompt] = to;
    return 0;
}

/* Sets the roles of the prompts of a part to FD_PROMPT_TRAINS, of the others to absent. */
static int take_part(size_t n_prompts, char *const *ids, fd_part part, fd_prompt_role *roles) {
    bool late = part == FD_PART_CONFIRMATION;
    for (size_t k = 0; k < n_prompts; k++)
        roles[k] = part == FD_PART_DEVELOPMENT ? FD_PROMPT_ABSENT : FD_PROMPT_TRAINS;
    if (part == FD_PART_ALL)
        return 0;
    return assign_share(n_prompts, ids, part_salt, 0.5, roles[0],
                        late ? FD_PROMPT_ABSENT : FD_PROMPT_TRAINS, roles);
}

int fd_split_prompts(size_t n_prompts, char *const *ids, const fd_prompt_split *split,
                     fd_prompt_role *roles) {
    int r = take_part(n_prompts, ids, split->part, roles);
    if (r < 0)
        return r;
    return assign_share(n_prompts, ids, split->number, split->test_share, FD_PROMPT_TRAINS,
                        FD_PROMPT_TESTS, roles);
}

int fd_part_digest(size_t n_prompts, char *const *ids, fd_part part, uint64_t *ret) {
    FD_FREE fd_prompt_role *roles = calloc(n_prompts + 1, sizeof(*roles));
    if (!roles)
        return -ENOMEM;
    int r = take_part(n_prompts, ids, part, roles);
    *ret = 0;
    for (size_t k = 0; k < n_prompts; k++)
        if (roles[k] == FD_PROMPT_TRAINS)
            *ret += fd_hash_mix_text(part_salt + 1, ids[k]);
    return r;
}
