/* Begins and ends leases, and keeps their expiry on the steady clock. */
#include "leases.h"

#include <errno.h>
#include <string.h>

#include "array.h"
#include "assignments_state.h"
#include "engine_state.h"
#include "random_bytes.h"

enum { JUMP_MS = 500 };

void fd_leases_init(fd_leases *leases) {
    uint64_t seed;
    fd_random_bytes(&seed, sizeof(seed));
    leases->rng = fd_rng_seeded(seed);
    leases->next_expiry_ms = INT64_MAX;
    leases->short_for = FD_NOBODY;
}

void fd_leases_clear(fd_leases *leases) {
    fd_lease *lease, *next;
    HASH_ITER(hh, leases->by_id, lease, next) {
        HASH_DEL(leases->by_id, lease);
        fd_ready_pair_free(lease->ready_pair);
        free(lease);
    }
    free(leases->by_annotator);
}

/* ---- the leases of an annotator ---- */

fd_lease *fd_leases_of(const fd_leases *leases, uint32_t annotator) {
    return annotator < leases->annotator_capacity ? leases->by_annotator[annotator] : NULL;
}

static int reserve_annotator(fd_leases *leases, uint32_t annotator) {
    size_t before = leases->annotator_capacity;
    int r = fd_array_reserve(&leases->by_annotator, &leases->annotator_capacity,
                             (size_t)annotator + 1, sizeof(*leases->by_annotator));
    if (r == 0 && leases->annotator_capacity > before)
        memset(leases->by_annotator + before, 0,
               (leases->annotator_capacity - before) * sizeof(*leases->by_annotator));
    return r;
}

static void append(fd_leases *leases, fd_lease *lease) {
    fd_lease **link = &leases->by_annotator[lease->annotator];
    while (*link)
        link = &(*link)->next;
    *link = lease;
}

static void unlink_lease(fd_leases *leases, const fd_lease *lease) {
    fd_lease **link = &leases->by_annotator[lease->annotator];
    while (*link != lease)
        link = &(*link)->next;
    *link = lease->next;
}

/* ---- begin ---- */

void fd_lease_set_expiry(fd_engine *engine, fd_lease *lease, double seconds) {
    fd_leases *leases = &engine->assignments->leases;
    double lasts = seconds > 0.0 ? seconds : engine->options.lease_seconds;
    lease->expires_ms = fd_engine_steady_ms(engine) + (int64_t)(lasts * 1e3);
    if (lease->expires_ms < leases->next_expiry_ms)
        leases->next_expiry_ms = lease->expires_ms;
}

/* The two clocks are read a moment apart. The same expiry is therefore shown each time, unless one
 * of the clocks has jumped. */
int64_t fd_lease_expires_ms(fd_engine *engine, const fd_lease *lease) {
    fd_leases *leases = &engine->assignments->leases;
    int64_t offset = fd_engine_now_ms(engine) - fd_engine_steady_ms(engine);
    if (llabs(offset - leases->wall_offset_ms) >= JUMP_MS)
        leases->wall_offset_ms = offset;
    return lease->expires_ms + leases->wall_offset_ms;
}

static int begin(fd_engine *engine, fd_ready_pair *ready_pair, uint32_t annotator, double seconds,
                 fd_lease **ret) {
    fd_assignments *assignments = engine->assignments;
    fd_leases *leases = &assignments->leases;
    fd_pair_record *record = fd_pair_records_get_or_add(&assignments->records, ready_pair->pair);
    FD_FREE fd_lease *lease = calloc(1, sizeof(*lease));
    if (!lease || !record || reserve_annotator(leases, annotator) < 0 ||
        fd_pair_record_add_annotator(record, annotator) < 0)
        return -ENOMEM;
    lease->ready_pair = ready_pair;
    lease->annotator = annotator;
    lease->swapped = fd_rng_below(&leases->rng, 2) == 1;
    fd_assignment_id_make(ready_pair->arm == FD_ARM_CONTROL,
                          lease->swapped ? 1.0 - ready_pair->p : ready_pair->p, lease->id);
    HASH_ADD_STR(leases->by_id, id, lease);
    if (!lease->hh.tbl) {
        fd_pair_record_remove_annotator(record, annotator);
        return -ENOMEM;
    }
    (void)fd_ready_pair_reference(ready_pair);
    record->open++;
    leases->begun++;
    fd_lease_set_expiry(engine, lease, seconds);
    append(leases, lease);
    *ret = FD_STEAL(lease);
    fd_ready_queues_remove_finished(&assignments->ready, record);
    return 0;
}

/* The first pair of an arm that this annotator may get; NULL if there is none. Pairs that wait for
 * other annotators can fill a queue: it is then not short, except for this annotator. */
static fd_ready_pair *find_ready(fd_assignments *assignments, fd_arm arm, uint32_t annotator) {
    size_t behind;
    fd_ready_pair *found = fd_ready_queues_find(&assignments->ready, arm, annotator, &behind);
    if (behind > assignments->ready.arms[arm].count / 2)
        assignments->leases.short_for = annotator;
    return found;
}

int fd_lease_begin(fd_engine *engine, uint32_t annotator, double seconds, fd_lease **ret) {
    fd_assignments *assignments = engine->assignments;
    bool control = fd_rng_uniform(&assignments->leases.rng) < engine->options.control_fraction;
    fd_arm arm = control ? FD_ARM_CONTROL : FD_ARM_ACTIVE;
    fd_ready_pair *ready_pair = find_ready(assignments, arm, annotator);
    if (!ready_pair)
        ready_pair = find_ready(assignments, control ? FD_ARM_ACTIVE : FD_ARM_CONTROL, annotator);
    if (!ready_pair)
        return -ENODATA;
    int r = begin(engine, ready_pair, annotator, seconds, ret);
    if (r == 0)
        fd_metrics_add(engine->metrics, FD_METRIC_ASSIGNMENTS, fd_arm_name((*ret)->ready_pair->arm),
                       NULL, 1);
    return r;
}

/* ---- end ---- */

fd_ready_pair *fd_lease_end(fd_engine *engine, fd_lease *lease) {
    fd_assignments *assignments = engine->assignments;
    unlink_lease(&assignments->leases, lease);
    HASH_DEL(assignments->leases.by_id, lease);
    fd_ready_pair *ready_pair = lease->ready_pair;
    fd_pair_record *record = fd_pair_records_get_or_add(&assignments->records, ready_pair->pair);
    if (record)
        record->open--;
    free(lease);
    return ready_pair;
}

void fd_lease_give_back(fd_engine *engine, fd_lease *lease) {
    fd_assignments *assignments = engine->assignments;
    uint32_t annotator = lease->annotator;
    FD_CLEANUP(fd_ready_pair_freep) fd_ready_pair *ready_pair = fd_lease_end(engine, lease);
    fd_pair_record *record = fd_pair_records_get_or_add(&assignments->records, ready_pair->pair);
    if (!record)
        return;
    fd_pair_record_remove_annotator(record, annotator);
    fd_ready_queues_forget_passed(&assignments->ready, annotator);
    assignments->changes++;
    if (fd_ready_queues_put(&assignments->ready, ready_pair, true) < 0)
        fd_unfinished_pairs_add(&assignments->unfinished, &engine->options, record);
}

void fd_leases_expire(fd_engine *engine) {
    fd_leases *leases = &engine->assignments->leases;
    int64_t now_ms = fd_engine_steady_ms(engine);
    if (now_ms < leases->next_expiry_ms)
        return;
    leases->next_expiry_ms = INT64_MAX;
    fd_lease *lease, *next;
    HASH_ITER(hh, leases->by_id, lease, next) {
        if (lease->expires_ms <= now_ms) {
            fd_metrics_add(engine->metrics, FD_METRIC_LEASES_EXPIRED, NULL, NULL, 1);
            fd_lease_give_back(engine, lease);
        } else if (lease->expires_ms < leases->next_expiry_ms) {
            leases->next_expiry_ms = lease->expires_ms;
        }
    }
}

fd_lease *fd_lease_find(fd_engine *engine, const char *id) {
    fd_lease *lease;
    fd_leases_expire(engine);
    HASH_FIND_STR(engine->assignments->leases.by_id, id, lease);
    return lease;
}
