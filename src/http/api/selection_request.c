/* Reads the body of POST /v1/selections into the engine's request. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "item_reference.h"
#include "json_read.h"
#include "selection_request.h"

enum { BATCH_MAX = 100000 };

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
    int style; /* -1: none */
    int certify;
    bool explain;
};

static const char *const targets[] = {
    [FD_TARGET_IN_PROMPT] = "in_prompt",
    [FD_TARGET_CANDIDATES] = "candidates",
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
    {"pairs", FD_FIELD_ANY, AT(pairs)},
    {"generate", FD_FIELD_OBJECT, AT(generate)},
    {"pending", FD_FIELD_ANY, AT(pending)},
    {"exclude", FD_FIELD_ANY, AT(exclude)},
    {"prior_precision", FD_FIELD_REAL, AT(prior_precision), .lowest = 1e-9, .highest = 1e9},
    {"max_per_item", FD_FIELD_INTEGER, AT(max_per_item), .min = 1, .max = UINT32_MAX},
    {"max_per_prompt", FD_FIELD_INTEGER, AT(max_per_prompt), .min = 1, .max = UINT32_MAX},
    {"copy_distance", FD_FIELD_REAL, AT(copy_distance), .lowest = 0, .highest = 0.99},
    {"target", FD_FIELD_ENUM, AT(target), .choices = targets},
    {"style", FD_FIELD_ENUM, AT(style), .choices = fd_style_names},
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
    bool include_incomparable;
};

#define AT(member) .offset = offsetof(struct generate_body, member)
static const fd_field generate_fields[] = {
    {"mode", FD_FIELD_ENUM, .required = true, AT(mode), .choices = modes},
    {"scope", FD_FIELD_ENUM, AT(scope), .choices = fi_scope_names},
    {"prompts", FD_FIELD_INTEGER, AT(prompts), .min = 1, .max = UINT32_MAX},
    {"responses_per_prompt", FD_FIELD_INTEGER, AT(responses_per_prompt), .min = 1,
     .max = UINT32_MAX},
    {"pairs", FD_FIELD_INTEGER, AT(pairs), .min = 1, .max = FD_PAIRS_MAX},
    {"contested", FD_FIELD_REAL, AT(contested), .lowest = 1e-6, .highest = 1},
    {"include_labelled", FD_FIELD_BOOLEAN, AT(include_labelled)},
    {"include_incomparable", FD_FIELD_BOOLEAN, AT(include_incomparable)},
};
#undef AT

/* ---- lists of pairs ---- */

static const fd_pair_count candidates = {1, FD_PAIRS_MAX}, others = {0, FD_PAIRS_MAX};

/* Excluded pairs must be of stored items: an inline embedding has no id to recognise it by. */
static int read_excluded(const json_t *list, fd_pair_list *ret, fd_fault *fault) {
    int r = fd_pair_list_read(list, "exclude", others, ret, fault);
    fd_path path = {.name = "exclude"};
    bool stops = r < 0;
    for (size_t i = 0; !stops && i < ret->n; i++)
        if (!ret->list[i].a.id || !ret->list[i].b.id)
            stops = fd_fault_stops(fault,
                                   fd_json_fault(fault, &(fd_path){.parent = &path, .index = i},
                                                 "must be a pair of item ids"),
                                   &r);
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
        .include_incomparable = body.include_incomparable,
    };
    return 0;
}

/* By the members that are there, right or wrong. */
static int check_source(const json_t *root, fd_fault *fault) {
    bool has_pairs = json_object_get(root, "pairs"), is_drawn = json_object_get(root, "generate");
    if (has_pairs && is_drawn)
        return fd_json_fault(fault, &(fd_path){.name = "generate"},
                             "cannot be given together with \"pairs\"");
    if (!has_pairs && !is_drawn)
        return fd_json_fault(fault, NULL, "either \"pairs\" or \"generate\" is required");
    return 0;
}

int fd_selection_read(const json_t *root, fd_selection_lists *lists, fd_selection_request *ret,
                      fd_fault *fault) {
    struct selection_body body = {.seed = -1, .copy_distance = -1, .style = -1};
    int first = 0;
    int r = fd_json_read(root, NULL, selection_fields, FD_LENGTH(selection_fields), &body, fault);
    if (fd_fault_stops(fault, r, &first))
        return r;
    r = check_source(root, fault);
    if (fd_fault_stops(fault, r, &first))
        return r;

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
        .target = (fd_target)body.target,
        .has_style = body.style >= 0,
        .style = body.style >= 0 ? (fd_style)body.style : FD_STYLE_INCLUDE,
        .certify_tight = body.certify == CERTIFY_TIGHT,
        .explain = body.explain,
    };
    r = fd_pair_list_read(body.pending, "pending", others, &lists->pending, fault);
    if (!fd_fault_stops(fault, r, &first))
        r = read_excluded(body.exclude, &lists->exclude, fault);
    if (!fd_fault_stops(fault, r, &first))
        r = body.generate
                ? read_generate(body.generate, &ret->generate, fault)
                : fd_pair_list_read(body.pairs, "pairs", candidates, &lists->pairs, fault);
    (void)fd_fault_stops(fault, r, &first);
    ret->pairs = lists->pairs.n > 0 ? lists->pairs.list : NULL;
    ret->n_pairs = lists->pairs.n;
    ret->pending = lists->pending.list;
    ret->n_pending = lists->pending.n;
    ret->exclude = lists->exclude.list;
    ret->n_exclude = lists->exclude.n;
    return first;
}

void fd_selection_lists_clear(fd_selection_lists *lists) {
    fd_pair_list_clear(&lists->pairs);
    fd_pair_list_clear(&lists->pending);
    fd_pair_list_clear(&lists->exclude);
}

void fd_selection_fault_locate(const fd_selection_lists *lists, fd_fault *fault) {
    fd_pair_list_locate(&lists->pairs, "pairs", fault);
    fd_pair_list_locate(&lists->pending, "pending", fault);
    fd_pair_list_locate(&lists->exclude, "exclude", fault);
}
