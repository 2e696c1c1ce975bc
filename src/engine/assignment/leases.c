/* Begins and ends leases, and keeps their expiry on the steady clock. */
#include "leases.h"

#include <errno.h>
#include <fisher/selection.h>
#include <math.h>
#include <string.h>

#include "array.h"
#include "assignments_state.h"
#include "engine_state.h"
#include "quick_choice.h"
#include "random_bytes.h"
#include "thread.h"

enum { JUMP_MS = 500 };

/* Whether this thread is in a transaction of a shared store and knows all that others committed:
 * only then may a lease expire. */
static _Thread_local bool decides;

/* The longest time that a request may ask for. A lease that was stored never gets more, even if the
 * clock has been set back since. */
static const int64_t longest_ms = INT64_C(7) * 86400 * 1000;

/* Leases of a shared store follow its clock, which all replicas share. */
static int64_t now_ms(fd_engine *engine) {
    const fd_replica_operations *replicas = engine->store->replicas;
    return replicas ? replicas->now_ms(engine->store) : fd_engine_steady_ms(engine);
}

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

static void note(fd_engine *engine, fd_lease *lease, int64_t ended_ms) {
    const fd_ready_pair *ready_pair = lease->ready_pair;
    const fd_assignment_row row = {
        .id = lease->id,
        .item_a = ready_pair->pair.a,
        .item_b = ready_pair->pair.b,
        .annotator = lease->name,
        .slot = lease->slot,
        .control = ready_pair->arm == FD_ARM_CONTROL,
        .p = ready_pair->p,
        .gain = ready_pair->gain,
        .strategy = ready_pair->strategy,
        .swapped = lease->swapped,
        .model_version = (int64_t)ready_pair->model_version,
        .expires_ms = fd_lease_expires_ms(engine, lease),
        .ended_ms = ended_ms,
    };
    fd_lease_journal_note(&engine->assignments->journal, &row, &lease->entry);
}

static void set_expiry(fd_leases *leases, fd_lease *lease, int64_t expires_ms) {
    lease->expires_ms = expires_ms;
    if (lease->expires_ms < leases->next_expiry_ms)
        leases->next_expiry_ms = lease->expires_ms;
}

void fd_lease_set_expiry(fd_engine *engine, fd_lease *lease, double seconds) {
    fd_leases *leases = &engine->assignments->leases;
    double lasts = seconds > 0.0 ? seconds : engine->options.lease_seconds;
    set_expiry(leases, lease, now_ms(engine) + (int64_t)(lasts * 1e3));
    note(engine, lease, -1);
}

/* The two clocks are read a moment apart. The same expiry is therefore shown each time, unless one
 * of the clocks has jumped. */
int64_t fd_lease_expires_ms(fd_engine *engine, const fd_lease *lease) {
    fd_leases *leases = &engine->assignments->leases;
    if (engine->store->replicas)
        return lease->expires_ms;
    int64_t offset = fd_engine_now_ms(engine) - fd_engine_steady_ms(engine);
    if (llabs(offset - leases->wall_offset_ms) >= JUMP_MS)
        leases->wall_offset_ms = offset;
    return lease->expires_ms + leases->wall_offset_ms;
}

/* Links a lease that has its id, its pair and its annotator, and counts it. Takes a reference to
 * the pair. */
static int link_lease(fd_engine *engine, fd_lease *lease) {
    fd_assignments *assignments = engine->assignments;
    fd_leases *leases = &assignments->leases;
    fd_pair_record *record =
        fd_pair_records_get_or_add(&assignments->records, lease->ready_pair->pair);
    if (!record || reserve_annotator(leases, lease->annotator) < 0 ||
        fd_pair_record_add_annotator(record, lease->annotator) < 0)
        return -ENOMEM;
    HASH_ADD_STR(leases->by_id, id, lease);
    if (!lease->hh.tbl) {
        fd_pair_record_remove_annotator(record, lease->annotator);
        return -ENOMEM;
    }
    (void)fd_ready_pair_reference(lease->ready_pair);
    lease->number = ++leases->last_number;
    record->open++;
    append(leases, lease);
    return 0;
}

static int64_t count_before(fd_assignments *assignments, fi_pair pair) {
    const fd_pair_record *record = fd_pair_records_get_or_add(&assignments->records, pair);
    return record ? (int64_t)record->answered + record->open : -1;
}

static int begin(fd_engine *engine, fd_ready_pair *ready_pair, uint32_t annotator, const char *name,
                 double seconds, fd_lease **ret) {
    fd_assignments *assignments = engine->assignments;
    fd_leases *leases = &assignments->leases;
    FD_FREE fd_lease *lease = calloc(1, sizeof(*lease));
    if (!lease)
        return -ENOMEM;
    fi_pair pair = ready_pair->pair;
    lease->ready_pair = ready_pair;
    lease->annotator = annotator;
    lease->name = name;
    lease->slot = count_before(assignments, pair);
    lease->swapped = fd_rng_below(&leases->rng, 2) == 1;
    fi_pair shown = lease->swapped ? (fi_pair){pair.b, pair.a} : pair;
    fd_assignment_id_make(engine->assignment_key, shown, name, ready_pair->arm == FD_ARM_CONTROL,
                          lease->swapped ? 1.0 - ready_pair->p : ready_pair->p, lease->id);
    int r = link_lease(engine, lease);
    if (r < 0)
        return r;
    fd_lease_set_expiry(engine, lease, seconds);
    *ret = FD_STEAL(lease);
    fd_ready_queues_remove_finished(&assignments->ready,
                                    fd_pair_records_get_or_add(&assignments->records, pair));
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

int fd_lease_begin(fd_engine *engine, uint32_t annotator, const char *name, double seconds,
                   fd_lease **ret) {
    fd_assignments *assignments = engine->assignments;
    bool control = fd_rng_uniform(&assignments->leases.rng) < engine->options.control_fraction;
    fd_arm arm = control ? FD_ARM_CONTROL : FD_ARM_ACTIVE;
    fd_ready_pair *ready_pair = find_ready(assignments, arm, annotator);
    if (!ready_pair)
        ready_pair = find_ready(assignments, control ? FD_ARM_ACTIVE : FD_ARM_CONTROL, annotator);
    if (!ready_pair)
        return -ENODATA;
    int r = begin(engine, ready_pair, annotator, name, seconds, ret);
    if (r == 0)
        fd_metrics_add(engine->metrics, FD_METRIC_ASSIGNMENTS, fd_arm_name((*ret)->ready_pair->arm),
                       NULL, 1);
    return r;
}

/* ---- replay ---- */

/* Whether the annotator has a label of the pair: the lease ended with it. */
static bool is_answered(fd_assignments *assignments, fi_pair pair, uint32_t annotator) {
    FD_LOCKED(&assignments->lock);
    fd_pair_record *record = fd_pair_records_get_or_add(&assignments->records, pair);
    bool is = record && fd_pair_record_has_annotator(record, annotator);
    if (record)
        fd_pair_records_free_if_unused(&assignments->records, record);
    return is;
}

/* Of a lease that did not begin here: its pair lies ready for the others who shall have it, as it
 * does where it began. No selection has pairs that are out. */
static void offer_to_others(fd_assignments *assignments, const fd_lease *lease) {
    fi_pair pair = lease->ready_pair->pair;
    (void)!fd_ready_queues_put(&assignments->ready, lease->ready_pair, true);
    fd_ready_queues_remove_finished(&assignments->ready,
                                    fd_pair_records_get_or_add(&assignments->records, pair));
}

static int replay_lease(fd_engine *engine, fd_lease *lease, int64_t left_ms) {
    fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&assignments->lock);
    int r = link_lease(engine, lease);
    if (r < 0)
        return r;
    set_expiry(&assignments->leases, lease, fd_engine_steady_ms(engine) + left_ms);
    offer_to_others(assignments, lease);
    return 0;
}

static void note_end(fd_engine *engine, const fd_assignment_row *row) {
    fd_assignment_row ended = *row;
    uint64_t entry = 0;
    FD_LOCKED(&engine->assignments->lock);
    ended.ended_ms = fd_engine_now_ms(engine);
    ended.annotator = ended.strategy = ""; /* of a stored row only the end is written */
    fd_lease_journal_note(&engine->assignments->journal, &ended, &entry);
}

/* The static name of what chose the pair of a stored lease. */
static const char *strategy_of(const fd_assignment_row *row) {
    const fi_strategy *strategy = row->strategy ? fi_strategy_find(row->strategy) : NULL;
    bool is_quick = row->strategy && strcmp(row->strategy, FD_QUICK_STRATEGY) == 0;
    return strategy ? strategy->name : is_quick ? FD_QUICK_STRATEGY : "unfinished";
}

/* A lease of a row, whose pair has its texts only where it is asked for. */
static int lease_of_row(fd_engine *engine, const fd_assignment_row *row, bool is_bare,
                        fd_lease **ret, fd_ready_pair **ret_pair) {
    FD_FREE fd_lease *lease = calloc(1, sizeof(*lease));
    fi_pair pair = {row->item_a, row->item_b};
    fd_selected_pair selected = {.gain = row->gain, .p = isnan(row->p) ? 0.5 : row->p};
    if (!lease)
        return -ENOMEM;
    if (pair.a >= engine->items.count || pair.b >= engine->items.count ||
        strlen(row->id) >= sizeof(lease->id))
        return -EBADMSG;
    int r = fd_annotators_get_or_add(engine->annotators, row->annotator, &lease->annotator);
    if (r == 0)
        r = (is_bare ? fd_ready_pair_new_bare : fd_ready_pair_new)(
            engine, pair, row->control ? FD_ARM_CONTROL : FD_ARM_ACTIVE, strategy_of(row),
            &selected, (uint64_t)row->model_version, ret_pair);
    if (r < 0)
        return r;
    lease->ready_pair = *ret_pair;
    lease->name = fd_annotators_name(engine->annotators, lease->annotator);
    lease->slot = row->slot;
    lease->swapped = row->swapped == 1;
    memcpy(lease->id, row->id, strlen(row->id));
    *ret = FD_STEAL(lease);
    return 0;
}

int fd_lease_replay(fd_engine *engine, const fd_assignment_row *row) {
    FD_CLEANUP(fd_ready_pair_freep) fd_ready_pair *ready_pair = NULL;
    FD_FREE fd_lease *lease = NULL;
    uint32_t annotator;
    int64_t left_ms = row->expires_ms - fd_engine_now_ms(engine);
    if (engine->store->replicas) /* its end is decided in a transaction */
        return row->ended_ms < 0 ? fd_lease_follow(engine, row) : 0;
    int r = fd_annotators_get_or_add(engine->annotators, row->annotator, &annotator);
    if (r < 0)
        return r;
    if (left_ms <= 0 ||
        is_answered(engine->assignments, (fi_pair){row->item_a, row->item_b}, annotator)) {
        note_end(engine, row);
        return 0;
    }
    r = lease_of_row(engine, row, false, &lease, &ready_pair);
    if (r == 0)
        r = replay_lease(engine, lease, left_ms < longest_ms ? left_ms : longest_ms);
    if (r == 0)
        (void)FD_STEAL(lease);
    return r;
}

/* ---- end ---- */

fd_ready_pair *fd_lease_forget(fd_engine *engine, fd_lease *lease) {
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

void fd_lease_note_answer(fd_engine *engine, fd_lease *lease) {
    note(engine, lease, fd_engine_now_ms(engine));
    lease->is_answered = true;
}

fd_ready_pair *fd_lease_end(fd_engine *engine, fd_lease *lease) {
    note(engine, lease, fd_engine_now_ms(engine));
    return fd_lease_forget(engine, lease);
}

/* The pair of a lease that ended without an answer lies ready again. */
static void put_back(fd_engine *engine, fd_ready_pair *ready_pair, uint32_t annotator) {
    fd_assignments *assignments = engine->assignments;
    fd_pair_record *record = fd_pair_records_get_or_add(&assignments->records, ready_pair->pair);
    if (!record)
        return;
    fd_pair_record_remove_annotator(record, annotator);
    fd_ready_queues_forget_passed(&assignments->ready, annotator);
    assignments->changes++;
    if (fd_ready_queues_put(&assignments->ready, ready_pair, true) < 0)
        fd_unfinished_pairs_add(&assignments->unfinished, &engine->options, record);
}

void fd_lease_give_back(fd_engine *engine, fd_lease *lease) {
    uint32_t annotator = lease->annotator;
    FD_CLEANUP(fd_ready_pair_freep) fd_ready_pair *ready_pair = fd_lease_end(engine, lease);
    put_back(engine, ready_pair, annotator);
}

/* ---- what other replicas did ---- */

static void drop(fd_engine *engine, fd_lease *lease) {
    uint32_t annotator = lease->annotator;
    FD_CLEANUP(fd_ready_pair_freep) fd_ready_pair *ready_pair = fd_lease_forget(engine, lease);
    put_back(engine, ready_pair, annotator);
}

/* Whether the row is about a lease that is known here, or needs none. */
static bool follow_known(fd_engine *engine, const fd_assignment_row *row) {
    fd_assignments *assignments = engine->assignments;
    fd_lease *lease;
    FD_LOCKED(&assignments->lock);
    HASH_FIND_STR(assignments->leases.by_id, row->id, lease);
    if (lease && row->ended_ms >= 0)
        drop(engine, lease);
    else if (lease) {
        set_expiry(&assignments->leases, lease, row->expires_ms);
        lease->is_in_store = true;
    }
    return lease || row->ended_ms >= 0;
}

static int begin_followed(fd_engine *engine, fd_lease *lease, int64_t expires_ms) {
    fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&assignments->lock);
    int r = link_lease(engine, lease);
    if (r < 0)
        return r;
    set_expiry(&assignments->leases, lease, expires_ms);
    lease->is_in_store = true;
    offer_to_others(assignments, lease);
    return 0;
}

int fd_lease_follow(fd_engine *engine, const fd_assignment_row *row) {
    FD_CLEANUP(fd_ready_pair_freep) fd_ready_pair *ready_pair = NULL;
    FD_FREE fd_lease *lease = NULL;
    uint32_t annotator;
    if (follow_known(engine, row))
        return 0;
    int r = fd_annotators_get_or_add(engine->annotators, row->annotator, &annotator);
    if (r < 0)
        return r;
    if (is_answered(engine->assignments, (fi_pair){row->item_a, row->item_b}, annotator))
        return 0;
    r = lease_of_row(engine, row, true, &lease, &ready_pair);
    if (r == 0)
        r = begin_followed(engine, lease, row->expires_ms);
    if (r == 0)
        (void)FD_STEAL(lease);
    return r;
}

/* ---- deciding in a transaction ---- */

static void mark_all(fd_engine *engine) {
    fd_lease *lease, *next;
    FD_LOCKED(&engine->assignments->lock);
    HASH_ITER(hh, engine->assignments->leases.by_id, lease, next) {
        lease->is_in_store = lease->is_answered = false;
    }
}

static void drop_marked(fd_engine *engine) {
    fd_lease *lease, *next;
    FD_LOCKED(&engine->assignments->lock);
    HASH_ITER(hh, engine->assignments->leases.by_id, lease, next) {
        if (!lease->is_in_store)
            drop(engine, lease);
    }
}

static int follow_open(void *context, const fd_assignment_row *row) {
    return fd_lease_follow(context, row);
}

/* After a transaction that failed: what it decided was not stored, or nobody knows. */
static int read_again(fd_engine *engine) {
    mark_all(engine);
    int r = engine->store->operations->assignments_read_open(engine->store, follow_open, engine);
    if (r == 0)
        drop_marked(engine);
    return r;
}

int fd_leases_begin_deciding(fd_engine *engine) {
    fd_assignments *assignments = engine->assignments;
    int r = assignments->journal.is_lost ? read_again(engine) : 0;
    if (r < 0)
        return r;
    assignments->journal.is_lost = false;
    decides = true;
    FD_LOCKED(&assignments->lock);
    fd_leases_expire(engine);
    return 0;
}

void fd_leases_settle(fd_engine *engine, bool committed) {
    decides = false;
    fd_lease_journal_settle(engine, committed);
}

void fd_leases_expire(fd_engine *engine) {
    fd_leases *leases = &engine->assignments->leases;
    int64_t now = now_ms(engine);
    if (now < leases->next_expiry_ms || (engine->store->replicas && !decides))
        return;
    leases->next_expiry_ms = INT64_MAX;
    fd_lease *lease, *next;
    HASH_ITER(hh, leases->by_id, lease, next) {
        if (lease->is_answered)
            continue;
        if (lease->expires_ms <= now) {
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
    return lease && lease->is_answered ? NULL : lease;
}
