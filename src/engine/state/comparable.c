/* Compares the texts of items by their hashes. */
#include "comparable.h"

#include <errno.h>
#include <string.h>

#include "array.h"
#include "engine_state.h"
#include "thread.h"

bool fd_items_differ(const fd_item_entry *a, const fd_item_entry *b) {
    if (a->texts.response == FD_TEXT_ABSENT || b->texts.response == FD_TEXT_ABSENT)
        return false;
    return a->prompt == b->prompt ? a->texts.response != b->texts.response
                                  : a->texts.shown != b->texts.shown;
}

bool fd_pair_is_comparable(const fd_item_table *table, fi_pair pair) {
    return table->with_text == 0 ||
           fd_items_differ(&table->entries[pair.a], &table->entries[pair.b]);
}

/* ---- any pair ---- */

/* If no item differs from the first one with a text, all with a text are equal. */
static bool any_differs(const fd_item_entry *entries, const uint32_t *items, size_t n) {
    const fd_item_entry *first = NULL;
    for (size_t i = 0; i < n; i++) {
        const fd_item_entry *entry = &entries[items ? items[i] : i];
        if (!first)
            first = entry->texts.response != FD_TEXT_ABSENT ? entry : NULL;
        else if (fd_items_differ(first, entry))
            return true;
    }
    return false;
}

/* Of two items that differ, one differs from any item of another prompt. */
static bool any_differs_across(const fd_item_entry *entries, size_t n) {
    const fd_item_entry *first = NULL;
    bool differs = false, other = false;
    for (size_t i = 0; i < n && !(differs && other); i++) {
        if (entries[i].texts.response == FD_TEXT_ABSENT)
            continue;
        first = first ? first : &entries[i];
        differs |= entries[i].texts.shown != first->texts.shown;
        other |= entries[i].prompt != first->prompt;
    }
    return differs && other;
}

bool fd_any_pair_is_comparable(const fd_item_table *table, fi_scope scope) {
    if (table->with_text == 0)
        return true;
    if (scope == FI_SCOPE_ANY)
        return any_differs(table->entries, NULL, table->count);
    if (scope == FI_SCOPE_ACROSS)
        return any_differs_across(table->entries, table->count);
    for (size_t i = 0; i < table->paired_count; i++) {
        const fd_prompt *prompt = &table->prompts[table->paired[i]];
        if (any_differs(table->entries, fd_prompt_items(prompt), prompt->count))
            return true;
    }
    return false;
}

/* ---- counts ---- */

/* Items that are copied at once: labels wait meanwhile. */
enum { ITEMS_AT_ONCE = 8192 };

struct copying {
    fd_engine *engine;
    size_t prompt, item; /* the next one */
    size_t n, capacity;
    uint64_t *responses; /* [n] of the prompt that `item` belongs to, or belonged to */
    bool is_prompt_done;
};

/* Copies a part of a prompt's hashes. *ret_end: that was the last prompt. */
static int copy_some(struct copying *copying, bool *ret_end) {
    const fd_item_table *table = &copying->engine->items;
    FD_READ_LOCKED(&copying->engine->state_lock);
    *ret_end = table->with_text == 0 || copying->prompt == table->prompt_count;
    if (*ret_end)
        return 0;
    const fd_prompt *prompt = &table->prompts[copying->prompt];
    const uint32_t *items = fd_prompt_items(prompt);
    size_t left = prompt->count - copying->item, n = left < ITEMS_AT_ONCE ? left : ITEMS_AT_ONCE;
    int r = fd_array_reserve(&copying->responses, &copying->capacity, copying->n + n,
                             sizeof(*copying->responses));
    for (size_t i = 0; r == 0 && i < n; i++)
        copying->responses[copying->n++] = table->entries[items[copying->item++]].texts.response;
    copying->is_prompt_done = n == left;
    return r;
}

static int compare_hashes(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

static uint64_t pairs_of(uint64_t n) {
    return n > 0 ? n * (n - 1) / 2 : 0;
}

/* Items without a text come first, because their hash is the least. */
static void count_prompt(uint64_t *responses, size_t n, fd_incomparable_counts *counts) {
    if (n > 1)
        qsort(responses, n, sizeof(*responses), compare_hashes);
    size_t absent = 0;
    while (absent < n && responses[absent] == FD_TEXT_ABSENT)
        absent++;
    counts->items_without_text += absent;
    counts->pairs_without_text += pairs_of(n) - pairs_of(n - absent);
    for (size_t i = absent, same = 0; i < n; i++) {
        same = i > absent && responses[i] == responses[i - 1] ? same + 1 : 0;
        counts->pairs_of_equal_texts += same;
    }
}

static void copying_clear(struct copying *copying) {
    free(copying->responses);
}

int fd_incomparable_count(fd_engine *engine, fd_incomparable_counts *ret) {
    FD_CLEANUP(copying_clear) struct copying copying = {.engine = engine};
    bool end = false;
    *ret = (fd_incomparable_counts){0};
    for (;;) {
        int r = copy_some(&copying, &end);
        if (r < 0 || end)
            return r;
        if (!copying.is_prompt_done)
            continue;
        count_prompt(copying.responses, copying.n, ret);
        copying.prompt++;
        copying.item = copying.n = 0;
    }
}
