/* Fills the parts of a testbed that follow from its items, and makes that of the plane. */
#include "testbed.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plane_reward.h"
#include "rng.h"

enum { PLANE_PROMPTS = 40, PLANE_RESPONSES = 24, PLANE_SEED = 4 };

static void free_texts(char **texts, size_t n) {
    for (size_t i = 0; texts && i < n; i++)
        free(texts[i]);
    free(texts);
}

void fd_testbed_clear(fd_testbed *testbed) {
    free_texts(testbed->ids, testbed->n_items);
    free_texts(testbed->responses, testbed->n_items);
    free_texts(testbed->prompt_ids, testbed->n_items);
    free_texts(testbed->prompt_texts, testbed->n_items);
    free(testbed->name);
    free(testbed->embedding_name);
    free(testbed->folder);
    free(testbed->embeddings);
    free(testbed->prompts);
    free(testbed->items_by_prompt);
    free(testbed->prompt_start);
    free(testbed->golden);
    free(testbed->log_lengths);
    fd_recorded_votes_clear(&testbed->votes);
    memset(testbed, 0, sizeof(*testbed));
}

int fd_testbed_reserve(fd_testbed *testbed, const char *name, size_t n_items, size_t dimension) {
    testbed->name = strdup(name);
    testbed->embedding_name = strdup("");
    testbed->n_items = n_items;
    testbed->dimension = dimension;
    testbed->embeddings = reallocarray(NULL, n_items + 1, (dimension + 1) * sizeof(float));
    testbed->ids = calloc(n_items + 1, sizeof(*testbed->ids));
    testbed->responses = calloc(n_items + 1, sizeof(*testbed->responses));
    testbed->prompt_ids = calloc(n_items + 1, sizeof(*testbed->prompt_ids));
    testbed->prompt_texts = calloc(n_items + 1, sizeof(*testbed->prompt_texts));
    testbed->prompts = calloc(n_items + 1, sizeof(*testbed->prompts));
    testbed->items_by_prompt = calloc(n_items + 1, sizeof(*testbed->items_by_prompt));
    testbed->prompt_start = calloc(n_items + 2, sizeof(*testbed->prompt_start));
    testbed->golden = calloc(n_items + 1, sizeof(*testbed->golden));
    testbed->log_lengths = calloc(n_items + 1, sizeof(*testbed->log_lengths));
    bool complete = testbed->name && testbed->embedding_name && testbed->embeddings &&
                    testbed->ids && testbed->responses && testbed->prompt_ids &&
                    testbed->prompt_texts && testbed->prompts && testbed->items_by_prompt &&
                    testbed->prompt_start && testbed->golden && testbed->log_lengths;
    return complete ? 0 : -ENOMEM;
}

/* ---- what follows from the items ---- */

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

/* Characters, not bytes: the bytes of UTF-8 that do not continue a character. */
static size_t count_characters(const char *text) {
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

void fd_testbed_complete(fd_testbed *testbed) {
    bool all = true;
    group_by_prompt(testbed);
    for (size_t i = 0; i < testbed->n_items && all; i++) {
        all = testbed->responses[i] != NULL;
        if (all)
            testbed->log_lengths[i] = log1p((double)count_characters(testbed->responses[i]));
    }
    if (all)
        return;
    free(testbed->log_lengths);
    testbed->log_lengths = NULL;
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
        testbed.golden[i] = fd_plane_reward(point);
        testbed.prompts[i] = (uint32_t)(i / PLANE_RESPONSES);
        if (asprintf(&testbed.ids[i], "point-%04zu", i) < 0)
            return -ENOMEM;
    }
    fd_testbed_complete(&testbed);
    *ret = testbed;
    memset(&testbed, 0, sizeof(testbed));
    return 0;
}
