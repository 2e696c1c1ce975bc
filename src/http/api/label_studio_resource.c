/* /v1/label-studio: what Label Studio asks of a machine-learning backend, and its webhook. It sends
 * much that is not needed here, and more with each of its versions, so members that these calls do
 * not know are left alone. Its access token, which `setup` brings, is neither used nor kept. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "label_studio_tasks.h"
#include "labels.h"
#include "model_info.h"
#include "problem.h"
#include "score.h"

enum { TASKS_MAX = 20000, VERSION_SIZE = 40 };

static int parse(const fd_request *request, json_t **ret_root, fd_fault *fault) {
    return fd_json_parse(request->body, request->body_size, ret_root, fault);
}

static void print_version(uint64_t version, char text[static VERSION_SIZE]) {
    (void)snprintf(text, VERSION_SIZE, "fisherd-%llu", (unsigned long long)version);
}

static int read_list(const json_t *root, const char *name, bool may_be_one, fd_task_list *ret,
                     fd_fault *fault) {
    const fd_path at = {.name = name};
    *ret = (fd_task_list){name, json_object_get(root, name)};
    if (json_is_object(ret->value) && may_be_one)
        return 0;
    if (!json_is_array(ret->value))
        return fd_json_fault(fault, &at, "%s",
                             may_be_one ? "must be an object or a list of them; the webhook must "
                                          "send its payload"
                                        : "must be a list");
    if (json_array_size(ret->value) > TASKS_MAX)
        return fd_json_fault(fault, &at, "must have at most %d elements", TASKS_MAX);
    return 0;
}

/* ---- GET /v1/label-studio/health, POST /v1/label-studio/setup ---- */

void fd_label_studio_health(const fd_request *request, fd_response *response) {
    if (fd_query_accept_none(&request->query, response))
        fd_json_respond(response, 200,
                        json_pack("{s:s, s:s}", "status", "UP", "model_class", "fisherd"));
}

/* A project without the pairwise control would give labels that mean nothing. */
static int check_setup(const fd_request *request, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    int r = parse(request, &root, fault);
    const char *schema = json_string_value(json_object_get(root, "schema"));
    if (r == 0 && (!schema || !strstr(schema, "<Pairwise")))
        r = fd_json_fault(fault, &(fd_path){.name = "schema"},
                          "needs <Pairwise name=\"pw\" toName=\"text1,text2\"/> in the labelling "
                          "configuration");
    return r;
}

void fd_label_studio_setup(const fd_request *request, fd_response *response) {
    char version[VERSION_SIZE];
    fd_fault fault = {0};
    fd_model_info model;
    if (!fd_query_accept_none(&request->query, response))
        return;
    int r = check_setup(request, &fault);
    if (r == 0)
        r = fd_engine_model(request->engine, &model);
    if (r < 0) {
        fd_problem_of(response, r, &fault);
        return;
    }
    print_version(model.version, version);
    fd_json_respond(response, 200, json_pack("{s:s}", "model_version", version));
}

/* ---- POST /v1/label-studio/predict ---- */

/* exp(-gain), as gain = log(1 + v d' M^-1 d): the lowest is the pair that tells most, since Label
 * Studio hands out the lowest score first. */
static double prediction_score(const fd_score *score) {
    double p = fi_probability(score->reward);
    return 1 / (1 + p * (1 - p) * score->stddev * score->stddev);
}

/* A fault that points at "/pairs/i/a" is about a member of the data of task i. */
static int locate_pair(const fd_task_list *tasks, int error, fd_fault *fault) {
    static const char list[] = "/pairs/";
    const fd_fault told = *fault;
    if (strncmp(told.pointer, list, sizeof(list) - 1) != 0)
        return error;
    char *end;
    size_t i = strtoul(told.pointer + sizeof(list) - 1, &end, 10);
    return fd_task_list_fault(tasks, i, strcmp(end, "/b") == 0 ? "item2" : "item1", told.detail,
                              fault);
}

static int score_pairs(const fd_request *request, const fd_task_list *tasks,
                       const fd_task_pair *pairs, fd_score *scores, uint64_t *ret_version,
                       fd_fault *fault) {
    size_t n = fd_task_list_count(tasks);
    FD_FREE fd_pair_reference *references = calloc(n, sizeof(*references));
    if (!references)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        references[i] = (fd_pair_reference){.a.id = pairs[i].a, .b.id = pairs[i].b};
    int r = fd_engine_score_pairs(request->engine, references, n, scores, ret_version, fault);
    return r < 0 ? locate_pair(tasks, r, fault) : 0;
}

/* A result would show annotators what the model thinks before they answer: it is empty. */
static int write_predictions(const fd_score *scores, size_t n, uint64_t version,
                             fd_json_text *ret) {
    char text[VERSION_SIZE];
    int r = 0;
    print_version(version, text);
    fd_json_text_add(ret, "{\"results\":[");
    for (size_t i = 0; i < n && r == 0; i++)
        r = fd_json_text_add_row(ret, json_pack("{s:[], s:o, s:s}", "result", "score",
                                                fd_json_real(prediction_score(&scores[i])),
                                                "model_version", text));
    fd_json_text_add(ret, "],\"model_version\":");
    if (r == 0)
        r = fd_json_text_add_value(ret, json_string(text));
    fd_json_text_add(ret, "}");
    return r;
}

static int predict(const fd_request *request, fd_json_text *ret, size_t *ret_created,
                   fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    fd_task_list tasks = {0};
    uint64_t version = 0;
    int r = parse(request, &root, fault);
    if (r == 0)
        r = read_list(root, "tasks", false, &tasks, fault);
    if (r < 0)
        return r;
    size_t n = fd_task_list_count(&tasks);
    r = fd_request_take_memory(
        request, n * (sizeof(fd_task_pair) + sizeof(fd_pair_reference) + sizeof(fd_score)), fault);
    if (r < 0)
        return r;
    FD_FREE fd_task_pair *pairs = calloc(n ? n : 1, sizeof(*pairs));
    FD_FREE fd_score *scores = calloc(n ? n : 1, sizeof(*scores));
    if (!pairs || !scores)
        return -ENOMEM;
    r = fd_task_pairs_find(request, &tasks, pairs, ret_created, fault);
    if (r == 0 && n > 0)
        r = score_pairs(request, &tasks, pairs, scores, &version, fault);
    return r < 0 ? r : write_predictions(scores, n, version, ret);
}

void fd_label_studio_predict(const fd_request *request, fd_response *response) {
    FD_CLEANUP(fd_json_text_clear) fd_json_text text = {0};
    fd_fault fault = {0};
    size_t created = 0;
    if (!fd_query_accept_none(&request->query, response))
        return;
    int r = predict(request, &text, &created, &fault);
    response->is_audited =
        created > 0 && request->identity->authentication != FD_AUTHENTICATION_NONE;
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        fd_json_text_respond(response, 200, &text);
}
