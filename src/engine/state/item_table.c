/* The item table: an open-addressing index by id, and the lists of the prompts. */
#include "item_table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "array.h"
#include "text_hash.h"

/* ---- index by id ---- */

/* The slot of an id, or the empty one that it would get. */
static uint32_t *slot_of(const fd_item_table *table, const fd_item_index *index, const char *id) {
    uint64_t hash = fd_text_hash(FD_TEXT_HASH_START, id);
    size_t i = (size_t)(hash >> 20) & (index->n_slots - 1);
    while (index->by_id[i] > 0 && strcmp(table->entries[index->by_id[i] - 1]->id, id) != 0)
        i = (i + 1) & (index->n_slots - 1);
    return &index->by_id[i];
}

int fd_item_index_new(const fd_item_table *table, size_t extra, fd_item_index *ret) {
    size_t n_slots = table->index.n_slots > 0 ? table->index.n_slots : 64;
    while ((table->count + extra) * 2 > n_slots)
        n_slots *= 2;
    *ret = (fd_item_index){0};
    if (n_slots == table->index.n_slots)
        return 0;
    fd_item_index larger = {n_slots, calloc(n_slots, sizeof(*larger.by_id))};
    if (!larger.by_id)
        return -ENOMEM;
    for (size_t i = 0; i < table->count; i++)
        *slot_of(table, &larger, table->entries[i]->id) = (uint32_t)i + 1;
    *ret = larger;
    return 0;
}

void fd_item_index_exchange(fd_item_table *table, fd_item_index *index) {
    fd_item_index before = table->index;
    if (index->n_slots == 0)
        return;
    table->index = *index;
    *index = before;
}

void fd_item_index_clear(fd_item_index *index) {
    free(index->by_id);
    *index = (fd_item_index){0};
}

static int reserve_slots(fd_item_table *table, size_t extra) {
    fd_item_index index;
    int r = fd_item_index_new(table, extra, &index);
    if (r < 0)
        return r;
    fd_item_index_exchange(table, &index);
    fd_item_index_clear(&index);
    return 0;
}

/* ---- pairs within prompts ---- */

static size_t lowest_bit(size_t i) {
    return i & -i;
}

/* The sum at a new place, from 1, at the end of the tree: the place itself counts 0. */
static uint64_t sum_at_end(const fd_item_table *table, size_t place) {
    uint64_t sum = 0;
    for (size_t i = place - 1; i > place - lowest_bit(place); i -= lowest_bit(i))
        sum += table->pair_sums[i - 1];
    return sum;
}

/* An item was added to a prompt that had `before`. */
static void count_pairs(fd_item_table *table, const fd_prompt *prompt, size_t before) {
    for (size_t i = (size_t)prompt->index + 1; i <= table->prompt_count; i += lowest_bit(i))
        table->pair_sums[i - 1] += before;
    table->pairs += before;
    if (before == 1)
        table->paired[table->paired_count++] = prompt->index;
}

const fd_prompt *fd_item_table_prompt_of_pair(const fd_item_table *table, uint64_t *number) {
    size_t place = 0, step = 1;
    assert(*number < table->pairs);
    while (step <= table->prompt_count / 2)
        step *= 2;
    for (; step > 0; step /= 2)
        if (place + step <= table->prompt_count && table->pair_sums[place + step - 1] <= *number) {
            place += step;
            *number -= table->pair_sums[place - 1];
        }
    return table->prompts[place];
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
    entry->texts = fd_item_texts_of(row);
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

    size_t count = table->prompt_count + 1;
    int r = fd_array_reserve(&table->prompts, &table->prompt_capacity, count, sizeof(fd_prompt *));
    if (r == 0)
        r = fd_array_reserve(&table->pair_sums, &table->sums_capacity, count,
                             sizeof(*table->pair_sums));
    if (r == 0)
        r = fd_array_reserve(&table->paired, &table->paired_capacity, count,
                             sizeof(*table->paired));
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
    table->pair_sums[prompt->index] = sum_at_end(table, count);
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
    assert(table->count < table->capacity && table->count * 2 < table->index.n_slots);
    entry->index = (uint32_t)table->count;
    table->entries[table->count++] = entry;
    table->with_text += entry->texts.response > FD_TEXT_BLANK;
    *slot_of(table, &table->index, entry->id) = (uint32_t)table->count;

    fd_prompt *prompt = entry->prompt;
    assert(prompt->count < prompt->promised);
    prompt->items[prompt->count] = entry->index;
    count_pairs(table, prompt, prompt->count++);
}

const fd_item_entry *fd_item_table_find(const fd_item_table *table, const char *id) {
    uint32_t number = table->index.n_slots > 0 ? *slot_of(table, &table->index, id) : 0;
    return number > 0 ? table->entries[number - 1] : NULL;
}

const fd_prompt *fd_item_table_find_prompt(const fd_item_table *table, const char *id) {
    fd_prompt *prompt;
    HASH_FIND_STR(table->prompt_by_id, id, prompt);
    return prompt && prompt->count > 0 ? prompt : NULL;
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
    fd_item_index_clear(&table->index);
    free(table->prompts);
    free(table->pair_sums);
    free(table->paired);
    memset(table, 0, sizeof(*table));
}
