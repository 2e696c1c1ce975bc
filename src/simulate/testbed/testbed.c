/* Fills the parts of a testbed that follow from its items, and makes that of the plane. */
#include "testbed.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hash_draws.h"
#include "plane_reward.h"
#include "rng.h"
#include "teacher.h"

enum { PLANE_PROMPTS = 40, PLANE_RESPONSES = 24, PLANE_SEED = 4 };

static const double held_out_share = 0.3;

void fd_testbed_clear(fd_testbed *testbed) {
    for (size_t i = 0; testbed->ids && i < testbed->n_items; i++)
        free(testbed->ids[i]);
    for (size_t i = 0; testbed->prompt_ids && i < testbed->n_items; i++)
        free(testbed->prompt_ids[i]);
    for (size_t i = 0; i < FD_REWARD_COUNT; i++)
        free(testbed->rewards[i]);
    free(testbed->name);
    free(testbed->embeddings);
    free(testbed->ids);
    free(testbed->prompt_ids);
    free(testbed->prompts);
    free(testbed->items_by_prompt);
    free(testbed->prompt_start);
    free(testbed->held_out);
    memset(testbed, 0, sizeof(*testbed));
}

int fd_testbed_reserve(fd_testbed *testbed, const char *name, size_t n_items, size_t dimension) {
    testbed->name = strdup(name);
    testbed->n_items = n_items;
    testbed->dimension = dimension;
    testbed->embeddings = reallocarray(NULL, n_items + 1, (dimension + 1) * sizeof(float));
    testbed->ids = calloc(n_items + 1, sizeof(*testbed->ids));
    testbed->prompt_ids = calloc(n_items + 1, sizeof(*testbed->prompt_ids));
    testbed->prompts = calloc(n_items + 1, sizeof(*testbed->prompts));
    testbed->items_by_prompt = calloc(n_items + 1, sizeof(*testbed->items_by_prompt));
    testbed->prompt_start = calloc(n_items + 2, sizeof(*testbed->prompt_start));
    testbed->held_out = calloc(n_items + 1, sizeof(*testbed->held_out));
    bool complete = testbed->name && testbed->embeddings && testbed->ids && testbed->prompt_ids &&
                    testbed->prompts && testbed->items_by_prompt && testbed->prompt_start &&
                    testbed->held_out;
    for (size_t i = 0; i < FD_REWARD_COUNT; i++) {
        testbed->rewards[i] = calloc(n_items + 1, sizeof(double));
        complete = complete && testbed->rewards[i];
    }
    return complete ? 0 : -ENOMEM;
}

/* ---- what follows from the items ---- */

struct ranked {
    uint64_t hash;
    size_t prompt;
};

static int by_hash(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    return x->hash != y->hash ? (x->hash > y->hash) - (x->hash < y->hash)
                              : (x->prompt > y->prompt) - (x->prompt < y->prompt);
}

int fd_hold_out(size_t n_prompts, char *const *ids, bool *held_out) {
    FD_FREE struct ranked *ranked = calloc(n_prompts + 1, sizeof(*ranked));
    if (!ranked)
        return -ENOMEM;
    for (size_t i = 0; i < n_prompts; i++)
        ranked[i] = (struct ranked){fd_hash_mix_text(0, ids[i]), i};
    qsort(ranked, n_prompts, sizeof(*ranked), by_hash);
    size_t count = (size_t)lround(held_out_share * (double)n_prompts);
    for (size_t i = 0; i < n_prompts; i++)
        held_out[ranked[i].prompt] = i < count;
    return 0;
}

static void group_by_prompt(fd_testbed *testbed) {
    for (size_t i = 0; i < testbed->n_items; i++)
        testbed->prompt_start[testbed->prompts[i] + 1]++;
    for (size_t k = 0; k < testbed->n_prompts; k++)
        testbed->prompt_start[k + 1] += testbed->prompt_start[k];
    /* Filling moves each start to the end of its prompt; afterwards all move back by one prompt. */
    for (size_t i = 0; i < testbed->n_items; i++)
        testbed->items_by_prompt[testbed->prompt_start[testbed->prompts[i]]++] = (uint32_t)i;
    for (size_t k = testbed->n_prompts; k > 0; k--)
        testbed->prompt_start[k] = testbed->prompt_start[k - 1];
    testbed->prompt_start[0] = 0;
}

int fd_testbed_complete(fd_testbed *testbed) {
    group_by_prompt(testbed);
    int r = fd_hold_out(testbed->n_prompts, testbed->prompt_ids, testbed->held_out);
    if (r == 0)
        r = fd_teacher_rewards(testbed, testbed->rewards[FD_REWARD_TEACHER]);
    for (size_t i = 0; r == 0 && i < testbed->n_items; i++)
        testbed->rewards[FD_REWARD_SUM][i] =
            testbed->rewards[FD_REWARD_JUDGE][i] + testbed->rewards[FD_REWARD_TEACHER][i];
    return r;
}

/* ---- the plane ---- */

int fd_testbed_plane(fd_testbed *ret) {
    FD_CLEANUP(fd_testbed_clear) fd_testbed testbed = {0};
    fd_rng rng = fd_rng_seeded(PLANE_SEED);
    int r = fd_testbed_reserve(&testbed, "plane", (size_t)PLANE_PROMPTS * PLANE_RESPONSES, 2);
    if (r < 0)
        return r;
    for (; testbed.n_prompts < PLANE_PROMPTS; testbed.n_prompts++)
        if (asprintf(&testbed.prompt_ids[testbed.n_prompts], "plane-%02zu", testbed.n_prompts) < 0)
            return -ENOMEM;
    for (size_t i = 0; i < testbed.n_items; i++) {
        double point[2] = {fd_rng_normal(&rng), fd_rng_normal(&rng)};
        testbed.embeddings[2 * i] = (float)point[0];
        testbed.embeddings[2 * i + 1] = (float)point[1];
        testbed.rewards[FD_REWARD_JUDGE][i] = fd_plane_reward(point);
        testbed.prompts[i] = (uint32_t)(i / PLANE_RESPONSES);
        if (asprintf(&testbed.ids[i], "point-%04zu", i) < 0)
            return -ENOMEM;
    }
    r = fd_testbed_complete(&testbed);
    if (r < 0)
        return r;
    *ret = testbed;
    memset(&testbed, 0, sizeof(testbed));
    return 0;
}
