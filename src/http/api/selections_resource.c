/* /v1/selections and /v1/strategies: batches of the most informative pairs. */
#include <errno.h>

#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "problem.h"
#include "select.h"
#include "selection_request.h"

/* ---- POST /v1/selections ---- */

/* Adds the members of a tree, which it takes. */
static int add_members(json_t *object, json_t *members) {
    int r = members ? json_object_update(object, members) : -1;
    json_decref(members);
    return r;
}

static json_t *pair_json(const fd_selection_result *result, const fd_selected_pair *pair,
                         const char *id) {
    FD_JSON json_t *json =
        json_pack("{s:s?, s:s?, s:o, s:o, s:o}", "a", pair->a, "b", pair->b, "index",
                  result->indexed ? json_integer((json_int_t)pair->index) : json_null(), "p",
                  fd_json_real(pair->p), "gain", fd_json_real(pair->gain));
    if (!json || (id && json_object_set_new(json, "id", json_string(id)) < 0))
        return NULL;
    if (result->explained &&
        add_members(json, json_pack("{s:o, s:o, s:I}", "v", fd_json_real(pair->v), "leverage",
                                    fd_json_real(pair->leverage), "entropy_rank",
                                    (json_int_t)pair->entropy_rank)) < 0)
        return NULL;
    return FD_STEAL(json);
}

/* ids: of the request's pairs, by index; NULL for generated pairs. */
static json_t *pairs_json(const fd_selection_result *result, const char *const *ids) {
    FD_JSON json_t *list = json_array();
    for (size_t i = 0; i < result->count; i++) {
        const fd_selected_pair *pair = &result->pairs[i];
        if (json_array_append_new(list, pair_json(result, pair, ids ? ids[pair->index] : NULL)) < 0)
            return NULL;
    }
    return FD_STEAL(list);
}

static json_t *statistics_json(const fi_batch_statistics *statistics) {
    return json_pack(
        "{s:o, s:o, s:I, s:o, s:I, s:o, s:o, s:o, s:o}", "logdet_after",
        fd_json_real(statistics->logdet), "d_efficiency", fd_json_real(statistics->d_efficiency),
        "distinct_items", (json_int_t)statistics->distinct_items, "mean_item_uses",
        fd_json_real(statistics->mean_uses), "max_item_uses", (json_int_t)statistics->max_uses,
        "mean_v", fd_json_real(statistics->mean_weight), "mean_reward_difference",
        fd_json_real(statistics->mean_reward_gap), "sd_reward_difference",
        fd_json_real(statistics->sd_reward_gap), "mean_max_cosine",
        fd_json_real(statistics->mean_nearest_cosine));
}

static json_t *diagnostics_json(const fd_selection_result *result) {
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "logdet_before",
        fd_json_real(result->logdet_before), "logdet_after", fd_json_real(result->logdet_after),
        "logdet_bound", fd_json_real(result->logdet_bound), "d_efficiency",
        fd_json_real(result->d_efficiency), "candidates", (json_int_t)result->candidates,
        "distinct_items", (json_int_t)result->chosen.distinct_items, "elapsed_ms",
        fd_json_real(result->elapsed_ms), "batch", statistics_json(&result->chosen), "random_batch",
        statistics_json(&result->random));
}

static int post_selection(const fd_request *request, json_t **ret, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    FD_CLEANUP(fd_selection_lists_clear) fd_selection_lists lists = {0};
    int r = fd_json_parse(request->body, request->body_size, &root, fault);
    if (r < 0)
        return r;
    fd_selection_request selection = {0};
    r = fd_selection_read(root, &lists, &selection, fault);
    if (r < 0)
        return r;
    selection.go_on = request->is_awaited;
    selection.go_on_context = request->await_context;
    FD_CLEANUP(fd_selection_result_clear) fd_selection_result result = {0};
    r = fd_engine_select(request->engine, &selection, &result, fault);
    if (r < 0)
        return r;
    *ret =
        json_pack("{s:I, s:s, s:I, s:o, s:o}", "model_version", (json_int_t)result.model_version,
                  "strategy", result.strategy, "seed", (json_int_t)result.seed, "pairs",
                  pairs_json(&result, lists.pairs.ids), "diagnostics", diagnostics_json(&result));
    return 0;
}

void fd_selections_post(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_fault fault = {0};
    json_t *tree = NULL;
    int r = post_selection(request, &tree, &fault);
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        fd_json_respond(response, 200, tree);
}

/* ---- GET /v1/strategies ---- */

static json_t *strategies_json(const fd_engine *engine) {
    json_t *list = json_array();
    for (size_t i = 0; i < fi_strategy_count(); i++) {
        const fi_strategy *strategy = fi_strategy_at(i);
        if (json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name", strategy->name,
                                                  "description", strategy->sentence, "any_pool",
                                                  strategy->takes_any_pool)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:o, s:s}", "strategies", list, "default", fd_engine_strategy(engine));
}

void fd_strategies_get(const fd_request *request, fd_response *response) {
    if (fd_query_accept_none(&request->query, response))
        fd_json_respond(response, 200, strategies_json(request->engine));
}
