/* Leaves the items of a pool of which no pair is comparable, or that show the same as another. */
#ifndef FD_DISTINCT_MEMBERS_H
#define FD_DISTINCT_MEMBERS_H

#include <fisher/model.h>
#include <stddef.h>
#include <stdint.h>

#include "engine_options.h"
#include "macros.h"

/* Keeps the items with a text, and the first of several that show the same: within their prompts,
 * or in all with another scope. A pair of a copy asks what a pair of the first one asks. Nothing is
 * left out where no item has a text. It takes the state lock. */
int fd_distinct_members_keep(fd_engine *engine, fi_scope scope, uint32_t *items,
                             size_t *count) FD_MUST_CHECK;

#endif
