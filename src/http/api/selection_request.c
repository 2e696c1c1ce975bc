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
        fd_item_reference_clear(&pairs->list[i].a);
        fd_item_reference_clear(&pairs->list[i].b);
    }
    free(pairs->list);
    free(pairs->ids);
}

/* [a, b] or [a, b, id] */
static int read_row(const json_t *row, const fd_path *at, fd_pair_reference *ret,
                    const char **ret_id, fd_fault *fault) {
    size_t n = json_array_size(row);
    if (n != 2 && n != 3)
        return fd_json_fault(fault, at, "has %zu elements; must have 2 or 3", n);
    const json_t *id = json_array_get(row, 2);
    int r = fd_item_reference_read(json_array_get(row, 0), &(fd_path){.parent = at, .index = 0},
                                   &ret->a, fault);
    if (r == 0)
        r = fd_item_reference_read(json_array_get(row, 1), &(fd_path){.parent = at, .index = 1},
                                   &ret->b, fault);
    if (r == 0 && id && !json_is_null(id))
        r = fd_json_reference(id, &(fd_path){.parent = at, .index = 2}, ret_id, fault);
    return r;
}

static int read_pair(const json_t *value, const fd_path *at, fd_pair_reference *ret,
                     const char **ret_id, fd_fault *fault) {
    if (json_is_array(value))
        return read_row(value, at, ret, ret_id, fault);
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

static int check_length(size_t n, size_t least, const fd_path *at, fd_fault *fault) {
    if (n >= least && n <= FD_PAIRS_MAX)
        return 0;
    return fd_json_fault(fault, at, "has %zu elements; must have %zu to %d", n, least,
                         FD_PAIRS_MAX);
}

static int make_room(size_t n, fd_pair_list *ret) {
    ret->n = n;
    ret->list = calloc(n ? n : 1, sizeof(*ret->list));
    ret->ids = calloc(n ? n : 1, sizeof(*ret->ids));
    return ret->list && ret->ids ? 0 : -ENOMEM;
}

struct columns_body {
    const json_t *a;
    const json_t *b;
    const json_t *id;
};

#define AT(member) .offset = offsetof(struct columns_body, member), .max = FD_PAIRS_MAX
static const fd_field columns_fields[] = {
    {"a", FD_FIELD_ARRAY, .required = true, AT(a)},
    {"b", FD_FIELD_ARRAY, .required = true, AT(b)},
    {"id", FD_FIELD_ARRAY, .nullable = true, AT(id)},
};
#undef AT

static int read_columns(const json_t *value, const fd_path *path, size_t least, fd_pair_list *ret,
                        fd_fault *fault) {
    struct columns_body body = {0};
    int r = fd_json_read(value, path, columns_fields, FD_LENGTH(columns_fields), &body, fault);
    size_t n = json_array_size(body.a);
    if (r == 0)
        r = check_length(n, least, path, fault);
    const fd_path a = {.parent = path, .name = "a"}, b = {.parent = path, .name = "b"};
    const fd_path ids = {.parent = path, .name = "id"};
    if (r == 0 && json_array_size(body.b) != n)
        r = fd_json_fault(fault, &b, "must have as many elements as \"a\"");
    if (r == 0 && body.id && json_array_size(body.id) != n)
        r = fd_json_fault(fault, &ids, "must have as many elements as \"a\"");
    ret->form = FD_PAIRS_COLUMNS;
    if (r == 0)
        r = make_room(n, ret);
    for (size_t i = 0; i < n && r == 0; i++) {
        const json_t *id = body.id ? json_array_get(body.id, i) : NULL;
        r = fd_item_reference_read(json_array_get(body.a, i), &(fd_path){.parent = &a, .index = i},
                                   &ret->list[i].a, fault);
        if (r == 0)
            r = fd_item_reference_read(json_array_get(body.b, i),
                                       &(fd_path){.parent = &b, .index = i}, &ret->list[i].b,
                                       fault);
        if (r == 0 && id && !json_is_null(id))
            r = fd_json_reference(id, &(fd_path){.parent = &ids, .index = i}, &ret->ids[i], fault);
    }
    return r;
}

static int read_pairs(const json_t *value, const char *name, size_t least, fd_pair_list *ret,
                      fd_fault *fault) {
    fd_path path = {.name = name};
    if (!value || (json_is_null(value) && ret->n > 0))
        return 0; /* not there, or there already */
    if (json_is_object(value) && json_object_size(value) > 0)
        return read_columns(value, &path, least, ret, fault);
    if (!json_is_array(value))
        return fd_json_fault(fault, &path, "must be a list, or an object of columns");
    size_t n = json_array_size(value);
    int r = check_length(n, least, &path, fault);
    if (r == 0)
        r = make_room(n, ret);
    if (n > 0 && json_is_array(json_array_get(value, 0)))
        ret->form = FD_PAIRS_ROWS;
    for (size_t i = 0; i < n && r == 0; i++)
        r = read_pair(json_array_get(value, i), &(fd_path){.parent = &path, .index = i},
                      &ret->list[i], &ret->ids[i], fault);
    return r;
}

/* Excluded pairs must be of stored items: an inline embedding has no id to recognise it by. */
static int read_excluded(const json_t *list, fd_pair_list *ret, fd_fault *fault) {
    int r = read_pairs(list, "exclude", 0, ret, fault);
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
        .include_incomparable = body.include_incomparable,
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
        .target = (fd_target)body.target,
        .certify_tight = body.certify == CERTIFY_TIGHT,
        .explain = body.explain,
    };
    r = read_pairs(body.pending, "pending", 0, &lists->pending, fault);
    if (r == 0)
        r = read_excluded(body.exclude, &lists->exclude, fault);
    if (r == 0)
        r = body.generate ? read_generate(body.generate, &ret->generate, fault)
                          : read_pairs(body.pairs, "pairs", 1, &lists->pairs, fault);
    ret->pairs = lists->pairs.n > 0 ? lists->pairs.list : NULL;
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

void fd_selection_fault_locate(const fd_selection_lists *lists, fd_fault *fault) {
    const struct {
        const char *name;
        const fd_pair_list *list;
    } all[] = {
        {"pairs", &lists->pairs}, {"pending", &lists->pending}, {"exclude", &lists->exclude}};
    char name[16], side[2];
    size_t index;
    int end = 0;
    char rest[32] = "";
    /* NOLINTNEXTLINE(cert-err34-c): the number is one that this program wrote. */
    if (sscanf(fault->pointer, "/%15[a-z]/%zu/%1[ab]%n", name, &index, side, &end) != 3 ||
        (fault->pointer[end] != '\0' && fault->pointer[end] != '/'))
        return;
    (void)snprintf(rest, sizeof(rest), "%s", fault->pointer + end);
    for (size_t i = 0; i < FD_LENGTH(all); i++) {
        if (strcmp(name, all[i].name) != 0)
            continue;
        if (all[i].list->form == FD_PAIRS_ROWS)
            (void)snprintf(fault->pointer, sizeof(fault->pointer), "/%s/%zu/%d%s", name, index,
                           side[0] == 'b', rest);
        else if (all[i].list->form == FD_PAIRS_COLUMNS)
            (void)snprintf(fault->pointer, sizeof(fault->pointer), "/%s/%s/%zu%s", name, side,
                           index, rest);
    }
}
