/*
 * Finds the candidates of a request: its own pairs, a sample from the item table, or all pairs of
 * some items, each without excluded and pending pairs. The labelled pairs of the snapshot and the
 * pending pairs count as known.
 */
#include "candidates.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "candidate_rows.h"
#include "candidate_sample.h"
#include "content_targets.h"
#include "engine_state.h"
#include "item_lookup.h"
#include "target_sample.h"
#include "text_columns.h"

struct fd_candidates_memory {
    fd_item_rows pairs; /* of the request, two rows each */
    fd_candidate_sample sample;
    fd_candidate_rows built;
    fd_target_sample targets;
    fd_content_targets contents;
    fd_pair_set unwanted; /* excluded and pending pairs of items of the table */
    fi_pair *listed;      /* candidates as rows */
    uint32_t *numbers;
    uint32_t *prompts; /* [snapshot->items] of a pool, like the next two */
    float *rewards;    /* [snapshot->items] */
    fi_pair *excluded;
    bool by_prompt; /* the candidates of a list have their prompts */
};

/* ---- pairs of a request ---- */

static int look_up_pairs(fd_engine *engine, const fd_snapshot *snapshot, const char *list,
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

static fi_pair pair_at(const fd_item_rows *rows, size_t i) {
    return (fi_pair){rows->rows[2 * i], rows->rows[2 * i + 1]};
}

static int copy_pairs(const fd_item_rows *rows, size_t n, fi_pair **ret) {
    fi_pair *pairs = calloc(n, sizeof(*pairs));
    if (!pairs)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        pairs[i] = pair_at(rows, i);
    *ret = pairs;
    return 0;
}

/* Only pairs of the table can come up again: an inline item is not in it. */
static int note_unwanted(fd_candidates *candidates, const fi_pair *pairs, size_t n) {
    fd_pair_set *unwanted = &candidates->memory->unwanted;
    size_t items = candidates->snapshot->items;
    int r = fd_pair_set_reserve(unwanted, n);
    for (size_t i = 0; r == 0 && i < n; i++)
        if (pairs[i].a < items && pairs[i].b < items)
            (void)fd_pair_set_add(unwanted, pairs[i].a, pairs[i].b);
    return r;
}

static int exclude(fd_engine *engine, const fd_selection_request *request,
                   fd_candidates *candidates, fd_fault *fault) {
    FD_CLEANUP(fd_item_rows_clear) fd_item_rows rows = {0};
    FD_FREE fi_pair *pairs = NULL;
    size_t n = request->n_exclude;
    if (n == 0)
        return 0;
    int r =
        look_up_pairs(engine, candidates->snapshot, "exclude", request->exclude, n, &rows, fault);
    if (r == 0)
        r = copy_pairs(&rows, n, &pairs);
    return r < 0 ? r : note_unwanted(candidates, pairs, n);
}

/* ---- pending pairs ---- */

/* Counts pending pairs as known: their information does not depend on the answers. */
static int add_known(fd_engine *engine, fd_candidates *candidates, const fi_pair *pairs, size_t n,
                     const fd_item_rows *found) {
    FD_CLEANUP(fd_candidate_rows_clear) fd_candidate_rows built = {0};
    int r = note_unwanted(candidates, pairs, n);
    if (r == 0)
        r = fd_candidate_rows_build(engine, candidates->snapshot, false, pairs, n, found, &built);
    return r < 0 ? r : fi_information_add(candidates->past, &built.candidates);
}

static int add_pending(fd_engine *engine, const fd_selection_request *request,
                       fd_candidates *candidates, fd_fault *fault) {
    FD_CLEANUP(fd_item_rows_clear) fd_item_rows rows = {0};
    FD_FREE fi_pair *pairs = NULL;
    size_t n = request->n_pending;
    if (n == 0)
        return 0;
    int r =
        look_up_pairs(engine, candidates->snapshot, "pending", request->pending, n, &rows, fault);
    if (r == 0)
        r = copy_pairs(&rows, n, &pairs);
    return r < 0 ? r : add_known(engine, candidates, pairs, n, &rows);
}

static int add_pending_rows(fd_engine *engine, const fd_selection_request *request,
                            fd_candidates *candidates) {
    const fi_pair *pairs = request->pending_rows;
    size_t n = request->n_pending_rows, items = candidates->snapshot->items;
    for (size_t i = 0; i < n; i++)
        assert(pairs[i].a < items && pairs[i].b < items);
    return n == 0 ? 0 : add_known(engine, candidates, pairs, n, NULL);
}

/* ---- lists ---- */

static int list_request(fd_engine *engine, const fd_selection_request *request,
                        fd_candidates *candidates, size_t *ret_count, fd_fault *fault) {
    struct fd_candidates_memory *memory = candidates->memory;
    size_t n = request->n_pairs;
    int r = look_up_pairs(engine, candidates->snapshot, "pairs", request->pairs, n, &memory->pairs,
                          fault);
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
    candidates->numbers = memory->numbers;
    if (*ret_count == 0)
        return fd_fault_set(fault, -EINVAL, "/pairs", "every candidate is excluded or pending");
    return 0;
}

static int use_list(fd_engine *engine, fd_candidates *candidates, size_t count) {
    struct fd_candidates_memory *memory = candidates->memory;
    const fi_pair *pairs = memory->listed ? memory->listed : memory->sample.pairs;
    int r = fd_candidate_rows_build(engine, candidates->snapshot, memory->by_prompt, pairs, count,
                                    &memory->pairs, &memory->built);
    candidates->list = memory->built.candidates;
    candidates->rows = pairs;
    return r;
}

/* ---- pools ---- */

static fi_pool pool_of(const fd_candidates *candidates, fi_scope scope, size_t n_members,
                       const uint32_t *members) {
    return (fi_pool){
        .n_items = candidates->snapshot->items,
        .n_features = candidates->snapshot->features->width,
        .features = candidates->snapshot->features->data,
        .rewards = candidates->memory->rewards,
        .groups = candidates->memory->prompts,
        .scope = scope,
        .n_members = n_members,
        .members = members,
    };
}

static int use_pool(fd_candidates *candidates, fi_scope scope) {
    struct fd_candidates_memory *memory = candidates->memory;
    const fd_candidate_sample *sample = &memory->sample;
    const fd_pair_set *unwanted = &memory->unwanted;
    memory->excluded = calloc(sample->n_labelled + unwanted->used + 1, sizeof(*memory->excluded));
    if (!memory->excluded)
        return -ENOMEM;
    int r = fd_snapshot_rewards(candidates->snapshot, &memory->rewards);
    if (r < 0)
        return r;
    size_t n = 0;
    for (size_t i = 0; i < sample->n_labelled; i++)
        memory->excluded[n++] = sample->labelled[i];
    for (size_t i = 0; i < unwanted->capacity; i++)
        if (unwanted->slots[i].count > 0)
            memory->excluded[n++] = (fi_pair){unwanted->slots[i].low, unwanted->slots[i].high};
    candidates->is_pool = true;
    candidates->pool = pool_of(candidates, scope, sample->n_members, sample->members);
    candidates->pool.n_excluded = n;
    candidates->pool.excluded = memory->excluded;
    return 0;
}

/* ---- samples, and the whole ---- */

/* The largest sample, whatever a request asks for: it bounds the memory. */
enum { SAMPLE_MAX = 1 << 20 };

static size_t sample_size(const fd_selection_request *request, size_t per_pair) {
    size_t size =
        request->generate.pairs > 0 ? request->generate.pairs : request->batch_size * per_pair;
    return size == 0 || size > SAMPLE_MAX ? SAMPLE_MAX : size;
}

static int generate(fd_engine *engine, const fd_selection_request *request, uint64_t seed,
                    bool keep_all, fd_candidates *candidates) {
    const struct fd_candidate_options *options = &engine->options.candidates;
    struct fd_candidates_memory *memory = candidates->memory;
    fd_sampling wanted = request->generate;
    wanted.pairs = sample_size(request, options->per_pair);
    int r = fd_candidate_sample_draw(engine, candidates->snapshot, &wanted, seed, &memory->unwanted,
                                     &memory->sample);
    double share = wanted.contested > 0.0 ? wanted.contested : options->contested;
    if (r == 0 && !wanted.all && !keep_all)
        r = fd_candidate_sample_keep_contested(&memory->sample, candidates->snapshot, share,
                                               request->batch_size);
    if (r < 0)
        return r;
    return request->generate.all ? use_pool(candidates, request->generate.scope)
                                 : use_list(engine, candidates, memory->sample.n_pairs);
}

/* What is known beforehand, times the design effect D. An answer adds v d d' / D to what the model
 * knows, so on this scale a candidate's gain is the same with its whole v. */
static int take_known(fd_candidates *candidates) {
    const fd_snapshot *snapshot = candidates->snapshot;
    int r = fi_information_copy(snapshot->past, &candidates->past);
    if (r == 0)
        r = fi_information_copy(snapshot->prior, &candidates->prior);
    if (r == 0)
        fi_information_scale(candidates->prior, fd_served_model_design_effect(snapshot->served));
    return r;
}

static int fill(fd_engine *engine, const fd_selection_request *request, uint64_t seed,
                bool keep_all, fd_candidates *candidates, fd_fault *fault) {
    int r = take_known(candidates);
    if (r == 0 && !request->pairs && request->generate.all)
        r = fd_item_prompts(engine, candidates->snapshot, &candidates->memory->prompts);
    if (r == 0)
        r = exclude(engine, request, candidates, fault);
    if (r == 0)
        r = add_pending(engine, request, candidates, fault);
    if (r == 0)
        r = add_pending_rows(engine, request, candidates);
    if (r < 0 || !request->pairs)
        return r < 0 ? r : generate(engine, request, seed, keep_all, candidates);
    size_t count;
    r = list_request(engine, request, candidates, &count, fault);
    return r < 0 ? r : use_list(engine, candidates, count);
}

/* ---- targets ---- */

static bool has_stored_items(const fd_candidates *candidates) {
    if (candidates->is_pool)
        return true;
    for (size_t i = 0; i < candidates->list.n_pairs; i++)
        if (candidates->rows[i].a < candidates->snapshot->items ||
            candidates->rows[i].b < candidates->snapshot->items)
            return true;
    return false;
}

/* Without a prompt of two items, and for inline items alone, the candidates are the targets. */
static int find_targets(fd_engine *engine, bool whole_prompts, uint64_t seed,
                        fd_candidates *candidates) {
    fd_target_sample *sample = &candidates->memory->targets;
    if (!has_stored_items(candidates))
        return 0;
    int r = fd_target_sample_draw(engine, candidates->snapshot, whole_prompts, seed, sample);
    candidates->targets = r == 0 && sample->targets.n_pairs > 0 ? &sample->targets : NULL;
    return r;
}

static fd_style style_of(const fd_engine *engine, const fd_selection_request *request) {
    return request->has_style ? request->style : engine->options.style;
}

/* Leaves the text out of the targets; those of a pool that has none are drawn from it. */
static int leave_style_out(const fd_selection_request *request, uint64_t seed,
                           fd_candidates *candidates, fd_fault *fault) {
    const fd_snapshot *snapshot = candidates->snapshot;
    fd_content_targets *contents = &candidates->memory->contents;
    if (fd_text_columns_of(snapshot->served->model).count == 0)
        return 0;
    if (candidates->is_pool && request->target == FD_TARGET_CANDIDATES)
        return fd_fault_set(fault, -EINVAL, "/target",
                            "without style, the candidates of all_pairs cannot be the targets; "
                            "choose in_prompt, or include style");
    const fi_candidates *from = candidates->targets ? candidates->targets : &candidates->list;
    int r = candidates->is_pool && !candidates->targets
                ? fd_content_targets_draw(snapshot, &candidates->pool, seed, contents)
                : fd_content_targets_copy(snapshot, from, contents);
    if (r == 0 && contents->targets.n_pairs > 0)
        candidates->targets = &contents->targets;
    return r;
}

/* ---- all of it ---- */

int fd_candidates_find(fd_engine *engine, const fd_selection_request *request, bool by_prompt,
                       uint64_t seed, const fi_strategy *strategy, fd_candidates *ret,
                       fd_fault *fault) {
    FD_CLEANUP(fd_candidates_clear) fd_candidates candidates = {0};
    candidates.memory = calloc(1, sizeof(*candidates.memory));
    if (!candidates.memory)
        return -ENOMEM;
    int r = fd_engine_snapshot(engine, &candidates.snapshot, fault);
    if (r < 0)
        return r;
    candidates.memory->by_prompt = by_prompt || strategy->uses_targets;
    r = fill(engine, request, seed, strategy->is_random, &candidates, fault);
    if (r == 0 && strategy->uses_targets && request->target == FD_TARGET_IN_PROMPT)
        r = find_targets(engine, strategy->whole_prompts, seed, &candidates);
    if (r == 0 && strategy->uses_targets && style_of(engine, request) == FD_STYLE_EXCLUDE)
        r = leave_style_out(request, seed, &candidates, fault);
    if (r < 0)
        return r;
    *ret = candidates;
    memset(&candidates, 0, sizeof(candidates));
    return 0;
}

void fd_candidates_clear(fd_candidates *candidates) {
    struct fd_candidates_memory *memory = candidates->memory;
    if (memory) {
        fd_item_rows_clear(&memory->pairs);
        fd_candidate_sample_clear(&memory->sample);
        fd_candidate_rows_clear(&memory->built);
        fd_target_sample_clear(&memory->targets);
        fd_content_targets_clear(&memory->contents);
        fd_pair_set_clear(&memory->unwanted);
        free(memory->listed);
        free(memory->numbers);
        free(memory->prompts);
        free(memory->rewards);
        free(memory->excluded);
        free(memory);
    }
    fi_information_free(candidates->past);
    fi_information_free(candidates->prior);
    fd_snapshot_free(candidates->snapshot);
    memset(candidates, 0, sizeof(*candidates));
}
