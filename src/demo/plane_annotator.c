/*
 * `fisherd demo --once`: a simulated annotator that labels over HTTP in rounds. It uses the example
 * of Shen, Sun and Ton (arXiv 2502.04354), section 4: the items are points of the plane, drawn from
 * a standard normal, and the true reward is the log density of two Gaussians.
 */
#include "plane_annotator.h"

#include <fisher/rank_metrics.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "http_client.h"
#include "plane_reward.h"
#include "rng.h"

enum { POINTS = 400, ROUNDS = 10, BATCH = 20, POLL_MICROSECONDS = 5000 };

struct demo {
    fd_client *client;
    fd_rng rng;
    double points[POINTS][2];
    double truth[POINTS];
    size_t answers;
    int error; /* of the first call that failed; no call follows it */
    fd_fault *fault;
};

static json_t *id_of(size_t point) {
    return json_sprintf("point-%03zu", point);
}

static size_t point_of(const json_t *id) {
    size_t point = POINTS;
    /* NOLINTNEXTLINE(cert-err34-c): the demo chose the ids itself. */
    (void)sscanf(json_string_value(id), "point-%zu", &point);
    return point;
}

/* Takes the reference to `body`; NULL after a failure. */
static json_t *call(struct demo *demo, const char *method, const char *path, json_t *body) {
    json_t *response = NULL;
    if (demo->error < 0)
        json_decref(body);
    else
        demo->error = fd_client_call(demo->client, method, path, body, &response, demo->fault);
    return response;
}

static void add_items(struct demo *demo) {
    json_t *items = json_array();
    for (size_t i = 0; i < POINTS; i++) {
        for (int j = 0; j < 2; j++)
            demo->points[i][j] = fd_rng_normal(&demo->rng);
        demo->truth[i] = fd_plane_reward(demo->points[i]);
        json_array_append_new(
            items, json_pack("{s:o, s:s, s:s, s:o, s:[f,f]}", "id", id_of(i), "prompt_id", "plane",
                             "prompt", "Which point is better?", "response",
                             json_sprintf("(%.3f, %.3f)", demo->points[i][0], demo->points[i][1]),
                             "embedding", demo->points[i][0], demo->points[i][1]));
    }
    json_decref(call(demo, "POST", "/v1/items", json_pack("{s:o}", "items", items)));
}

/* The annotator prefers a with probability sigmoid(truth of a - truth of b). */
static json_t *label_of(struct demo *demo, const json_t *pair) {
    const json_t *a = json_object_get(pair, "a"), *b = json_object_get(pair, "b");
    double logit = demo->truth[point_of(a)] - demo->truth[point_of(b)];
    bool prefers_a = fd_rng_uniform(&demo->rng) < 1 / (1 + exp(-logit));
    return json_pack("{s:o, s:O, s:O, s:s, s:s}", "id", json_sprintf("demo-%zu", demo->answers++),
                     "a", a, "b", b, "preference", prefers_a ? "a" : "b", "annotator", "simulated");
}

/* Requests a batch and labels it. Returns its d-efficiency. */
static double label_batch(struct demo *demo) {
    FD_JSON json_t *selection = call(demo, "POST", "/v1/selections",
                                     json_pack("{s:i, s:i, s:s, s:{s:s, s:i}}", "batch_size", BATCH,
                                               "seed", (int)demo->answers, "certify", "tight",
                                               "generate", "mode", "in_prompt", "pairs", 20000));
    json_t *labels = json_array();
    size_t i;
    json_t *pair;
    json_array_foreach(json_object_get(selection, "pairs"), i, pair)
        json_array_append_new(labels, label_of(demo, pair));
    json_decref(call(demo, "POST", "/v1/labels", json_pack("{s:o}", "labels", labels)));
    return json_number_value(
        json_object_get(json_object_get(selection, "diagnostics"), "d_efficiency"));
}

/* The newest model version, also if it was rejected; 0: none. */
static json_int_t newest_version(struct demo *demo) {
    FD_JSON json_t *page = call(demo, "GET", "/v1/models?limit=1", NULL);
    const json_t *newest = json_array_get(json_object_get(page, "models"), 0);
    return json_integer_value(json_object_get(newest, "version"));
}

static void retrain(struct demo *demo) {
    json_int_t before = newest_version(demo);
    json_decref(call(demo, "POST", "/v1/model/train", NULL));
    while (demo->error == 0 && newest_version(demo) == before)
        (void)usleep(POLL_MICROSECONDS);
}

static double correlation_with_truth(struct demo *demo) {
    json_t *items = json_array();
    for (size_t i = 0; i < POINTS; i++)
        json_array_append_new(items, id_of(i));
    FD_JSON json_t *response = call(demo, "POST", "/v1/score", json_pack("{s:o}", "items", items));
    double predicted[POINTS], correlation = 0;
    for (size_t i = 0; i < POINTS; i++)
        predicted[i] = json_number_value(
            json_object_get(json_array_get(json_object_get(response, "scores"), i), "reward"));
    if (demo->error == 0)
        demo->error = fi_spearman(POINTS, predicted, demo->truth, &correlation);
    return correlation;
}

static void run_round(struct demo *demo) {
    double efficiency = label_batch(demo);
    retrain(demo);
    double correlation = correlation_with_truth(demo);
    if (demo->error < 0)
        return;
    printf("  %7zu   %16.3f   %25.3f\n", demo->answers, correlation, efficiency);
    (void)fflush(stdout);
}

int fd_plane_annotate(const char *url, fd_fault *fault) {
    struct demo demo = {.rng = fd_rng_seeded(4), .fault = fault};
    FD_CLEANUP(fd_client_freep) fd_client *client = NULL;
    int r = fd_client_new(url, &client);
    if (r < 0)
        return r;
    demo.client = client;
    printf("Labelling %d points of the plane, %d pairs a round.\n\n"
           "  answers   rank correlation   d-efficiency of the batch\n",
           POINTS, BATCH);
    add_items(&demo);
    for (int round = 0; round < ROUNDS; round++)
        run_round(&demo);
    return demo.error;
}
