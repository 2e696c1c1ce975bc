/*
 * The item table: all items in memory, by index, by id and by prompt.
 *
 * It only grows. Adding takes two steps, so that nothing can fail once the store has committed: the
 * step that can fail (make entries, reserve room) comes before the commit, the step that cannot
 * (add the entries) comes after it. Both run under the engine's state lock, except that ids are
 * copied, and a larger index by id, which takes long to fill, is made, before the lock is taken.
 *
 * Entries and prompts move as the table grows, so pointers to them are of use under the lock alone.
 * Ids never move, and live as long as the table.
 */
#ifndef FD_ITEM_TABLE_H
#define FD_ITEM_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "id_index.h"
#include "item_texts.h"
#include "macros.h"
#include "store_rows.h"
#include "text_arena.h"

enum { FD_PROMPT_FEW = 2 };

typedef struct fd_prompt {
    const char *id;
    uint32_t count;
    uint32_t promised; /* items that have room here, whether they were added or not */
    uint32_t capacity; /* FD_PROMPT_FEW: the items lie in `few` */
    union {
        uint32_t few[FD_PROMPT_FEW];
        uint32_t *many; /* [capacity] */
    };
} fd_prompt;

/* Indices of its items [count], in the order of arrival. */
static inline const uint32_t *fd_prompt_items(const fd_prompt *prompt) {
    return prompt->capacity > FD_PROMPT_FEW ? prompt->many : prompt->few;
}

typedef struct fd_item_entry {
    const char *id;
    uint32_t prompt;      /* its number in the table */
    uint32_t shown_bytes; /* of what annotators see of it, as JSON: at most this many */
    fd_item_texts texts;
} fd_item_entry;

/* Items by id, and prompts by id. */
typedef struct fd_item_index {
    fd_id_index items;
    fd_id_index prompts;
} fd_item_index;

typedef struct fd_item_table {
    size_t count;
    size_t capacity;
    fd_item_entry *entries; /* [count], by index */
    size_t with_text;       /* items whose response has more than white space */
    fd_item_index index;
    fd_text_arena ids;       /* of items */
    fd_text_place ids_added; /* behind the id of the last item */
    fd_text_arena prompt_ids;
    size_t prompt_count;
    size_t prompt_capacity;
    fd_prompt *prompts; /* [prompt_count], in the order of arrival */
    uint64_t pairs;     /* of two items of the same prompt */
    size_t sums_capacity;
    uint64_t *pair_sums; /* [prompt_count] those pairs by prompt, as a Fenwick tree */
    size_t paired_count;
    size_t paired_capacity;
    uint32_t *paired; /* [paired_count] the prompts with two items or more, by their second item */
} fd_item_table;

/* Makes the entry of an item that is not in the table yet, with room for its id. Only the thread
 * that changes the table calls it, and it needs no lock. -ENOMEM. */
int fd_item_entry_make(fd_item_table *table, const fd_item_row *row,
                       fd_item_entry *ret) FD_MUST_CHECK;

/* Takes back the room of all ids whose entries were made and not added. */
void fd_item_table_forget_made(fd_item_table *table);

/* Makes a larger index if the table needs one for `extra` more items and n more prompts; otherwise
 * *ret is empty. The only thread that changes the table may call it without the lock. */
int fd_item_index_new(const fd_item_table *table, size_t extra, size_t n,
                      fd_item_index *ret) FD_MUST_CHECK;

/* Exchanges the table's index for a larger one, which no item was added to since it was made. */
void fd_item_index_exchange(fd_item_table *table, fd_item_index *index);
void fd_item_index_clear(fd_item_index *index);

/* Reserves room for `extra` items in all: n new entries, and those that were reserved earlier but
 * not added yet. Finds or makes the prompts of the new entries; one with NULL has the number of its
 * prompt already. A prompt whose entries are never added stays in the table, empty. */
int fd_item_table_reserve(fd_item_table *table, size_t extra, fd_item_entry *entries,
                          const char *const *prompt_ids, size_t n) FD_MUST_CHECK;

/* Adds an entry, for which room was reserved, as the next index. */
void fd_item_table_add(fd_item_table *table, const fd_item_entry *entry);

/* FD_NO_ROW if no item has the id. */
uint32_t fd_item_table_find(const fd_item_table *table, const char *id);

/* NULL if no item has the prompt. */
const fd_prompt *fd_item_table_find_prompt(const fd_item_table *table, const char *id);

/* The number of a prompt of the table. */
static inline uint32_t fd_prompt_number(const fd_item_table *table, const fd_prompt *prompt) {
    return (uint32_t)(prompt - table->prompts);
}

/* The prompt of a pair of two items of the same prompt, whose number is below table->pairs. *number
 * becomes its number within the prompt. */
const fd_prompt *fd_item_table_prompt_of_pair(const fd_item_table *table, uint64_t *number);

void fd_item_table_clear(fd_item_table *table);

#endif
