/* Decides how many pairs shall lie ready: one for each annotator at work, what they take until the
 * next refill, and some more, but no more, since pairs that were chosen long ago are chosen by an
 * old model. */
#include "ready_demand.h"

#include <math.h>

#include "assignments_state.h"
#include "candidate_sample.h"
#include "engine_state.h"
#include "thread.h"

/* A queue is filled when half of its pairs are gone. */
enum { CONTROL_LEAST = 8 };

/* Leases do not make it hold more than one in this many candidates that are left, so that one arm
 * cannot hold them all. */
enum { CANDIDATES_PER_READY = 8 };

/* In a rush as many lie ready as were taken between two refills, and this many at most: what is
 * chosen at once is chosen by one model. */
enum { TAKEN_MAX = 512 };

static size_t at_least(size_t count, size_t least) {
    return count > least ? count : least;
}

static size_t count_pending(const fd_assignments *assignments) {
    size_t count = HASH_COUNT(assignments->leases.by_id);
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        count += assignments->ready.arms[arm].count;
    return count;
}

void fd_ready_demand_update(fd_engine *engine) {
    fd_assignments *assignments = engine->assignments;
    fd_ready_demand *demand = &assignments->demand;
    uint64_t left = fd_candidates_left(engine, engine->options.candidates.scope);
    FD_LOCKED(&assignments->lock);
    size_t pending = count_pending(assignments);
    demand->candidates = left > pending ? left - pending : 0;
    demand->taken = (size_t)(assignments->leases.last_number - demand->begun);
    demand->begun = assignments->leases.last_number;
}

size_t fd_ready_demand_wanted(const fd_engine *engine, fd_arm arm) {
    const fd_engine_options *options = &engine->options;
    const fd_ready_demand *demand = &engine->assignments->demand;
    size_t open = HASH_COUNT(engine->assignments->leases.by_id);
    uint64_t share_of_left = demand->candidates / CANDIDATES_PER_READY;
    size_t taken = demand->taken < TAKEN_MAX ? demand->taken : TAKEN_MAX;
    size_t ready = options->ready + at_least(open, taken);
    ready = ready < share_of_left ? ready : (size_t)share_of_left;
    ready = at_least(ready, options->ready);
    double control = options->control_fraction;
    double share = arm == FD_ARM_CONTROL ? control : control < 1.0 ? 1.0 : 0.0;
    size_t count = (size_t)ceil((double)ready * share);
    return arm == FD_ARM_CONTROL && count > 0 ? at_least(count, CONTROL_LEAST) : count;
}

bool fd_ready_demand_is_short(const fd_engine *engine) {
    const fd_assignments *assignments = engine->assignments;
    if (assignments->unfinished.count > 0)
        return true;
    if (fd_assignments_used_up(assignments))
        return false;
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        if (assignments->ready.arms[arm].count * 2 < fd_ready_demand_wanted(engine, (fd_arm)arm))
            return true;
    return assignments->leases.short_for != FD_NOBODY;
}
