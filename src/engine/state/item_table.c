/* The item table: the indices by id, and the lists of the prompts. */
#include "item_table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "array.h"

/* ---- index by id ---- */

static fd_id_rows rows_of_items(const fd_item_table *table) {
    return (fd_id_rows){table->entries, sizeof(*table->entries)};
}

static fd_id_rows rows_of_prompts(const fd_item_table *table) {
    return (fd_id_rows){table->prompts, sizeof(*table->prompts)};
}

int fd_item_index_new(const fd_item_table *table, size_t extra, size_t n, fd_item_index *ret) {
    *ret = (fd_item_index){0};
    int r = fd_id_index_enlarge(&table->index.items, rows_of_items(table), table->count, extra,
                                &ret->items);
    if (r == 0)
        r = fd_id_index_enlarge(&table->index.prompts, rows_of_prompts(table), table->prompt_count,
                                n, &ret->prompts);
    if (r < 0)
        fd_item_index_clear(ret);
    return r;
}

void fd_item_index_exchange(fd_item_table *table, fd_item_index *index) {
    fd_id_index_exchange(&table->index.items, &index->items);
    fd_id_index_exchange(&table->index.prompts, &index->prompts);
}

void fd_item_index_clear(fd_item_index *index) {
    fd_id_index_clear(&index->items);
    fd_id_index_clear(&index->prompts);
}

static int reserve_index(fd_item_table *table, size_t extra, size_t n) {
    fd_item_index index;
    int r = fd_item_index_new(table, extra, n, &index);
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
static void count_pairs(fd_item_table *table, uint32_t prompt, size_t before) {
    for (size_t i = (size_t)prompt + 1; i <= table->prompt_count; i += lowest_bit(i))
        table->pair_sums[i - 1] += before;
    table->pairs += before;
    if (before == 1)
        table->paired[table->paired_count++] = prompt;
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
    return &table->prompts[place];
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

int fd_item_entry_make(fd_item_table *table, const fd_item_row *row, fd_item_entry *ret) {
    *ret = (fd_item_entry){
        .shown_bytes = count_shown_bytes(row),
        .texts = fd_item_texts_of(row),
    };
    return fd_text_arena_add(&table->ids, row->id, &ret->id);
}

void fd_item_table_forget_made(fd_item_table *table) {
    fd_text_arena_rewind(&table->ids, table->ids_added);
}

static int reserve_prompts(fd_item_table *table, size_t count) {
    int r =
        fd_array_reserve(&table->prompts, &table->prompt_capacity, count, sizeof(*table->prompts));
    if (r == 0)
        r = fd_array_reserve(&table->pair_sums, &table->sums_capacity, count,
                             sizeof(*table->pair_sums));
    if (r == 0)
        r = fd_array_reserve(&table->paired, &table->paired_capacity, count,
                             sizeof(*table->paired));
    return r;
}

static int find_or_add_prompt(fd_item_table *table, const char *id, uint32_t *ret) {
    size_t count = table->prompt_count;
    *ret = fd_id_index_find(&table->index.prompts, rows_of_prompts(table), id);
    if (*ret != FD_NO_ROW)
        return 0;
    const char *kept;
    int r = reserve_prompts(table, count + 1);
    if (r == 0)
        r = fd_text_arena_add(&table->prompt_ids, id, &kept);
    if (r < 0)
        return r;
    *ret = (uint32_t)count;
    table->prompts[count] = (fd_prompt){.id = kept, .capacity = FD_PROMPT_FEW};
    table->pair_sums[count] = sum_at_end(table, count + 1);
    table->prompt_count++;
    fd_id_index_add(&table->index.prompts, kept, *ret);
    return 0;
}

/* Promises room for one more item. */
static int promise(fd_prompt *prompt) {
    uint32_t *many = prompt->capacity > FD_PROMPT_FEW ? prompt->many : NULL;
    if (prompt->promised == prompt->capacity) {
        uint32_t capacity = 2 * prompt->capacity;
        uint32_t *grown = reallocarray(many, capacity, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        if (!many)
            memcpy(grown, prompt->few, sizeof(prompt->few));
        prompt->many = grown;
        prompt->capacity = capacity;
    }
    prompt->promised++;
    return 0;
}

int fd_item_table_reserve(fd_item_table *table, size_t extra, fd_item_entry *entries,
                          const char *const *prompt_ids, size_t n) {
    int r = fd_array_reserve(&table->entries, &table->capacity, table->count + extra,
                             sizeof(*table->entries));
    if (r == 0)
        r = reserve_index(table, extra, n);
    for (size_t i = 0; i < n && r == 0; i++) {
        r = prompt_ids[i] ? find_or_add_prompt(table, prompt_ids[i], &entries[i].prompt) : 0;
        if (r == 0)
            r = promise(&table->prompts[entries[i].prompt]);
    }
    return r;
}

void fd_item_table_add(fd_item_table *table, const fd_item_entry *entry) {
    uint32_t index = (uint32_t)table->count;
    assert(table->count < table->capacity && table->count < table->index.items.n_slots);
    table->entries[table->count++] = *entry;
    table->with_text += entry->texts.response > FD_TEXT_BLANK;
    table->ids_added = fd_text_arena_behind(&table->ids, table->ids_added, entry->id);
    fd_id_index_add(&table->index.items, entry->id, index);

    fd_prompt *prompt = &table->prompts[entry->prompt];
    uint32_t *items = prompt->capacity > FD_PROMPT_FEW ? prompt->many : prompt->few;
    assert(prompt->count < prompt->promised);
    items[prompt->count] = index;
    count_pairs(table, entry->prompt, prompt->count++);
}

uint32_t fd_item_table_find(const fd_item_table *table, const char *id) {
    return fd_id_index_find(&table->index.items, rows_of_items(table), id);
}

const fd_prompt *fd_item_table_find_prompt(const fd_item_table *table, const char *id) {
    uint32_t number = fd_id_index_find(&table->index.prompts, rows_of_prompts(table), id);
    return number != FD_NO_ROW && table->prompts[number].count > 0 ? &table->prompts[number] : NULL;
}

void fd_item_table_clear(fd_item_table *table) {
    for (size_t i = 0; i < table->prompt_count; i++)
        if (table->prompts[i].capacity > FD_PROMPT_FEW)
            free(table->prompts[i].many);
    free(table->entries);
    fd_item_index_clear(&table->index);
    fd_text_arena_clear(&table->ids);
    fd_text_arena_clear(&table->prompt_ids);
    free(table->prompts);
    free(table->pair_sums);
    free(table->paired);
    memset(table, 0, sizeof(*table));
}
