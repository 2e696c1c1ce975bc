#include <errno.h>

#include "codec.h"
#include "problem.h"

enum { BATCH_MAX = 100000, PAIRS_MAX = 1000000, GENERATED_PAIRS = 20000 };

/* ---- reading ---- */

struct selection_body {
    int64_t batch_size;
    const char *strategy;
    int64_t seed; /* -1: none */
    const json_t *pairs;
    const json_t *generate;
};

static const fd_field selection_fields[] = {
    {"batch_size", FD_FIELD_INTEGER, .required = true,
     .offset = offsetof(struct selection_body, batch_size), .min = 1, .max = BATCH_MAX},
    {"strategy", FD_FIELD_TEXT, .offset = offsetof(struct selection_body, strategy)},
    {"seed", FD_FIELD_INTEGER, .offset = offsetof(struct selection_body, seed),
     .max = FD_INTEGER_MAX},
    {"pairs", FD_FIELD_ARRAY, .offset = offsetof(struct selection_body, pairs), .min = 1,
     .max = PAIRS_MAX},
    {"generate", FD_FIELD_OBJECT, .offset = offsetof(struct selection_body, generate)},
};

static const char *const modes[] = {
    [FD_GENERATE_IN_PROMPT] = "in_prompt",
    [FD_GENERATE_CROSS_PROMPT] = "cross_prompt",
    NULL,
};

struct generate_body {
    int mode;
    int64_t prompts;
    int64_t responses_per_prompt;
    int64_t pairs;
    bool include_labelled;
};

static const fd_field generate_fields[] = {
    {"mode", FD_FIELD_ENUM, .required = true, .offset = offsetof(struct generate_body, mode),
     .choices = modes},
    {"prompts", FD_FIELD_INTEGER, .offset = offsetof(struct generate_body, prompts), .min = 1,
     .max = UINT32_MAX},
    {"responses_per_prompt", FD_FIELD_INTEGER,
     .offset = offsetof(struct generate_body, responses_per_prompt), .min = 1, .max = UINT32_MAX},
    {"pairs", FD_FIELD_INTEGER, .offset = offsetof(struct generate_body, pairs), .min = 1,
     .max = PAIRS_MAX},
    {"include_labelled", FD_FIELD_BOOLEAN,
     .offset = offsetof(struct generate_body, include_labelled)},
};

struct pair_body {
    const json_t *a;
    const json_t *b;
    const char *id;
};

static const fd_field pair_fields[] = {
    {"a", FD_FIELD_ANY, .required = true, .offset = offsetof(struct pair_body, a)},
    {"b", FD_FIELD_ANY, .required = true, .offset = offsetof(struct pair_body, b)},
    {"id", FD_FIELD_ID, .nullable = true, .offset = offsetof(struct pair_body, id)},
};

/* The embeddings are its own, the ids borrowed from the tree. */
struct pairs {
    size_t n;
    fd_pair_reference *list;
    const char **ids; /* of the pairs themselves; NULL where there is none */
};

static void pairs_clear(struct pairs *pairs) {
    for (size_t i = 0; pairs->list && i < pairs->n; i++) {
        free((float *)pairs->list[i].a.embedding);
        free((float *)pairs->list[i].b.embedding);
    }
    free(pairs->list);
    free(pairs->ids);
}

static int read_pair(const json_t *value, const fd_path *at, fd_pair_reference *ret,
                     const char **ret_id, fd_fault *fault) {
    struct pair_body body = {0};
    int r = fd_json_read(value, at, pair_fields, FD_LENGTH(pair_fields), &body, fault);
    if (r < 0)
        return r;
    *ret_id = body.id;
    r = fd_json_item_reference(body.a, &(fd_path){.parent = at, .name = "a"}, &ret->a, fault);
    if (r < 0)
        return r;
    return fd_json_item_reference(body.b, &(fd_path){.parent = at, .name = "b"}, &ret->b, fault);
}

static int read_pairs(const json_t *list, struct pairs *ret, fd_fault *fault) {
    size_t n = json_array_size(list);
    ret->n = n;
    ret->list = calloc(n, sizeof(*ret->list));
    ret->ids = calloc(n, sizeof(*ret->ids));
    if (!ret->list || !ret->ids)
        return -ENOMEM;
    fd_path path = {.name = "pairs"};
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = read_pair(json_array_get(list, i), &(fd_path){.parent = &path, .index = i},
                      &ret->list[i], &ret->ids[i], fault);
    return r;
}

static int read_generate(const json_t *value, fd_generate *ret, fd_fault *fault) {
    struct generate_body body = {.pairs = GENERATED_PAIRS};
    int r = fd_json_read(value, &(fd_path){.name = "generate"}, generate_fields,
                         FD_LENGTH(generate_fields), &body, fault);
    *ret = (fd_generate){
        .mode = (fd_generate_mode)body.mode,
        .prompts = (size_t)body.prompts,
        .responses_per_prompt = (size_t)body.responses_per_prompt,
        .pairs = (size_t)body.pairs,
        .include_labelled = body.include_labelled,
    };
    return r;
}

static int read_selection(const json_t *root, struct pairs *pairs, fd_selection_request *ret,
                          fd_fault *fault) {
    struct selection_body body = {.seed = -1};
    int r = fd_json_read(root, NULL, selection_fields, FD_LENGTH(selection_fields), &body, fault);
    if (r < 0)
        return r;
    if (body.pairs && body.generate)
        return fd_json_fault(fault, &(fd_path){.name = "generate"}, "excludes \"pairs\"");
    if (!body.pairs && !body.generate)
        return fd_json_fault(fault, NULL, "either \"pairs\" or \"generate\" is required");

    *ret = (fd_selection_request){
        .batch_size = (size_t)body.batch_size,
        .strategy = body.strategy,
        .has_seed = body.seed >= 0,
        .seed = body.seed >= 0 ? (uint64_t)body.seed : 0,
    };
    if (body.generate)
        return read_generate(body.generate, &ret->generate, fault);
    r = read_pairs(body.pairs, pairs, fault);
    ret->pairs = pairs->list;
    ret->n_pairs = pairs->n;
    return r;
}

/* ---- writing ---- */

static json_t *pair_json(const fd_selected_pair *pair, const char *id) {
    json_t *json = json_pack("{s:s?, s:s?, s:I, s:o, s:o}", "a", pair->a, "b", pair->b, "index",
                             (json_int_t)pair->index, "p", fd_json_real(pair->p), "gain",
                             fd_json_real(pair->gain));
    if (json && id && json_object_set_new(json, "id", json_string(id)) < 0)
        json_decref(FD_STEAL(json));
    return json;
}

/* ids [request's pairs] or NULL for generated pairs */
static json_t *pairs_json(const fd_selection_answer *answer, const char *const *ids) {
    json_t *list = json_array();
    for (size_t i = 0; i < answer->count; i++) {
        const fd_selected_pair *pair = &answer->pairs[i];
        if (json_array_append_new(list, pair_json(pair, ids ? ids[pair->index] : NULL)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *diagnostics_json(const fd_selection_answer *answer) {
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "logdet_before", fd_json_real(answer->logdet_before),
        "logdet_after", fd_json_real(answer->logdet_after), "logdet_bound",
        fd_json_real(answer->logdet_bound), "d_efficiency", fd_json_real(answer->d_efficiency),
        "candidates", (json_int_t)answer->candidates, "distinct_items",
        (json_int_t)answer->distinct_items, "elapsed_ms", fd_json_real(answer->elapsed_ms));
}

static int post_selection(const fd_request *request, json_t **ret, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    FD_CLEANUP(pairs_clear) struct pairs pairs = {0};
    int r = fd_json_parse(request->body, request->body_size, &root, fault);
    if (r < 0)
        return r;
    fd_selection_request selection = {0};
    r = read_selection(root, &pairs, &selection, fault);
    if (r < 0)
        return r;
    FD_CLEANUP(fd_selection_answer_clear) fd_selection_answer answer = {0};
    r = fd_engine_select(request->engine, &selection, &answer, fault);
    if (r < 0)
        return r;
    *ret = json_pack("{s:I, s:s, s:I, s:o, s:o}", "model_version", (json_int_t)answer.model_version,
                     "strategy", answer.strategy, "seed", (json_int_t)answer.seed, "pairs",
                     pairs_json(&answer, pairs.ids), "diagnostics", diagnostics_json(&answer));
    return 0;
}

void fd_selections_post(const fd_request *request, fd_response *response) {
    fd_query query;
    if (!fd_query_accept(request, response, FD_QUERY_NOTHING, 0, &query))
        return;
    fd_fault fault = {0};
    json_t *answer = NULL;
    int r = post_selection(request, &answer, &fault);
    if (r < 0)
        fd_problem_of(request, response, r, &fault);
    else
        fd_json_answer(request, response, 200, answer);
}
