/* Reads the body of POST /v1/selections into the engine's request. */
#include <errno.h>

#include "item_reference.h"
#include "json_read.h"
#include "selection_request.h"

enum { BATCH_MAX = 100000, PAIRS_MAX = 1000000 };

struct selection_body {
    int64_t batch_size;
    const char *strategy;
    int64_t seed; /* -1: none */
    const json_t *pairs;
    const json_t *generate;
    const json_t *pending;
    const json_t *exclude;
    double prior_precision;
    int64_t max_per_item;
    int64_t max_per_prompt;
    double copy_distance; /* -1: none */
    int target;
    int certify;
    bool explain;
};

static const char *const targets[] = {
    [FD_I_OPT_TARGET_IN_PROMPT] = "in_prompt",
    [FD_I_OPT_TARGET_CANDIDATES] = "candidates",
    NULL,
};

enum { CERTIFY_TANGENT, CERTIFY_TIGHT };

static const char *const certificates[] = {
    [CERTIFY_TANGENT] = "tangent",
    [CERTIFY_TIGHT] = "tight",
    NULL,
};

#define AT(member) .offset = offsetof(struct selection_body, member)
static const fd_field selection_fields[] = {
    {"batch_size", FD_FIELD_INTEGER, .required = true, AT(batch_size), .min = 1, .max = BATCH_MAX},
    {"strategy", FD_FIELD_TEXT, AT(strategy)},
    {"seed", FD_FIELD_INTEGER, AT(seed), .max = FD_INTEGER_MAX},
    {"pairs", FD_FIELD_ARRAY, AT(pairs), .min = 1, .max = PAIRS_MAX},
    {"generate", FD_FIELD_OBJECT, AT(generate)},
    {"pending", FD_FIELD_ARRAY, AT(pending), .max = PAIRS_MAX},
    {"exclude", FD_FIELD_ARRAY, AT(exclude), .max = PAIRS_MAX},
    {"prior_precision", FD_FIELD_REAL, AT(prior_precision), .lowest = 1e-9, .highest = 1e9},
    {"max_per_item", FD_FIELD_INTEGER, AT(max_per_item), .min = 1, .max = UINT32_MAX},
    {"max_per_prompt", FD_FIELD_INTEGER, AT(max_per_prompt), .min = 1, .max = UINT32_MAX},
    {"copy_distance", FD_FIELD_REAL, AT(copy_distance), .lowest = 0, .highest = 0.99},
    {"target", FD_FIELD_ENUM, AT(target), .choices = targets},
    {"certify", FD_FIELD_ENUM, AT(certify), .choices = certificates},
    {"explain", FD_FIELD_BOOLEAN, AT(explain)},
};
#undef AT

enum { MODE_IN_PROMPT, MODE_CROSS_PROMPT, MODE_ALL_PAIRS };

static const char *const modes[] = {
    [MODE_IN_PROMPT] = "in_prompt",
    [MODE_CROSS_PROMPT] = "cross_prompt",
    [MODE_ALL_PAIRS] = "all_pairs",
    NULL,
};

struct generate_body {
    int mode;
    int scope; /* -1: none */
    int64_t prompts;
    int64_t responses_per_prompt;
    int64_t pairs;    /* 0: none */
    double contested; /* 0: none */
    bool include_labelled;
};

#define AT(member) .offset = offsetof(struct generate_body, member)
static const fd_field generate_fields[] = {
    {"mode", FD_FIELD_ENUM, .required = true, AT(mode), .choices = modes},
    {"scope", FD_FIELD_ENUM, AT(scope), .choices = fi_scope_names},
    {"prompts", FD_FIELD_INTEGER, AT(prompts), .min = 1, .max = UINT32_MAX},
    {"responses_per_prompt", FD_FIELD_INTEGER, AT(responses_per_prompt), .min = 1,
     .max = UINT32_MAX},
    {"pairs", FD_FIELD_INTEGER, AT(pairs), .min = 1, .max = PAIRS_MAX},
    {"contested", FD_FIELD_REAL, AT(contested), .lowest = 1e-6, .highest = 1},
    {"include_labelled", FD_FIELD_BOOLEAN, AT(include_labelled)},
};
#undef AT

/* ---- lists of pairs ---- */

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

static void pairs_clear(fd_pair_list *pairs) {
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
    r = fd_item_reference_read(body.a, &(fd_path){.parent = at, .name = "a"}, &ret->a, fault);
    if (r < 0)
        return r;
    return fd_item_reference_read(body.b, &(fd_path){.parent = at, .name = "b"}, &ret->b, fault);
}

static int read_pairs(const json_t *list, const char *name, fd_pair_list *ret, fd_fault *fault) {
    size_t n = json_array_size(list);
    if (n == 0)
        return 0;
    ret->n = n;
    ret->list = calloc(n, sizeof(*ret->list));
    ret->ids = calloc(n, sizeof(*ret->ids));
    if (!ret->list || !ret->ids)
        return -ENOMEM;
    fd_path path = {.name = name};
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = read_pair(json_array_get(list, i), &(fd_path){.parent = &path, .index = i},
                      &ret->list[i], &ret->ids[i], fault);
    return r;
}

/* Excluded pairs must be of stored items: an inline embedding has no id to recognise it by. */
static int read_excluded(const json_t *list, fd_pair_list *ret, fd_fault *fault) {
    int r = read_pairs(list, "exclude", ret, fault);
    fd_path path = {.name = "exclude"};
    for (size_t i = 0; r == 0 && i < ret->n; i++)
        if (!ret->list[i].a.id || !ret->list[i].b.id)
            r = fd_json_fault(fault, &(fd_path){.parent = &path, .index = i},
                              "must be a pair of item ids");
    return r;
}

/* ---- the request ---- */

static int read_generate(const json_t *value, fd_sampling *ret, fd_fault *fault) {
    struct generate_body body = {.scope = -1};
    fd_path path = {.name = "generate"};
    int r = fd_json_read(value, &path, generate_fields, FD_LENGTH(generate_fields), &body, fault);
    if (r < 0)
        return r;
    bool is_all = body.mode == MODE_ALL_PAIRS;
    if (is_all && body.pairs > 0)
        return fd_json_fault(fault, &(fd_path){.parent = &path, .name = "pairs"},
                             "does not apply to all_pairs, which takes every pair");
    if (is_all && body.contested > 0.0)
        return fd_json_fault(fault, &(fd_path){.parent = &path, .name = "contested"},
                             "does not apply to all_pairs, which takes every pair");
    if (!is_all && body.scope >= 0)
        return fd_json_fault(fault, &(fd_path){.parent = &path, .name = "scope"},
                             "applies to all_pairs only; the mode %s sets the scope",
                             modes[body.mode]);
    fi_scope sampled = body.mode == MODE_CROSS_PROMPT ? FI_SCOPE_ACROSS : FI_SCOPE_WITHIN;
    *ret = (fd_sampling){
        .scope = body.scope >= 0 ? (fi_scope)body.scope : sampled,
        .all = is_all,
        .prompts = (size_t)body.prompts,
        .responses_per_prompt = (size_t)body.responses_per_prompt,
        .pairs = (size_t)body.pairs,
        .contested = body.contested,
        .include_labelled = body.include_labelled,
    };
    return 0;
}

int fd_selection_read(const json_t *root, fd_selection_lists *lists, fd_selection_request *ret,
                      fd_fault *fault) {
    struct selection_body body = {.seed = -1, .copy_distance = -1};
    int r = fd_json_read(root, NULL, selection_fields, FD_LENGTH(selection_fields), &body, fault);
    if (r < 0)
        return r;
    if (body.pairs && body.generate)
        return fd_json_fault(fault, &(fd_path){.name = "generate"},
                             "cannot be given together with \"pairs\"");
    if (!body.pairs && !body.generate)
        return fd_json_fault(fault, NULL, "either \"pairs\" or \"generate\" is required");

    *ret = (fd_selection_request){
        .batch_size = (size_t)body.batch_size,
        .strategy = body.strategy,
        .has_seed = body.seed >= 0,
        .seed = body.seed >= 0 ? (uint64_t)body.seed : 0,
        .prior_precision = body.prior_precision,
        .max_per_item = (uint32_t)body.max_per_item,
        .max_per_prompt = (uint32_t)body.max_per_prompt,
        .has_copy_distance = body.copy_distance >= 0,
        .copy_distance = body.copy_distance,
        .target = (fd_i_opt_target)body.target,
        .certify_tight = body.certify == CERTIFY_TIGHT,
        .explain = body.explain,
    };
    r = read_pairs(body.pending, "pending", &lists->pending, fault);
    if (r == 0)
        r = read_excluded(body.exclude, &lists->exclude, fault);
    if (r == 0)
        r = body.generate ? read_generate(body.generate, &ret->generate, fault)
                          : read_pairs(body.pairs, "pairs", &lists->pairs, fault);
    ret->pairs = lists->pairs.list;
    ret->n_pairs = lists->pairs.n;
    ret->pending = lists->pending.list;
    ret->n_pending = lists->pending.n;
    ret->exclude = lists->exclude.list;
    ret->n_exclude = lists->exclude.n;
    return r;
}

void fd_selection_lists_clear(fd_selection_lists *lists) {
    pairs_clear(&lists->pairs);
    pairs_clear(&lists->pending);
    pairs_clear(&lists->exclude);
}
