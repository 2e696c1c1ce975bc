/*
 * The scores of all items in memory: a column for each name. The engine's state lock guards it.
 *
 * A score of an item may be missing. As with the item table, making room comes before the commit
 * and can fail; setting comes after it and cannot. Both run under the lock.
 */
#ifndef FD_SCORE_TABLE_H
#define FD_SCORE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "macros.h"
#include "score_names.h"

typedef struct fd_score_column {
    size_t count; /* items that have the score */
    size_t capacity;
    double *values; /* [capacity] by item; NaN: missing, as are all behind */
} fd_score_column;

typedef struct fd_score_table {
    fd_score_names names;
    fd_score_column columns[FD_SCORE_NAMES_MAX]; /* [names.count] */
    uint64_t changes; /* values set since the start: whoever keeps copies sees that they are old */
} fd_score_table;

/* Makes room for a score of the item. `name` may be one that is not counted yet. -ENOMEM. */
int fd_score_table_reserve(fd_score_table *table, uint32_t name, uint32_t item) FD_MUST_CHECK;

/* Sets a score for which there is room; NaN withdraws it. */
void fd_score_table_set(fd_score_table *table, uint32_t name, uint32_t item, double value);

/* NaN: missing. */
double fd_score_table_at(const fd_score_table *table, uint32_t name, uint32_t item);

/* Copies the scores of n items, from `first`, as rows: values [n x names.count]; NaN: missing. */
void fd_score_table_rows(const fd_score_table *table, uint32_t first, size_t n, float *values);

void fd_score_table_clear(fd_score_table *table);

#endif
