/* The item table: an open-addressing index by id, and the lists of the prompts. */
#include "item_table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "array.h"
#include "text_hash.h"

/* ---- index by id ---- */

/* The slot of an item, or the empty one that it would get. */
static uint32_t *slot_of(const fd_item_table *table, const char *id) {
    uint64_t hash = fd_text_hash(FD_TEXT_HASH_START, id);
    size_t i = (size_t)(hash >> 20) & (table->n_slots - 1);
    while (table->by_id[i] > 0 && strcmp(table->entries[table->by_id[i] - 1]->id, id) != 0)
        i = (i + 1) & (table->n_slots - 1);
    return &table->by_id[i];
}

static int reserve_slots(fd_item_table *table, size_t extra) {
    size_t n_slots = table->n_slots > 0 ? table->n_slots : 64;
    while ((table->count + extra) * 2 > n_slots)
        n_slots *= 2;
    if (n_slots == table->n_slots)
        return 0;
    uint32_t *slots = calloc(n_slots, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    free(table->by_id);
    table->by_id = slots;
    table->n_slots = n_slots;
    for (size_t i = 0; i < table->count; i++)
        *slot_of(table, table->entries[i]->id) = (uint32_t)i + 1;
    return 0;
}

/* ---- items ---- */

/* A character takes at most six bytes: \u001f. */
static size_t json_bytes(const char *text) {
    size_t bytes = 8;
    for (const unsigned char *c = (const unsigned char *)text; c && *c; c++)
        bytes += *c < 0x20 ? 6 : *c == '"' || *c == '\\' ? 2 : 1;
    return bytes;
}

static uint32_t count_shown_bytes(const fd_item_row *row) {
    enum { MEMBERS = 64 };
    size_t bytes = MEMBERS + json_bytes(row->id) + json_bytes(row->prompt_id) +
                   json_bytes(row->prompt) + json_bytes(row->response);
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

int fd_item_entry_new(const fd_item_row *row, fd_item_entry **ret) {
    FD_CLEANUP(fd_item_entry_freep) fd_item_entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        return -ENOMEM;
    entry->shown_bytes = count_shown_bytes(row);
    entry->id = strdup(row->id);
    if (!entry->id)
        return -ENOMEM;
    *ret = FD_STEAL(entry);
    return 0;
}

void fd_item_entry_free(fd_item_entry *entry) {
    free(entry->id);
    free(entry);
}

static int find_or_add_prompt(fd_item_table *table, const char *id, fd_prompt **ret) {
    fd_prompt *prompt;
    HASH_FIND_STR(table->prompt_by_id, id, prompt);
    if (prompt) {
        *ret = prompt;
        return 0;
    }

    int r = fd_array_reserve(&table->prompts, &table->prompt_capacity, table->prompt_count + 1,
                             sizeof(fd_prompt *));
    if (r < 0)
        return r;
    prompt = calloc(1, sizeof(*prompt));
    if (!prompt)
        return -ENOMEM;
    prompt->id = strdup(id);
    if (!prompt->id) {
        free(prompt);
        return -ENOMEM;
    }
    HASH_ADD_KEYPTR(hh, table->prompt_by_id, prompt->id, strlen(prompt->id), prompt);
    if (!prompt->hh.tbl) {
        free(prompt->id);
        free(prompt);
        return -ENOMEM;
    }
    prompt->index = (uint32_t)table->prompt_count;
    table->prompts[table->prompt_count++] = prompt;
    *ret = prompt;
    return 0;
}

int fd_item_table_reserve(fd_item_table *table, size_t extra, fd_item_entry *const *entries,
                          const char *const *prompt_ids, size_t n) {
    int r = fd_array_reserve(&table->entries, &table->capacity, table->count + extra,
                             sizeof(fd_item_entry *));
    if (r == 0)
        r = reserve_slots(table, extra);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        fd_prompt *prompt;
        r = find_or_add_prompt(table, prompt_ids[i], &prompt);
        if (r < 0)
            return r;
        r = fd_array_reserve(&prompt->items, &prompt->capacity, prompt->promised + 1,
                             sizeof(uint32_t));
        if (r < 0)
            return r;
        prompt->promised++;
        entries[i]->prompt = prompt;
    }
    return 0;
}

void fd_item_table_add(fd_item_table *table, fd_item_entry *entry) {
    assert(table->count < table->capacity && table->count * 2 < table->n_slots);
    entry->index = (uint32_t)table->count;
    table->entries[table->count++] = entry;
    *slot_of(table, entry->id) = (uint32_t)table->count;

    fd_prompt *prompt = entry->prompt;
    assert(prompt->count < prompt->promised);
    prompt->items[prompt->count++] = entry->index;
}

const fd_item_entry *fd_item_table_find(const fd_item_table *table, const char *id) {
    uint32_t number = table->n_slots > 0 ? *slot_of(table, id) : 0;
    return number > 0 ? table->entries[number - 1] : NULL;
}

void fd_item_table_clear(fd_item_table *table) {
    HASH_CLEAR(hh, table->prompt_by_id);
    for (size_t i = 0; i < table->count; i++)
        fd_item_entry_free(table->entries[i]);
    for (size_t i = 0; i < table->prompt_count; i++) {
        free(table->prompts[i]->items);
        free(table->prompts[i]->id);
        free(table->prompts[i]);
    }
    free(table->entries);
    free(table->by_id);
    free(table->prompts);
    memset(table, 0, sizeof(*table));
}
