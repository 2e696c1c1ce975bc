/*
 * What requests take of memory beside each other: large bodies, what is read from them, and answers
 * that their clients have not taken yet. Small ones do not count, so that nothing is in their way.
 */
#ifndef FD_MEMORY_BUDGET_H
#define FD_MEMORY_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "macros.h"
#include "metrics.h"

enum { FD_MEMORY_BUDGET_SMALL = 64 << 10 }; /* bytes of a body or an answer that do not count */

typedef struct fd_memory_budget {
    size_t limit; /* bytes */
    fd_metrics *metrics;
    atomic_size_t taken;
} fd_memory_budget;

/* Each keeps in *held what one request has. False: that is beyond the limit, and nothing is taken.
 */
bool fd_memory_budget_take(fd_memory_budget *memory, size_t *held, size_t bytes) FD_MUST_CHECK;
void fd_memory_budget_hold(fd_memory_budget *memory, size_t *held,
                           size_t bytes);                                /* it is there already */
void fd_memory_budget_give_back(fd_memory_budget *memory, size_t *held); /* all of it */

#endif
