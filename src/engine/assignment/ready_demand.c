/* Decides how many pairs shall lie ready: by the open leases, the recent demand and the candidates
 * that are left. */
#include "ready_demand.h"

#include <math.h>

#include "assignments_state.h"
#include "engine_state.h"
#include "thread.h"

/* A queue holds this many pairs for each open lease, and is filled when half of them are gone. */
enum { READY_PER_LEASE = 4, CONTROL_LEAST = 8 };

/* When many pairs are assigned, a queue holds this multiple of what began since the last refill. */
enum { READY_PER_BEGUN = 4, EXPECTED_MAX = 4096 };

/* But demand never makes it hold more than one in this many candidates, so that one arm cannot hold
 * all that are left. */
enum { CANDIDATES_PER_READY = 8 };

static size_t at_least(size_t count, size_t least) {
    return count > least ? count : least;
}

static size_t at_most(size_t count, size_t most) {
    return count < most ? count : most;
}

/* An old rush is forgotten by halves. */
void fd_ready_demand_update(fd_engine *engine) {
    fd_ready_demand *demand = &engine->assignments->demand;
    FD_LOCKED(&engine->assignments->lock);
    size_t recent = READY_PER_BEGUN * engine->assignments->leases.begun;
    demand->expected = at_most(at_least(recent, demand->expected / 2), EXPECTED_MAX);
    engine->assignments->leases.begun = 0;
}

void fd_ready_demand_note_candidates(fd_engine *engine, size_t drawn, size_t found) {
    double full = floor(engine->options.candidates.contested * (double)drawn);
    bool plenty = drawn > 0 && (double)found >= full;
    FD_LOCKED(&engine->assignments->lock);
    engine->assignments->demand.candidates = plenty ? SIZE_MAX : found;
}

size_t fd_ready_demand_wanted(const fd_engine *engine, fd_arm arm) {
    const fd_engine_options *options = &engine->options;
    const fd_ready_demand *demand = &engine->assignments->demand;
    size_t open = HASH_COUNT(engine->assignments->leases.by_id);
    size_t ready = at_least(READY_PER_LEASE * open, options->ready);
    ready = at_least(ready, at_most(demand->expected, demand->candidates / CANDIDATES_PER_READY));
    double control = options->control_fraction;
    double share = arm == FD_ARM_CONTROL ? control : control < 1.0 ? 1.0 : 0.0;
    size_t count = (size_t)ceil((double)ready * share);
    return arm == FD_ARM_CONTROL && count > 0 ? at_least(count, CONTROL_LEAST) : count;
}

bool fd_ready_demand_is_short(const fd_engine *engine) {
    const fd_assignments *assignments = engine->assignments;
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        if (assignments->ready.arms[arm].count * 2 < fd_ready_demand_wanted(engine, (fd_arm)arm))
            return true;
    return assignments->unfinished.count > 0 || assignments->leases.short_for != FD_NOBODY;
}
