/* /v1/selections and /v1/strategies: batches of the most informative pairs. */
#include <errno.h>

#include "handlers.h"
#include "item_reference.h"
#include "json_read.h"
#include "json_write.h"
#include "pair_scan.h"
#include "problem.h"
#include "select.h"
#include "selection_request.h"
#include "text_embeddings.h"

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
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "logdet_before",
                     fd_json_real(result->logdet_before), "logdet_after",
                     fd_json_real(result->logdet_after), "logdet_bound",
                     fd_json_real(result->logdet_bound), "d_efficiency",
                     fd_json_real(result->d_efficiency), "gain_share",
                     fd_json_real(result->gain_share), "candidates", (json_int_t)result->candidates,
                     "distinct_items", (json_int_t)result->chosen.distinct_items, "elapsed_ms",
                     fd_json_real(result->elapsed_ms), "batch", statistics_json(&result->chosen),
                     "random_batch", statistics_json(&result->random));
}

/* ids: of the request's pairs, by index; NULL for generated pairs. */
static int write_selection(const fd_selection_result *result, const char *const *ids,
                           fd_json_text *ret) {
    fd_json_text_add(ret, "{\"model_version\":");
    (void)fd_json_text_add_value(ret, json_integer((json_int_t)result->model_version));
    fd_json_text_add(ret, ",\"strategy\":");
    (void)fd_json_text_add_value(ret, json_string(result->strategy));
    fd_json_text_add(ret, ",\"seed\":");
    (void)fd_json_text_add_value(ret, json_integer((json_int_t)result->seed));
    fd_json_text_add(ret, ",\"pairs\":[");
    int r = 0;
    for (size_t i = 0; i < result->count && r == 0; i++) {
        const fd_selected_pair *pair = &result->pairs[i];
        r = fd_json_text_add_row(ret, pair_json(result, pair, ids ? ids[pair->index] : NULL));
    }
    fd_json_text_add(ret, "],\"diagnostics\":");
    (void)fd_json_text_add_value(ret, diagnostics_json(result));
    fd_json_text_add(ret, "}");
    return ret->has_failed ? -ENOMEM : 0;
}

/* Bytes that a strategy takes for a candidate, and for a pair of the batch (measured). */
enum { CANDIDATE_MEMORY = 128, CHOSEN_MEMORY = 256 };

/* Candidates of a sample without a number of its own: for each pair of the batch, and at most. */
enum { CANDIDATES_PER_PAIR = 32, SAMPLE_MAX = 1 << 20 };

/* The references of pairs lie one after another. */
static size_t texts_memory(const fd_pair_reference *pairs, size_t n) {
    return n > 0 ? fd_item_references_memory(&pairs[0].a, 2 * n) : 0;
}

static int take_memory(const fd_request *request, const fd_selection_request *selection,
                       fd_fault *fault) {
    size_t candidates = selection->n_pairs + selection->n_pending + selection->n_exclude;
    const fd_sampling *sample = &selection->generate;
    if (!selection->pairs && !sample->all) {
        size_t drawn =
            sample->pairs > 0 ? sample->pairs : selection->batch_size * CANDIDATES_PER_PAIR;
        candidates += drawn < SAMPLE_MAX ? drawn : SAMPLE_MAX;
    }
    size_t pairs = texts_memory(selection->pairs, selection->n_pairs);
    size_t pending = texts_memory(selection->pending, selection->n_pending);
    return fd_request_take_memory(request,
                                  CANDIDATE_MEMORY * candidates +
                                      CHOSEN_MEMORY * selection->batch_size +
                                      (pairs > pending ? pairs : pending),
                                  fault);
}

static int embed_texts(const fd_request *request, const char *name, const fd_pair_list *pairs,
                       fd_fault *fault) {
    static const char *const sides[] = {"a", "b"};
    if (pairs->n == 0)
        return 0;
    return fd_text_embeddings_of_references(request, name, sides, FD_LENGTH(sides),
                                            &pairs->list[0].a, 2 * pairs->n, fault);
}

/* Parses the body: long lists of pairs without a tree where that is possible. What is wrong in the
 * rest is found again in the whole, where lines and columns are right. */
static int parse(const fd_request *request, fd_pair_scan *scan, fd_selection_lists *lists,
                 json_t **ret, fd_fault *fault) {
    if (fd_pair_scan_read(request->body, request->body_size, scan, lists)) {
        if (fd_json_parse(scan->rest, scan->rest_size, ret, fault) == 0)
            return 0;
        fd_selection_lists_clear(lists);
        *lists = (fd_selection_lists){0};
        *fault = (fd_fault){0};
    }
    return fd_json_parse(request->body, request->body_size, ret, fault);
}

static int post_selection(const fd_request *request, fd_json_text *ret, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    FD_CLEANUP(fd_pair_scan_clear) fd_pair_scan scan = {0};
    FD_CLEANUP(fd_selection_lists_clear) fd_selection_lists lists = {0};
    int r = parse(request, &scan, &lists, &root, fault);
    if (r < 0)
        return r;
    fd_selection_request selection = {0};
    r = fd_selection_read(root, &lists, &selection, fault);
    if (r < 0)
        return r;
    r = take_memory(request, &selection, fault);
    if (r == 0)
        r = embed_texts(request, "pairs", &lists.pairs, fault);
    if (r == 0)
        r = embed_texts(request, "pending", &lists.pending, fault);
    if (r < 0)
        fd_selection_fault_locate(&lists, fault);
    if (r < 0)
        return r;
    selection.go_on = request->is_awaited;
    selection.go_on_context = request->await_context;
    FD_CLEANUP(fd_selection_result_clear) fd_selection_result result = {0};
    r = fd_engine_select(request->engine, &selection, &result, fault);
    if (r < 0)
        fd_selection_fault_locate(&lists, fault);
    if (r < 0)
        return r;
    return write_selection(&result, lists.pairs.ids, ret);
}

void fd_selections_post(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_fault fault = {.more = request->more_faults};
    FD_CLEANUP(fd_json_text_clear) fd_json_text text = {0};
    int r = post_selection(request, &text, &fault);
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        fd_json_text_respond(response, 200, &text);
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
