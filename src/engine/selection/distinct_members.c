/* Looks each item up in a set of the hashes of those before it. */
#include "distinct_members.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "engine_state.h"
#include "thread.h"

/* Items that are looked at once: labels wait meanwhile. */
enum { ITEMS_AT_ONCE = 8192 };

struct hash_set {
    size_t n_slots;  /* a power of two, at least twice the members */
    uint64_t *slots; /* [n_slots]; 0: empty */
};

static void hash_set_clear(struct hash_set *set) {
    free(set->slots);
}

static uint64_t mix(uint64_t value) {
    value = (value ^ value >> 29) * 0x9e3779b97f4a7c15u;
    return value ^ value >> 32;
}

/* Returns whether the hash was in the set already. */
static bool add(struct hash_set *set, uint64_t hash) {
    hash = hash > 0 ? hash : 1;
    size_t i = (size_t)mix(hash) & (set->n_slots - 1);
    while (set->slots[i] > 0 && set->slots[i] != hash)
        i = (i + 1) & (set->n_slots - 1);
    bool found = set->slots[i] > 0;
    set->slots[i] = hash;
    return found;
}

/* What two items of a scope have in common if they show the same. */
static uint64_t likeness(const fd_item_entry *entry, fi_scope scope) {
    return scope == FI_SCOPE_WITHIN ? entry->texts.response ^ mix((uint64_t)entry->prompt + 1)
                                    : entry->texts.shown;
}

struct keeping {
    fd_engine *engine;
    fi_scope scope;
    uint32_t *items;
    size_t count, next, kept;
    struct hash_set seen;
};

/* Looks at items for a moment; false after the last one. */
static bool keep_some(struct keeping *keeping) {
    const fd_item_table *table = &keeping->engine->items;
    FD_READ_LOCKED(&keeping->engine->state_lock);
    for (size_t i = 0; i < ITEMS_AT_ONCE; i++) {
        if (keeping->next == keeping->count)
            return false;
        uint32_t item = keeping->items[keeping->next++];
        const fd_item_entry *entry = &table->entries[item];
        if (table->with_text == 0 || (entry->texts.response != FD_TEXT_ABSENT &&
                                      !add(&keeping->seen, likeness(entry, keeping->scope))))
            keeping->items[keeping->kept++] = item;
    }
    return true;
}

int fd_distinct_members_keep(fd_engine *engine, fi_scope scope, uint32_t *items, size_t *count) {
    FD_CLEANUP(hash_set_clear) struct hash_set seen = {.n_slots = 64};
    while (seen.n_slots < 2 * *count)
        seen.n_slots *= 2;
    seen.slots = calloc(seen.n_slots, sizeof(*seen.slots));
    if (!seen.slots)
        return -ENOMEM;
    struct keeping keeping = {
        .engine = engine, .scope = scope, .items = items, .count = *count, .seen = seen};
    while (keep_some(&keeping))
        continue;
    *count = keeping.kept;
    return 0;
}
