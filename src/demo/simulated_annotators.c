/*
 * Simulated annotators of the corpus: each asks for a pair, thinks for some seconds, and prefers
 * the better response with a probability that grows with the difference in quality.
 */
#include "simulated_annotators.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>

#include "corpus_items.h"
#include "http_client.h"
#include "rng.h"
#include "thread.h"

struct annotator {
    fd_simulated_annotators *annotators;
    size_t number;
    size_t answers;
    fd_rng rng;
    pthread_t thread;
};

struct fd_simulated_annotators {
    const char *url;
    json_t *qualities; /* id: quality */
    pthread_mutex_t lock;
    pthread_cond_t stop; /* with the lock */
    bool is_stopping;    /* guarded by the lock */
    size_t count;        /* of threads that run */
    struct annotator annotators[];
};

/* ---- preferences ---- */

static const char *text_of(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static int read_qualities(json_t *qualities) {
    FD_JSON json_t *items = NULL;
    int r = fd_corpus_read(&items);
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item) {
        json_t *quality = json_object_get(json_object_get(item, "metadata"), "quality");
        if (json_object_set(qualities, text_of(item, "id"), quality) < 0)
            r = -ENOMEM;
    }
    return r;
}

static double quality_of(const struct annotator *annotator, const char *id) {
    return json_number_value(json_object_get(annotator->annotators->qualities, id));
}

static const char *preference_of(struct annotator *annotator, const char *a, const char *b) {
    double difference = quality_of(annotator, a) - quality_of(annotator, b);
    if (difference == 0.0 || fd_rng_uniform(&annotator->rng) < 0.03)
        return "tie";
    return fd_rng_uniform(&annotator->rng) < 1.0 / (1.0 + exp(-1.2 * difference)) ? "a" : "b";
}

/* ---- one annotator ---- */

/* Waits for `seconds`. Returns false, possibly earlier, if the annotators stop. */
static bool think(struct annotator *annotator, double seconds) {
    fd_simulated_annotators *annotators = annotator->annotators;
    FD_LOCKED(&annotators->lock);
    if (!annotators->is_stopping)
        fd_condition_wait_for(&annotators->stop, &annotators->lock, seconds);
    return !annotators->is_stopping;
}

/* The caller releases *ret. NULL: the daemon has no pair. */
static int get_assignment(fd_client *client, json_t *name, json_t **ret) {
    fd_fault fault = {0};
    FD_JSON json_t *response = NULL;
    int r = fd_client_call(client, "POST", "/v1/assignments", json_pack("{s:O}", "annotator", name),
                           &response, &fault);
    *ret = json_incref(json_array_get(json_object_get(response, "assignments"), 0));
    return r;
}

static int send_label(struct annotator *annotator, fd_client *client, json_t *name,
                      const json_t *assignment, double seconds) {
    fd_fault fault = {0};
    FD_JSON json_t *response = NULL;
    const char *a = text_of(json_object_get(assignment, "a"), "id");
    const char *b = text_of(json_object_get(assignment, "b"), "id");
    json_t *label = json_pack(
        "{s:o, s:s, s:s, s:s, s:O, s:O, s:I}", "id",
        json_sprintf("simulated-%zu-%zu", annotator->number, annotator->answers++), "a", a, "b", b,
        "preference", preference_of(annotator, a, b), "annotator", name, "assignment",
        json_object_get(assignment, "id"), "duration_ms", (json_int_t)(seconds * 1e3));
    return fd_client_call(client, "POST", "/v1/labels", json_pack("{s:[o]}", "labels", label),
                          &response, &fault);
}

/* False if a call failed, the daemon has no pair, or the annotators stop. */
static bool answer_one(struct annotator *annotator, fd_client *client) {
    FD_JSON json_t *name = json_sprintf("simulated %zu", annotator->number + 1);
    FD_JSON json_t *assignment = NULL;
    if (get_assignment(client, name, &assignment) < 0 || !assignment)
        return false;
    double seconds = 0.5 + 3.0 * fd_rng_uniform(&annotator->rng);
    return think(annotator, seconds) &&
           send_label(annotator, client, name, assignment, seconds) == 0;
}

static void *run_annotator(void *context) {
    struct annotator *annotator = context;
    FD_CLEANUP(fd_client_freep) fd_client *client = NULL;
    if (fd_client_new(annotator->annotators->url, &client) < 0)
        return NULL;
    for (double pause = 0.1 * (double)annotator->number; think(annotator, pause);)
        pause = answer_one(annotator, client) ? 0.0 : 5.0;
    return NULL;
}

/* ---- all of them ---- */

int fd_simulated_annotators_start(const char *url, size_t count, fd_simulated_annotators **ret) {
    fd_simulated_annotators *annotators =
        calloc(1, sizeof(*annotators) + count * sizeof(annotators->annotators[0]));
    if (!annotators)
        return -ENOMEM;
    (void)pthread_mutex_init(&annotators->lock, NULL);
    fd_condition_init(&annotators->stop);
    annotators->url = url;
    annotators->qualities = json_object();
    int r = read_qualities(annotators->qualities);
    for (size_t i = 0; i < count && r == 0; i++) {
        struct annotator *annotator = &annotators->annotators[i];
        *annotator =
            (struct annotator){.annotators = annotators, .number = i, .rng = fd_rng_seeded(i)};
        r = -pthread_create(&annotator->thread, NULL, run_annotator, annotator);
        annotators->count += r == 0;
    }
    if (r < 0)
        fd_simulated_annotators_stop(annotators);
    else
        *ret = annotators;
    return r;
}

static void ask_to_stop(fd_simulated_annotators *annotators) {
    FD_LOCKED(&annotators->lock);
    annotators->is_stopping = true;
    (void)pthread_cond_broadcast(&annotators->stop);
}

void fd_simulated_annotators_stop(fd_simulated_annotators *annotators) {
    ask_to_stop(annotators);
    for (size_t i = 0; i < annotators->count; i++)
        (void)pthread_join(annotators->annotators[i].thread, NULL);
    json_decref(annotators->qualities);
    (void)pthread_mutex_destroy(&annotators->lock);
    (void)pthread_cond_destroy(&annotators->stop);
    free(annotators);
}
