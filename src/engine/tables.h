/*
 * The engine's tables in memory: items by id and by prompt, and the answers that count.
 *
 * Both only grow. Adding is in two steps, so that nothing can fail once the store has committed:
 * the fallible one (make entries, reserve room) before, the infallible one (link them) after, each
 * under the engine's state lock.
 */
#ifndef FD_TABLES_H
#define FD_TABLES_H

#include <fisher/model.h>
#include <stdbool.h>

#include "macros.h"
#include "pair_set.h"
#include "store.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* ---- items ---- */

typedef struct fd_prompt {
    char *id;
    uint32_t index;
    size_t count;
    size_t promised; /* items that room was made for, whether they came or not */
    size_t capacity;
    uint32_t *items; /* [count] indices */
    UT_hash_handle hh;
} fd_prompt;

typedef struct fd_item_entry {
    char *id; /* lives as long as the table */
    uint32_t index;
    fd_prompt *prompt;
    UT_hash_handle hh;
} fd_item_entry;

typedef struct fd_item_table {
    size_t count;
    size_t capacity;
    fd_item_entry **entries; /* [count], by index */
    fd_item_entry *by_id;
    size_t prompt_count;
    size_t prompt_capacity;
    fd_prompt **prompts; /* [prompt_count], in the order of arrival */
    fd_prompt *prompt_by_id;
} fd_item_table;

/* Makes the entry of an item that is not in the table yet. */
int fd_item_entry_new(const fd_item_row *row, fd_item_entry **ret) FD_MUST_CHECK;
void fd_item_entry_free(fd_item_entry *entry);
FD_DEFINE_CLEANUP(fd_item_entry, fd_item_entry_free)

/* Finds or makes the prompt of n entries and reserves room for them and, with earlier ones that are
 * reserved but not added yet, `extra` in all. A prompt whose entries never follow stays, empty. */
int fd_item_table_reserve(fd_item_table *table, size_t extra, fd_item_entry *const *entries,
                          const char *const *prompt_ids, size_t n) FD_MUST_CHECK;

/* Links an entry, for which there is room, as the next index. The entry becomes the table's. */
void fd_item_table_add(fd_item_table *table, fd_item_entry *entry);

/* NULL if there is none. */
const fd_item_entry *fd_item_table_find(const fd_item_table *table, const char *id);

void fd_item_table_clear(fd_item_table *table);

/* ---- answers ---- */

typedef struct fd_answer {
    fi_pair pair;
    float target;  /* 1: a preferred, 0: b, 0.5: tie */
    bool held_out; /* never trained on */
} fd_answer;

typedef struct fd_answer_table {
    size_t count;
    size_t capacity;
    fd_answer *answers;   /* [count], in the order of the history, without skips */
    fd_pair_set labelled; /* every pair that has a label, skips included */
    size_t by_preference[FD_PREFER_RETRACTED];
} fd_answer_table;

/* What an answer teaches; a skip teaches nothing and has 0.5. */
static inline float fd_preference_target(fd_preference preference) {
    return preference == FD_PREFER_A ? 1.0f : preference == FD_PREFER_B ? 0.0f : 0.5f;
}

int fd_answer_table_reserve(fd_answer_table *table, size_t extra) FD_MUST_CHECK;
void fd_answer_table_add(fd_answer_table *table, const fd_answer *answer, fd_preference preference);
void fd_answer_table_clear(fd_answer_table *table);

/* Whether a pair belongs to the share of pairs that is never trained on: decided by its ids alone,
 * so that neither order, time nor restart changes it. */
bool fd_pair_is_held_out(const char *a, const char *b, double fraction);

#endif
