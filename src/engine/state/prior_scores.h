/* Prior scores of items: set and read. What is trusted about them is in the project's settings. */
#ifndef FD_PRIOR_SCORES_H
#define FD_PRIOR_SCORES_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "store_rows.h"
#include "text_rules.h"

/* The scores to set of one item. */
typedef struct fd_scores_of_item {
    const char *id;
    const fd_item_score *scores; /* [n] */
    size_t n;
} fd_scores_of_item;

typedef struct fd_scores_set {
    size_t changed;
    size_t unchanged;
} fd_scores_set;

/* Sets scores of items, all or none; scores that are not named stay. The last one of an item and a
 * name counts. -ENOENT with a fault for an item that does not exist, whose pointer goes into a list
 * "items"; -EINVAL with a fault for one name too many. */
int fd_engine_scores_set(fd_engine *engine, const fd_scores_of_item *items, size_t n,
                         fd_scores_set *ret, fd_fault *fault) FD_MUST_CHECK;

/* The scores that an item has, in the order of their names; returns how many. The names live as
 * long as the engine. */
size_t fd_engine_item_scores(fd_engine *engine, uint32_t item,
                             fd_item_score ret[static FD_SCORE_NAMES_MAX]);

/* How many items have each score, in the order of the names. */
typedef struct fd_score_counts {
    size_t items; /* all */
    size_t n;
    const char *names[FD_SCORE_NAMES_MAX]; /* live as long as the engine */
    size_t counts[FD_SCORE_NAMES_MAX];
} fd_score_counts;
fd_score_counts fd_engine_score_counts(fd_engine *engine);

#endif
