#include "testbed.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hash_draws.h"
#include "plane_reward.h"
#include "rng.h"

enum { PLANE_PROMPTS = 40, PLANE_RESPONSES = 24, PLANE_SEED = 4 };

static const double held_out_share = 0.3;

void fd_testbed_clear(fd_testbed *data) {
    for (size_t i = 0; data->ids && i < data->n_items; i++)
        free(data->ids[i]);
    for (size_t i = 0; data->prompt_ids && i < data->n_items; i++)
        free(data->prompt_ids[i]);
    for (size_t i = 0; i < FD_REWARD_COUNT; i++)
        free(data->rewards[i]);
    free(data->name);
    free(data->embeddings);
    free(data->ids);
    free(data->prompt_ids);
    free(data->prompts);
    free(data->members);
    free(data->first);
    free(data->held_out);
    memset(data, 0, sizeof(*data));
}

int fd_testbed_reserve(fd_testbed *data, const char *name, size_t n_items, size_t dimension) {
    data->name = strdup(name);
    data->n_items = n_items;
    data->dimension = dimension;
    data->embeddings = reallocarray(NULL, n_items + 1, (dimension + 1) * sizeof(float));
    data->ids = calloc(n_items + 1, sizeof(*data->ids));
    data->prompt_ids = calloc(n_items + 1, sizeof(*data->prompt_ids));
    data->prompts = calloc(n_items + 1, sizeof(*data->prompts));
    data->members = calloc(n_items + 1, sizeof(*data->members));
    data->first = calloc(n_items + 2, sizeof(*data->first));
    data->held_out = calloc(n_items + 1, sizeof(*data->held_out));
    bool complete = data->name && data->embeddings && data->ids && data->prompt_ids &&
                    data->prompts && data->members && data->first && data->held_out;
    for (size_t i = 0; i < FD_REWARD_COUNT; i++) {
        data->rewards[i] = calloc(n_items + 1, sizeof(double));
        complete = complete && data->rewards[i];
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

static void group_by_prompt(fd_testbed *data) {
    for (size_t i = 0; i < data->n_items; i++)
        data->first[data->prompts[i] + 1]++;
    for (size_t k = 0; k < data->n_prompts; k++)
        data->first[k + 1] += data->first[k];
    /* Each place moves to the end of its group as it is filled, and back by one group afterwards.
     */
    for (size_t i = 0; i < data->n_items; i++)
        data->members[data->first[data->prompts[i]]++] = (uint32_t)i;
    for (size_t k = data->n_prompts; k > 0; k--)
        data->first[k] = data->first[k - 1];
    data->first[0] = 0;
}

int fd_testbed_complete(fd_testbed *data) {
    group_by_prompt(data);
    int r = fd_hold_out(data->n_prompts, data->prompt_ids, data->held_out);
    if (r == 0)
        r = fd_teacher_rewards(data, data->rewards[FD_REWARD_TEACHER]);
    for (size_t i = 0; r == 0 && i < data->n_items; i++)
        data->rewards[FD_REWARD_SUM][i] =
            data->rewards[FD_REWARD_JUDGE][i] + data->rewards[FD_REWARD_TEACHER][i];
    return r;
}

/* ---- the plane ---- */

int fd_testbed_plane(fd_testbed *ret) {
    FD_CLEANUP(fd_testbed_clear) fd_testbed data = {0};
    fd_rng rng = fd_rng_seeded(PLANE_SEED);
    int r = fd_testbed_reserve(&data, "plane", (size_t)PLANE_PROMPTS * PLANE_RESPONSES, 2);
    if (r < 0)
        return r;
    for (; data.n_prompts < PLANE_PROMPTS; data.n_prompts++)
        if (asprintf(&data.prompt_ids[data.n_prompts], "plane-%02zu", data.n_prompts) < 0)
            return -ENOMEM;
    for (size_t i = 0; i < data.n_items; i++) {
        double point[2] = {fd_rng_normal(&rng), fd_rng_normal(&rng)};
        data.embeddings[2 * i] = (float)point[0];
        data.embeddings[2 * i + 1] = (float)point[1];
        data.rewards[FD_REWARD_JUDGE][i] = fd_plane_reward(point);
        data.prompts[i] = (uint32_t)(i / PLANE_RESPONSES);
        if (asprintf(&data.ids[i], "point-%04zu", i) < 0)
            return -ENOMEM;
    }
    r = fd_testbed_complete(&data);
    if (r < 0)
        return r;
    *ret = data;
    memset(&data, 0, sizeof(data));
    return 0;
}
