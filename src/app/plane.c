/*
 * `fisherd demo --once`: a simulated annotator that labels over HTTP, round after round, on the
 * example of Shen, Sun and Ton, section 4: items are points of the plane drawn from a standard
 * normal, and the true reward is the log density of two Gaussians.
 */
#include <errno.h>
#include <fisher/eval.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "examples.h"
#include "rng.h"

enum { POINTS = 400, ROUNDS = 10, BATCH = 20, POLL_MICROSECONDS = 5000 };

struct demo {
    fd_client *client;
    fi_rng rng;
    double points[POINTS][2];
    double truth[POINTS];
    size_t answers;
    fd_fault *fault;
};

static json_t *id_of(size_t point) {
    return json_sprintf("point-%03zu", point);
}

static size_t point_of(const json_t *id) {
    size_t point = POINTS;
    /* NOLINTNEXTLINE(cert-err34-c): the demo has named its points itself. */
    (void)sscanf(json_string_value(id), "point-%zu", &point);
    return point;
}

static int call(struct demo *demo, const char *method, const char *path, json_t *body,
                json_t **ret) {
    return fd_client_call(demo->client, method, path, body, ret, demo->fault);
}

static int add_items(struct demo *demo) {
    json_t *items = json_array();
    for (size_t i = 0; i < POINTS; i++) {
        for (int j = 0; j < 2; j++)
            demo->points[i][j] = fi_rng_normal(&demo->rng);
        demo->truth[i] = fd_plane_reward(demo->points[i]);
        FD_FREE char *response = NULL;
        if (asprintf(&response, "(%.3f, %.3f)", demo->points[i][0], demo->points[i][1]) < 0)
            return -ENOMEM;
        json_array_append_new(
            items, json_pack("{s:o, s:s, s:s, s:s, s:[f,f]}", "id", id_of(i), "prompt_id", "plane",
                             "prompt", "Which point is better?", "response", response, "embedding",
                             demo->points[i][0], demo->points[i][1]));
    }
    FD_JSON json_t *answer = NULL;
    return call(demo, "POST", "/v1/items", json_pack("{s:o}", "items", items), &answer);
}

/* The annotator prefers a with probability sigmoid(truth of a - truth of b). */
static json_t *label_of(struct demo *demo, const json_t *pair) {
    const json_t *a = json_object_get(pair, "a"), *b = json_object_get(pair, "b");
    double logit = demo->truth[point_of(a)] - demo->truth[point_of(b)];
    bool prefers_a = fi_rng_uniform(&demo->rng) < 1 / (1 + exp(-logit));
    return json_pack("{s:o, s:O, s:O, s:s, s:s}", "id", json_sprintf("demo-%zu", demo->answers++),
                     "a", a, "b", b, "preference", prefers_a ? "a" : "b", "annotator", "simulated");
}

static int answer_batch(struct demo *demo, double *ret_d_efficiency) {
    FD_JSON json_t *selection = NULL, *answer = NULL;
    int r = call(demo, "POST", "/v1/selections",
                 json_pack("{s:i, s:i, s:s, s:{s:s, s:i}}", "batch_size", BATCH, "seed",
                           (int)demo->answers, "certify", "tight", "generate", "mode", "in_prompt",
                           "pairs", 20000),
                 &selection);
    if (r < 0)
        return r;
    *ret_d_efficiency = json_number_value(
        json_object_get(json_object_get(selection, "diagnostics"), "d_efficiency"));

    json_t *labels = json_array();
    size_t i;
    json_t *pair;
    json_array_foreach(json_object_get(selection, "pairs"), i, pair)
        json_array_append_new(labels, label_of(demo, pair));
    return call(demo, "POST", "/v1/labels", json_pack("{s:o}", "labels", labels), &answer);
}

/* The newest version, one that was rejected too; 0: none. */
static int newest_version(struct demo *demo, json_int_t *ret) {
    FD_JSON json_t *page = NULL;
    int r = call(demo, "GET", "/v1/models?limit=1", NULL, &page);
    if (r < 0)
        return r;
    const json_t *newest = json_array_get(json_object_get(page, "models"), 0);
    *ret = json_integer_value(json_object_get(newest, "version"));
    return 0;
}

static int retrain(struct demo *demo) {
    FD_JSON json_t *answer = NULL;
    json_int_t before = 0, now;
    int r = newest_version(demo, &before);
    if (r < 0)
        return r;
    r = call(demo, "POST", "/v1/model/train", NULL, &answer);
    for (now = before; r == 0 && now == before;) {
        (void)usleep(POLL_MICROSECONDS);
        r = newest_version(demo, &now);
    }
    return r;
}

static int rank_correlation(struct demo *demo, double *ret) {
    json_t *items = json_array();
    for (size_t i = 0; i < POINTS; i++)
        json_array_append_new(items, id_of(i));
    FD_JSON json_t *answer = NULL;
    int r = call(demo, "POST", "/v1/score", json_pack("{s:o}", "items", items), &answer);
    if (r < 0)
        return r;
    double predicted[POINTS];
    for (size_t i = 0; i < POINTS; i++)
        predicted[i] = json_number_value(
            json_object_get(json_array_get(json_object_get(answer, "scores"), i), "reward"));
    return fi_spearman(POINTS, predicted, demo->truth, ret);
}

static int run_rounds(struct demo *demo) {
    printf("Labelling %d points of the plane, %d pairs a round.\n\n"
           "  answers   rank correlation   d-efficiency of the batch\n",
           POINTS, BATCH);
    for (int round = 0; round < ROUNDS; round++) {
        double efficiency = 0, correlation = 0;
        int r = answer_batch(demo, &efficiency);
        if (r == 0)
            r = retrain(demo);
        if (r == 0)
            r = rank_correlation(demo, &correlation);
        if (r < 0)
            return r;
        printf("  %7zu   %16.3f   %25.3f\n", demo->answers, correlation, efficiency);
        (void)fflush(stdout);
    }
    return 0;
}

int fd_plane_label(const char *url, fd_fault *fault) {
    struct demo demo = {.rng = fi_rng_seeded(4), .fault = fault};
    FD_CLEANUP(fd_client_freep) fd_client *client = NULL;
    int r = fd_client_new(url, &client);
    if (r < 0)
        return r;
    demo.client = client;
    r = add_items(&demo);
    return r < 0 ? r : run_rounds(&demo);
}
