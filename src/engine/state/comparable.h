/*
 * Which pairs people can compare. A person who sees only one text, or twice the same, has nothing
 * to compare. Where any item has a text, a pair is therefore comparable only if both responses have
 * one and the two differ in more than white space at their ends. An empty response is a text, for a
 * model may say nothing; an absent one (null) is not. Across prompts, equal responses are
 * comparable if the prompts' texts differ. Where no item has a text, the client shows the texts,
 * and every pair is comparable.
 *
 * Texts are compared by hashes of 64 bits. The state lock is held by the caller, unless said
 * otherwise.
 */
#ifndef FD_COMPARABLE_H
#define FD_COMPARABLE_H

#include <fisher/model.h>
#include <stdbool.h>

#include "engine_options.h"
#include "item_table.h"

/* Whether both have texts, and different ones. */
bool fd_items_differ(const fd_item_entry *a, const fd_item_entry *b);

bool fd_pair_is_comparable(const fd_item_table *table, fi_pair pair);

/* Whether any pair of a scope is comparable. It looks at items until it finds one. */
bool fd_any_pair_is_comparable(const fd_item_table *table, fi_scope scope);

typedef struct fd_incomparable_counts {
    uint64_t items_without_text;
    uint64_t pairs_without_text;   /* of the same prompt, of such an item */
    uint64_t pairs_of_equal_texts; /* of the same prompt */
} fd_incomparable_counts;

/* Counts what is not comparable; all zero where no item has a text. It takes the state lock for a
 * moment at a time. */
int fd_incomparable_count(fd_engine *engine, fd_incomparable_counts *ret) FD_MUST_CHECK;

#endif
