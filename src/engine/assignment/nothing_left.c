/* Finds out why an annotator got no pair. */
#include "nothing_left.h"

#include "assignments_state.h"
#include "comparable.h"
#include "engine_state.h"
#include "thread.h"

/* A prompt whose first items were never stored is empty. */
static bool has_two_prompts(const fd_item_table *items) {
    size_t found = 0;
    for (size_t i = 0; i < items->prompt_count && found < 2; i++)
        found += items->prompts[i].count > 0;
    return found == 2;
}

static bool has_pairs(fd_engine *engine) {
    const fd_item_table *items = &engine->items;
    FD_READ_LOCKED(&engine->state_lock);
    switch (engine->options.candidates.scope) {
    case FI_SCOPE_WITHIN:
        return items->pairs > 0;
    case FI_SCOPE_ACROSS:
        return has_two_prompts(items);
    default:
        return items->count > 1;
    }
}

static bool has_comparable_pairs(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return fd_any_pair_is_comparable(&engine->items, engine->options.candidates.scope);
}

fd_nothing_left fd_engine_nothing_left(fd_engine *engine) {
    const fd_assignments *assignments = engine->assignments;
    if (!has_pairs(engine))
        return FD_NOTHING_TO_COMPARE;
    if (!has_comparable_pairs(engine))
        return FD_NOTHING_COMPARABLE;
    FD_LOCKED(&engine->assignments->lock);
    if (assignments->is_searching && !fd_assignments_used_up(assignments))
        return FD_NOTHING_FOUND_YET;
    if (HASH_COUNT(assignments->leases.by_id) > 0)
        return FD_NOTHING_BUT_OTHERS;
    size_t ready = assignments->unfinished.count;
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        ready += assignments->ready.arms[arm].count;
    return ready > 0 ? FD_NOTHING_NEW : FD_NOTHING_BUT_ANSWERED;
}
