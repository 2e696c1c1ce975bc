/*
 * The item table: all items in memory, by index, by id and by prompt.
 *
 * It only grows. Adding takes two steps, so that nothing can fail once the store has committed: the
 * step that can fail (make entries, reserve room) comes before the commit, the step that cannot
 * (link the entries) comes after it. Both run under the engine's state lock, except that a larger
 * index by id, which takes long to fill, is made before the lock is taken.
 */
#ifndef FD_ITEM_TABLE_H
#define FD_ITEM_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "hash.h"
#include "item_texts.h"
#include "macros.h"
#include "store_rows.h"

typedef struct fd_prompt {
    char *id;
    uint32_t index;
    size_t count;
    size_t promised; /* items that have room here, whether they were added or not */
    size_t capacity;
    uint32_t *items; /* [count] indices, in the order of arrival */
    UT_hash_handle hh;
} fd_prompt;

typedef struct fd_item_entry {
    char *id; /* lives as long as the table */
    uint32_t index;
    uint32_t shown_bytes; /* of what annotators see of it, as JSON: at most this many */
    fd_prompt *prompt;
    fd_item_texts texts;
} fd_item_entry;

/* Items by id. */
typedef struct fd_item_index {
    size_t n_slots;  /* 0, or a power of two: at least twice the items with room */
    uint32_t *by_id; /* [n_slots] by the hash of the id: the index plus one; 0: empty */
} fd_item_index;

typedef struct fd_item_table {
    size_t count;
    size_t capacity;
    fd_item_entry **entries; /* [count], by index */
    size_t with_text;        /* items whose response has more than white space */
    fd_item_index index;
    size_t prompt_count;
    size_t prompt_capacity;
    fd_prompt **prompts; /* [prompt_count], in the order of arrival */
    fd_prompt *prompt_by_id;
    uint64_t pairs; /* of two items of the same prompt */
    size_t sums_capacity;
    uint64_t *pair_sums; /* [prompt_count] those pairs by prompt, as a Fenwick tree */
    size_t paired_count;
    size_t paired_capacity;
    uint32_t *paired; /* [paired_count] the prompts with two items or more, by their second item */
} fd_item_table;

/* Makes the entry of an item that is not in the table yet. */
int fd_item_entry_new(const fd_item_row *row, fd_item_entry **ret) FD_MUST_CHECK;
void fd_item_entry_free(fd_item_entry *entry);
FD_DEFINE_CLEANUP(fd_item_entry, fd_item_entry_free)

/* Makes a larger index if the table needs one for `extra` more items; otherwise *ret is empty. The
 * only thread that changes the table may call it without the lock. */
int fd_item_index_new(const fd_item_table *table, size_t extra, fd_item_index *ret) FD_MUST_CHECK;

/* Exchanges the table's index for a larger one, which no item was added to since it was made. */
void fd_item_index_exchange(fd_item_table *table, fd_item_index *index);
void fd_item_index_clear(fd_item_index *index);

/* Reserves room for `extra` items in all: n new entries, and those that were reserved earlier but
 * not added yet. Finds or makes the prompts of the new entries. A prompt whose entries are never
 * added stays in the table, empty. */
int fd_item_table_reserve(fd_item_table *table, size_t extra, fd_item_entry *const *entries,
                          const char *const *prompt_ids, size_t n) FD_MUST_CHECK;

/* Links an entry, for which room was reserved, as the next index. The table owns it from then on.
 */
void fd_item_table_add(fd_item_table *table, fd_item_entry *entry);

/* NULL if no item has the id. */
const fd_item_entry *fd_item_table_find(const fd_item_table *table, const char *id);

/* NULL if no item has the prompt. */
const fd_prompt *fd_item_table_find_prompt(const fd_item_table *table, const char *id);

/* The prompt of a pair of two items of the same prompt, whose number is below table->pairs. *number
 * becomes its number within the prompt. */
const fd_prompt *fd_item_table_prompt_of_pair(const fd_item_table *table, uint64_t *number);

void fd_item_table_clear(fd_item_table *table);

#endif
