/*
 * The engine's tables in memory: items by id and by prompt, and the revisions of labels.
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
} fd_item_entry;

typedef struct fd_item_table {
    size_t count;
    size_t capacity;
    fd_item_entry **entries; /* [count], by index */
    size_t n_slots;  /* a power of two, at least twice the items that there is room for; or 0 */
    uint32_t *by_id; /* [n_slots] by the hash of the id: the item's index plus one; 0: none */
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

/*
 * One revision of a label, in the order of the history: its place there is its index plus one. What
 * counts follows from any first part of the list, so that a copy of one is consistent: the newest
 * revision in it of each label.
 */
typedef struct fd_label_revision {
    fi_pair pair;
    uint32_t label;     /* index of the label's revision 0 */
    uint32_t annotator; /* as the assignments number them */
    uint8_t preference; /* fd_preference */
    uint8_t newest;     /* of revision 0: the preference of the newest revision */
    int8_t information; /* 1: from here on the pair's information counts, -1: no longer, 0: as
                           before */
    bool held_out;      /* never trained on */
    uint16_t origin;    /* of revision 0: fd_origin, where the answer came from */
    int64_t created_ms;
    int64_t duration_ms; /* -1 if not known */
} fd_label_revision;

typedef struct fd_label_table {
    size_t count;
    size_t capacity;
    fd_label_revision *answers; /* [count] */
    size_t labels;              /* ids */
    size_t counting;            /* of them, labels whose newest revision teaches */
    fd_pair_set labelled;       /* a pair for each label that is not retracted, skips included */
    size_t by_preference[FD_PREFER_RETRACTED + 1]; /* labels by their newest revision */
} fd_label_table;

/* Whether an answer teaches: a skip and a retraction do not. */
static inline bool fd_preference_counts(fd_preference preference) {
    return preference == FD_PREFER_A || preference == FD_PREFER_B || preference == FD_PREFER_TIE;
}

/* What an answer teaches; 0.5 for one that does not count. */
static inline float fd_preference_probability(fd_preference preference) {
    return preference == FD_PREFER_A ? 1.0f : preference == FD_PREFER_B ? 0.0f : 0.5f;
}

int fd_label_table_reserve(fd_label_table *table, size_t extra) FD_MUST_CHECK;
/* The next revision, for which there is room; newest and information are set here. */
void fd_label_table_add(fd_label_table *table, const fd_label_revision *answer);

/* 1, -1 or 0 for a label that preferred `before` and now `after`. */
static inline int8_t fd_information_change(fd_preference before, fd_preference after) {
    return (int8_t)(fd_preference_counts(after) - fd_preference_counts(before));
}
void fd_label_table_clear(fd_label_table *table);

/* Whether a pair belongs to the share of pairs that is never trained on: decided by its ids alone,
 * so that neither order, time nor restart changes it. */
bool fd_pair_is_held_out(const char *a, const char *b, double fraction);

#endif
