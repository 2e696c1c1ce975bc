/*
 * The history of what the extras of items come from: when each item came, and every change of a
 * score. It tells what a training may have seen.
 *
 * A model records when its training ended and how long it took, but not how many items and scores
 * it had read. The clock brackets both: a moment for what was there for sure, and one for what may
 * have been there.
 */
#ifndef FD_EXTRAS_HISTORY_H
#define FD_EXTRAS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "macros.h"
#include "score_table.h"
#include "store_rows.h"

typedef struct fd_score_change {
    uint32_t item;
    uint32_t name; /* its number */
    double value;  /* NaN: withdrawn */
    int64_t set_ms;
} fd_score_change;

typedef struct fd_extras_history {
    size_t n_items;
    size_t item_capacity;
    int64_t *item_ms; /* [n_items] */
    size_t n_changes;
    size_t change_capacity;
    fd_score_change *changes; /* [n_changes] */
    fd_score_names names;
    bool went_back; /* the clock was set back between two items, or between two changes */
} fd_extras_history;

/* How many items and changes of scores there were. */
typedef struct fd_moment {
    size_t items;
    size_t changes;
} fd_moment;

int fd_extras_history_add_item(fd_extras_history *history, int64_t created_ms) FD_MUST_CHECK;

/* -EBADMSG for a score of an unknown item, or with a name that it may not have. */
int fd_extras_history_add_score(fd_extras_history *history, const fd_score_row *row) FD_MUST_CHECK;

/* What was there when the training of the model read its data: at least `early`, at most `late`. */
void fd_extras_history_find(const fd_extras_history *history, const fd_model_row *model,
                            fd_moment *ret_early, fd_moment *ret_late);

fd_moment fd_extras_history_now(const fd_extras_history *history);

/* The scores of a moment; clear the table in any case. -ENOMEM. */
int fd_extras_history_scores(const fd_extras_history *history, fd_moment moment,
                             fd_score_table *ret) FD_MUST_CHECK;

void fd_extras_history_clear(fd_extras_history *history);

#endif
