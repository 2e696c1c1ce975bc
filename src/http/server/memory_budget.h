/*
 * The memory that large requests share: bodies, what is parsed from them, and responses that their
 * clients have not read yet. Small bodies and responses do not count, so they never wait or fail
 * for this.
 */
#ifndef FD_MEMORY_BUDGET_H
#define FD_MEMORY_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "macros.h"
#include "metrics.h"

/* Bytes of a body or a response up to which it does not count. */
enum { FD_MEMORY_BUDGET_SMALL = 64 << 10 };

typedef struct fd_memory_budget {
    size_t limit; /* bytes */
    fd_metrics *metrics;
    atomic_size_t taken;
} fd_memory_budget;

/* *held counts what one request holds. False where the bytes would exceed the limit: nothing is
 * taken. */
bool fd_memory_budget_take(fd_memory_budget *budget, size_t *held, size_t bytes) FD_MUST_CHECK;

/* Counts memory that is allocated already, even beyond the limit. */
void fd_memory_budget_add(fd_memory_budget *budget, size_t *held, size_t bytes);

/* Gives back some of the bytes that are held. */
void fd_memory_budget_give_back_some(fd_memory_budget *budget, size_t *held, size_t bytes);

/* Gives back all that is held. */
void fd_memory_budget_give_back(fd_memory_budget *budget, size_t *held);

#endif
