/* The names of the scores of a project, numbered in the order in which they first appear. */
#ifndef FD_SCORE_NAMES_H
#define FD_SCORE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "macros.h"
#include "text_rules.h"

typedef struct fd_score_names {
    size_t count;
    char list[FD_SCORE_NAMES_MAX]
             [FD_SCORE_NAME_MAX + 1]; /* [count]; those behind have no meaning */
} fd_score_names;

/* Of -ENOSPC, for people, with the name. */
#define FD_SCORE_NAMES_FULL                                                                        \
    "the score \"%s\" would be one too many: a project has at most 16 names of scores"

/* Finds a name among the first `count`. -ENOENT. */
int fd_score_names_find(const fd_score_names *names, size_t count, const char *name,
                        uint32_t *ret) FD_MUST_CHECK;

/* Finds a name among the first *count, or adds it behind them, which `names->count` need not show
 * yet. -ENOSPC if there are too many, -EINVAL for a name that the rules refuse. */
int fd_score_names_take(fd_score_names *names, size_t *count, const char *name,
                        uint32_t *ret) FD_MUST_CHECK;

#endif
