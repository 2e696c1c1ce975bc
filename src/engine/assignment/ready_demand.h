/* How many pairs shall lie ready. Callers of the last two functions hold the lock of the
 * assignments. */
#ifndef FD_READY_DEMAND_H
#define FD_READY_DEMAND_H

#include "engine_options.h"
#include "ready_pair.h"

typedef struct fd_ready_demand {
    uint64_t candidates; /* that were left when the last refill began, or a few less */
    uint64_t begun;      /* leases, ever, at that time */
    size_t taken;        /* of those, since the refill before it */
} fd_ready_demand;

/* A refill begins: counts the candidates that are left, and the pairs that were taken. */
void fd_ready_demand_update(fd_engine *engine);

/* Pairs of an arm that shall lie ready. */
size_t fd_ready_demand_wanted(const fd_engine *engine, fd_arm arm);

/* Whether a refill is due. */
bool fd_ready_demand_is_short(const fd_engine *engine);

#endif
