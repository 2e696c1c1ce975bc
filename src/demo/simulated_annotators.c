/*
 * The corpus of the demo, and simulated annotators for it: each asks for a pair, thinks, and
 * prefers the better response with a probability that grows with the difference in quality.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "corpus.h"
#include "examples.h"
#include "hash_embedder.h"
#include "http_client.h"
#include "items.h"
#include "rng.h"

/* ---- the corpus ---- */

/* The items of the corpus as a JSON list. */
static int read_corpus(json_t **ret) {
    FD_JSON json_t *items = json_array();
    for (const char *line = fd_corpus; *line; line += strcspn(line, "\n") + 1)
        if (json_array_append_new(items, json_loadb(line, strcspn(line, "\n"), 0, NULL)) < 0)
            return -ENOMEM;
    *ret = json_incref(items);
    return 0;
}

static const char *text_of(const json_t *item, const char *name) {
    return json_string_value(json_object_get(item, name));
}

/* Metadata stays here: it says which response is the better one. */
static fd_item_row row_of(const json_t *item, float *embedding) {
    fd_item_row row = {
        .id = text_of(item, "id"),
        .prompt_id = text_of(item, "prompt_id"),
        .prompt = text_of(item, "prompt"),
        .response = text_of(item, "response"),
        .embedding = embedding,
        .dimension = (size_t)2 * FD_EMBED_SIZE,
    };
    fd_hash_embed_item(row.prompt, row.response, embedding);
    return row;
}

int fd_corpus_add(fd_engine *engine, fd_fault *fault) {
    FD_JSON json_t *items = NULL;
    int r = read_corpus(&items);
    if (r < 0)
        return r;
    size_t n = json_array_size(items);
    FD_FREE fd_item_row *rows = calloc(n, sizeof(*rows));
    FD_FREE float *embeddings = calloc(n, sizeof(*embeddings) * 2 * FD_EMBED_SIZE);
    if (!rows || !embeddings)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        rows[i] = row_of(json_array_get(items, i), embeddings + i * 2 * FD_EMBED_SIZE);
    fd_added added;
    return fd_engine_items_add(engine, rows, n, &added, fault);
}

/* ---- annotators ---- */

struct fd_simulated_annotators {
    const char *url;
    json_t *qualities; /* id: quality */
    pthread_mutex_t lock;
    pthread_cond_t ending; /* monotonic, with the lock */
    bool stopping;         /* guarded by the lock */
    size_t count;
    struct annotator {
        fd_simulated_annotators *crowd;
        size_t number;
        size_t answers;
        fd_rng rng;
        pthread_t thread;
    } annotators[];
};

static int note_qualities(json_t *qualities) {
    FD_JSON json_t *items = NULL;
    int r = read_corpus(&items);
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item) {
        json_t *quality = json_object_get(json_object_get(item, "metadata"), "quality");
        if (json_object_set(qualities, text_of(item, "id"), quality) < 0)
            r = -ENOMEM;
    }
    return r;
}

/* Sleeps unless the crowd ends; false if it does. */
static bool think(struct annotator *annotator, double seconds) {
    fd_simulated_annotators *crowd = annotator->crowd;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    double nanoseconds = (double)until.tv_nsec + seconds * 1e9;
    until.tv_sec += (time_t)(nanoseconds / 1e9);
    until.tv_nsec = (long)fmod(nanoseconds, 1e9);
    (void)pthread_mutex_lock(&crowd->lock);
    int r = 0;
    while (!crowd->stopping && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&crowd->ending, &crowd->lock, &until);
    bool stopping = crowd->stopping;
    (void)pthread_mutex_unlock(&crowd->lock);
    return !stopping;
}

static double quality_of(const fd_simulated_annotators *crowd, const char *id) {
    return json_number_value(json_object_get(crowd->qualities, id));
}

static const char *preference_of(struct annotator *annotator, const char *a, const char *b) {
    double difference = quality_of(annotator->crowd, a) - quality_of(annotator->crowd, b);
    if (difference == 0.0 || fd_rng_uniform(&annotator->rng) < 0.03)
        return "tie";
    return fd_rng_uniform(&annotator->rng) < 1.0 / (1.0 + exp(-1.2 * difference)) ? "a" : "b";
}

/* False where that failed, or nothing is left. */
static bool answer_one(struct annotator *annotator, fd_client *client) {
    fd_fault fault = {0};
    FD_JSON json_t *name = json_sprintf("simulated %zu", annotator->number + 1);
    FD_JSON json_t *given = NULL, *done = NULL;
    if (fd_client_call(client, "POST", "/v1/assignments", json_pack("{s:O}", "annotator", name),
                       &given, &fault) < 0)
        return false;
    const json_t *assignment = json_array_get(json_object_get(given, "assignments"), 0);
    if (!assignment)
        return false;
    double seconds = 0.5 + 3.0 * fd_rng_uniform(&annotator->rng);
    if (!think(annotator, seconds))
        return false;
    const char *a = text_of(json_object_get(assignment, "a"), "id");
    const char *b = text_of(json_object_get(assignment, "b"), "id");
    json_t *label = json_pack(
        "{s:o, s:s, s:s, s:s, s:O, s:O, s:I}", "id",
        json_sprintf("simulated-%zu-%zu", annotator->number, annotator->answers++), "a", a, "b", b,
        "preference", preference_of(annotator, a, b), "annotator", name, "assignment",
        json_object_get(assignment, "id"), "duration_ms", (json_int_t)(seconds * 1e3));
    return fd_client_call(client, "POST", "/v1/labels", json_pack("{s:[o]}", "labels", label),
                          &done, &fault) == 0;
}

static void *annotate(void *context) {
    struct annotator *annotator = context;
    FD_CLEANUP(fd_client_freep) fd_client *client = NULL;
    if (fd_client_new(annotator->crowd->url, &client) < 0)
        return NULL;
    for (double pause = 0.1 * (double)annotator->number; think(annotator, pause);)
        pause = answer_one(annotator, client) ? 0.0 : 5.0;
    return NULL;
}

int fd_simulated_annotators_start(const char *url, size_t count, fd_simulated_annotators **ret) {
    fd_simulated_annotators *crowd =
        calloc(1, sizeof(*crowd) + count * sizeof(crowd->annotators[0]));
    if (!crowd)
        return -ENOMEM;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&crowd->lock, NULL);
    (void)pthread_cond_init(&crowd->ending, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    crowd->url = url;
    crowd->qualities = json_object();
    int r = note_qualities(crowd->qualities);
    for (size_t i = 0; i < count && r == 0; i++) {
        crowd->annotators[i] =
            (struct annotator){.crowd = crowd, .number = i, .rng = fd_rng_seeded(i)};
        r = -pthread_create(&crowd->annotators[i].thread, NULL, annotate, &crowd->annotators[i]);
        crowd->count += r == 0;
    }
    if (r < 0)
        fd_simulated_annotators_stop(crowd);
    else
        *ret = crowd;
    return r;
}

void fd_simulated_annotators_stop(fd_simulated_annotators *crowd) {
    (void)pthread_mutex_lock(&crowd->lock);
    crowd->stopping = true;
    (void)pthread_cond_broadcast(&crowd->ending);
    (void)pthread_mutex_unlock(&crowd->lock);
    for (size_t i = 0; i < crowd->count; i++)
        (void)pthread_join(crowd->annotators[i].thread, NULL);
    json_decref(crowd->qualities);
    (void)pthread_mutex_destroy(&crowd->lock);
    (void)pthread_cond_destroy(&crowd->ending);
    free(crowd);
}
