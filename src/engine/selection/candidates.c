/*
 * What a selection chooses from: the request's own pairs, a sample of the item table's, or all of
 * them, without those that are excluded or pending; and what it counts as known: the answers of the
 * snapshot and the pending pairs.
 */
#include <errno.h>
#include <string.h>

#include "candidate_rows.h"
#include "engine_private.h"
#include "score.h"
#include "select.h"

struct fd_candidates_memory {
    fd_item_rows pairs; /* the request's, two rows each */
    fd_candidate_sample generated;
    fd_candidate_rows gathered;
    fd_pair_set unwanted; /* excluded and pending pairs of the table's items */
    fi_pair *listed;      /* candidates as rows */
    uint32_t *numbers;
    uint32_t *prompts; /* [snapshot->items] */
    fi_pair *excluded; /* of a pool */
};

/* ---- pairs of a request ---- */

static int resolve_pairs(fd_engine *engine, const fd_snapshot *snapshot, const char *list,
                         const fd_pair_reference *pairs, size_t n, fd_item_rows *ret,
                         fd_fault *fault) {
    static const char *const sides[] = {"a", "b"};
    _Static_assert(sizeof(fd_pair_reference) == 2 * sizeof(fd_item_reference),
                   "pairs are read as a list of references");
    int r = fd_item_lookup(engine, snapshot, list, sides, 2, &pairs[0].a, 2 * n, ret, fault);
    for (size_t i = 0; r == 0 && i < n; i++)
        if (ret->rows[2 * i] == ret->rows[2 * i + 1])
            r = fd_fault_set_at(fault, -EINVAL, list, i, "b",
                                "a pair needs two different items; both are \"%s\"", pairs[i].b.id);
    return r;
}

static fi_pair pair_at(const fd_item_rows *resolved, size_t i) {
    return (fi_pair){resolved->rows[2 * i], resolved->rows[2 * i + 1]};
}

/* Inline items are nobody else's: only pairs of the table can be met again. */
static int note_unwanted(fd_candidates *source, const fd_item_rows *resolved, size_t n) {
    fd_pair_set *unwanted = &source->memory->unwanted;
    int r = fd_pair_set_reserve(unwanted, n);
    for (size_t i = 0; r == 0 && i < n; i++) {
        fi_pair pair = pair_at(resolved, i);
        if (pair.a < source->snapshot->items && pair.b < source->snapshot->items)
            (void)fd_pair_set_add(unwanted, pair.a, pair.b);
    }
    return r;
}

static int exclude(fd_engine *engine, const fd_selection_request *request, fd_candidates *source,
                   fd_fault *fault) {
    FD_CLEANUP(fd_item_rows_clear) fd_item_rows resolved = {0};
    if (request->n_exclude == 0)
        return 0;
    int r = resolve_pairs(engine, source->snapshot, "exclude", request->exclude, request->n_exclude,
                          &resolved, fault);
    return r < 0 ? r : note_unwanted(source, &resolved, request->n_exclude);
}

/* What is out counts in M already, since information does not depend on the answers. */
static int add_pending(fd_engine *engine, const fd_selection_request *request,
                       fd_candidates *source, fd_fault *fault) {
    FD_CLEANUP(fd_item_rows_clear) fd_item_rows resolved = {0};
    size_t n = request->n_pending;
    if (n == 0)
        return 0;
    int r =
        resolve_pairs(engine, source->snapshot, "pending", request->pending, n, &resolved, fault);
    if (r == 0)
        r = note_unwanted(source, &resolved, n);
    if (r < 0)
        return r;
    FD_FREE fi_pair *pairs = calloc(n, sizeof(*pairs));
    FD_CLEANUP(fd_candidate_rows_clear) fd_candidate_rows gathered = {0};
    if (!pairs)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        pairs[i] = pair_at(&resolved, i);
    r = fd_candidate_rows_build(source->snapshot, NULL, pairs, n, resolved.extra, resolved.n_extra,
                                &gathered);
    return r < 0 ? r : fi_information_add(source->past, &gathered.candidates);
}

/* ---- lists ---- */

static int list_request(fd_engine *engine, const fd_selection_request *request,
                        fd_candidates *source, size_t *ret_count, fd_fault *fault) {
    struct fd_candidates_memory *memory = source->memory;
    size_t n = request->n_pairs;
    int r =
        resolve_pairs(engine, source->snapshot, "pairs", request->pairs, n, &memory->pairs, fault);
    if (r < 0)
        return r;
    memory->listed = calloc(n + 1, sizeof(*memory->listed));
    memory->numbers = calloc(n + 1, sizeof(*memory->numbers));
    if (!memory->listed || !memory->numbers)
        return -ENOMEM;
    *ret_count = 0;
    for (size_t i = 0; i < n; i++) {
        fi_pair pair = pair_at(&memory->pairs, i);
        if (fd_pair_set_count(&memory->unwanted, pair.a, pair.b) > 0)
            continue;
        memory->listed[*ret_count] = pair;
        memory->numbers[(*ret_count)++] = (uint32_t)i;
    }
    source->numbers = memory->numbers;
    if (*ret_count == 0)
        return fd_fault_set(fault, -EINVAL, "/pairs",
                            "every candidate is excluded or pending: there is none left");
    return 0;
}

static int use_list(fd_candidates *source, size_t count) {
    struct fd_candidates_memory *memory = source->memory;
    const fi_pair *pairs = memory->listed ? memory->listed : memory->generated.pairs;
    int r = fd_candidate_rows_build(source->snapshot, memory->prompts, pairs, count,
                                    memory->pairs.extra, memory->pairs.n_extra, &memory->gathered);
    source->list = memory->gathered.candidates;
    source->rows = pairs;
    return r;
}

/* ---- pools ---- */

static fi_pool pool_of(const fd_candidates *source, fi_scope scope, size_t n_members,
                       const uint32_t *members) {
    return (fi_pool){
        .n_items = source->snapshot->items,
        .n_features = source->snapshot->features->width,
        .features = source->snapshot->features->data,
        .rewards = source->snapshot->rewards->data,
        .groups = source->memory->prompts,
        .scope = scope,
        .n_members = n_members,
        .members = members,
    };
}

static int use_pool(fd_candidates *source, fi_scope scope) {
    struct fd_candidates_memory *memory = source->memory;
    const fd_candidate_sample *generated = &memory->generated;
    const fd_pair_set *unwanted = &memory->unwanted;
    memory->excluded =
        calloc(generated->n_labelled + unwanted->used + 1, sizeof(*memory->excluded));
    if (!memory->excluded)
        return -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < generated->n_labelled; i++)
        memory->excluded[n++] = generated->labelled[i];
    for (size_t i = 0; i < unwanted->capacity; i++)
        if (unwanted->slots[i].count > 0)
            memory->excluded[n++] = (fi_pair){(uint32_t)(unwanted->slots[i].key >> 32),
                                              (uint32_t)unwanted->slots[i].key};
    source->is_pool = true;
    source->pool = pool_of(source, scope, generated->n_members, generated->members);
    source->pool.n_excluded = n;
    source->pool.excluded = memory->excluded;
    return 0;
}

/* ---- all of it ---- */

/* A sample takes no more memory than this, whatever is asked for or there is. */
enum { SAMPLE_MAX = 1 << 20 };

static size_t sample_size(const fd_selection_request *request, size_t per_pair) {
    size_t size =
        request->generate.pairs > 0 ? request->generate.pairs : request->batch_size * per_pair;
    return size == 0 || size > SAMPLE_MAX ? SAMPLE_MAX : size;
}

static int generate(fd_engine *engine, const fd_selection_request *request, uint64_t seed,
                    bool keep_all, fd_candidates *source) {
    const struct fd_scope_options *offer = &engine->options.offer;
    struct fd_candidates_memory *memory = source->memory;
    fd_sampling wanted = request->generate;
    wanted.pairs = sample_size(request, offer->per_pair);
    int r = fd_candidate_sample_draw(engine, source->snapshot, &wanted, seed, &memory->unwanted,
                                     &memory->generated);
    double share = wanted.contested > 0.0 ? wanted.contested : offer->contested;
    if (r == 0 && !wanted.all && !keep_all)
        r = fd_keep_contested(&memory->generated, source->snapshot, share, request->batch_size);
    if (r < 0)
        return r;
    return request->generate.all ? use_pool(source, request->generate.scope)
                                 : use_list(source, memory->generated.n_pairs);
}

static int fill(fd_engine *engine, const fd_selection_request *request, uint64_t seed,
                bool needs_prompts, bool needs_target, bool keep_all, fd_candidates *source,
                fd_fault *fault) {
    int r = fi_information_copy(source->snapshot->past, &source->past);
    if (r == 0 && needs_prompts)
        r = fd_prompts_of(engine, source->snapshot, &source->memory->prompts);
    if (r == 0)
        r = exclude(engine, request, source, fault);
    if (r == 0)
        r = add_pending(engine, request, source, fault);
    if (r == 0 && needs_target)
        r = fd_i_opt_target_find(engine, source->snapshot, &source->target);
    if (r < 0 || !request->pairs)
        return r < 0 ? r : generate(engine, request, seed, keep_all, source);
    size_t count;
    r = list_request(engine, request, source, &count, fault);
    return r < 0 ? r : use_list(source, count);
}

int fd_candidates_find(fd_engine *engine, const fd_selection_request *request, bool by_prompt,
                       uint64_t seed, const fi_strategy *strategy, fd_candidates *ret,
                       fd_fault *fault) {
    FD_CLEANUP(fd_candidates_clear) fd_candidates source = {0};
    source.memory = calloc(1, sizeof(*source.memory));
    if (!source.memory)
        return -ENOMEM;
    int r = fd_engine_snapshot(engine, &source.snapshot, fault);
    if (r < 0)
        return r;
    bool needs_target = strategy->uses_target && request->target == FD_I_OPT_TARGET_IN_PROMPT;
    bool needs_prompts = by_prompt || (!request->pairs && request->generate.all);
    bool keep_all = strategy->is_random;
    r = fill(engine, request, seed, needs_prompts, needs_target, keep_all, &source, fault);
    if (r < 0)
        return r;
    *ret = source;
    memset(&source, 0, sizeof(source));
    return 0;
}

void fd_candidates_clear(fd_candidates *source) {
    struct fd_candidates_memory *memory = source->memory;
    if (memory) {
        fd_item_rows_clear(&memory->pairs);
        fd_candidate_sample_clear(&memory->generated);
        fd_candidate_rows_clear(&memory->gathered);
        fd_pair_set_clear(&memory->unwanted);
        free(memory->listed);
        free(memory->numbers);
        free(memory->prompts);
        free(memory->excluded);
        free(memory);
    }
    fi_information_free(source->past);
    fi_information_free(source->target);
    fd_snapshot_free(source->snapshot);
    memset(source, 0, sizeof(*source));
}
