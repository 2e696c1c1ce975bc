/* Assigns pairs to annotators, renews and returns assignments. */
#include "assignments.h"

#include <errno.h>
#include <string.h>

#include "assignments_state.h"
#include "engine_state.h"
#include "quick_choice.h"
#include "refill.h"
#include "refill_thread.h"
#include "thread.h"
#include "writer.h"

/* A lease as it was under the lock. */
struct shown_lease {
    fd_ready_pair *ready_pair;
    char id[FD_ASSIGNMENT_ID_SIZE];
    bool swapped;
    int64_t expires_ms; /* on the wall clock, as it is set now */
};

static struct shown_lease copy_lease(fd_engine *engine, const fd_lease *lease) {
    struct shown_lease shown = {
        .ready_pair = fd_ready_pair_reference(lease->ready_pair),
        .swapped = lease->swapped,
        .expires_ms = fd_lease_expires_ms(engine, lease),
    };
    memcpy(shown.id, lease->id, sizeof(shown.id));
    return shown;
}

static int show(fd_engine *engine, const struct shown_lease *shown, fd_assignment_visit *visit,
                void *context) {
    const fd_ready_pair *ready_pair = shown->ready_pair;
    FD_CLEANUP(fd_shown_pair_clear) fd_shown_pair pair = {0};
    int r = fd_ready_pair_show(engine, ready_pair, &pair);
    if (r < 0)
        return r;
    fd_assignment assignment = {
        .id = shown->id,
        .a = shown->swapped ? &pair.b : &pair.a,
        .b = shown->swapped ? &pair.a : &pair.b,
        .expires_ms = shown->expires_ms,
        .control = ready_pair->arm == FD_ARM_CONTROL,
        .strategy = ready_pair->strategy,
        .gain = ready_pair->gain,
        .p = shown->swapped ? 1.0 - ready_pair->p : ready_pair->p,
        .model_version = ready_pair->model_version,
    };
    return visit(context, &assignment);
}

/* ---- assigning ---- */

struct asker {
    const fd_assign_request *request;
    size_t count; /* no more than one annotator may hold */
    uint32_t number;
    const char *name;
};

static bool has_room(const fd_assign_request *request, const fd_lease *lease) {
    return !request->has_room || request->has_room(request->room_context, lease->ready_pair->bytes);
}

/* Collects the open leases first, then new ones; -ENODATA if there are fewer than `count`, -EBUSY
 * if the next one has no room. Pairs of a quick choice are put to the front first. *ret_used_up:
 * nothing can be chosen. */
static int decide(fd_engine *engine, const struct asker *asker, const fd_quick_choice *choice,
                  struct shown_lease *shown, size_t *ret_count, bool *ret_used_up) {
    fd_assignments *assignments = engine->assignments;
    const fd_assign_request *request = asker->request;
    size_t n = 0;
    int r = 0;
    FD_LOCKED(&assignments->lock);
    for (size_t i = choice->count; i-- > 0 && r == 0;)
        r = fd_ready_queues_put(&assignments->ready, choice->pairs[i], true);
    fd_leases_expire(engine);
    for (const fd_lease *lease = fd_leases_of(&assignments->leases, asker->number);
         lease && n < asker->count && r == 0; lease = lease->next) {
        if (lease->is_answered)
            continue;
        r = has_room(request, lease) ? 0 : -EBUSY;
        if (r == 0)
            shown[n++] = copy_lease(engine, lease);
    }
    while (n < asker->count && r == 0) {
        fd_lease *lease;
        r = fd_lease_begin(engine, asker->number, asker->name, request->lease_seconds, &lease);
        if (r == 0 && !has_room(request, lease)) {
            fd_lease_give_back(engine, lease);
            r = -EBUSY;
        }
        if (r == 0)
            shown[n++] = copy_lease(engine, lease);
    }
    *ret_used_up = fd_assignments_used_up(assignments) && assignments->unfinished.count == 0;
    *ret_count = n;
    return r;
}

static void release(struct shown_lease *shown, size_t count) {
    for (size_t i = 0; i < count; i++)
        fd_ready_pair_free(shown[i].ready_pair);
}

/* ---- as a job ---- */

/* What is decided about leases of a shared store is decided in a transaction, which stores it;
 * the response goes out after that. It may be run twice. */
struct decision {
    fd_job job;
    const struct asker *asker;
    const fd_quick_choice *choice;
    struct shown_lease *shown;
    size_t count;
    bool used_up;
    int result; /* of deciding */
};

static int decide_in_transaction(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct decision *decision = (struct decision *)job;
    (void)pending;
    release(decision->shown, decision->count);
    decision->count = 0;
    decision->result = decide(engine, decision->asker, decision->choice, decision->shown,
                              &decision->count, &decision->used_up);
    return 0;
}

static void apply_nothing(fd_engine *engine, fd_job *job) {
    (void)engine;
    (void)job;
}

static int collect(fd_engine *engine, const struct asker *asker, const fd_quick_choice *choice,
                   struct shown_lease *shown, size_t *ret_count, bool *ret_used_up) {
    if (!engine->store->replicas)
        return decide(engine, asker, choice, shown, ret_count, ret_used_up);
    struct decision decision = {
        .job = {.store = decide_in_transaction, .apply = apply_nothing},
        .asker = asker,
        .choice = choice,
        .shown = shown,
    };
    int r = fd_writer_run(engine, &decision.job);
    if (r < 0) {
        release(shown, decision.count);
        decision.count = 0;
    }
    *ret_count = decision.count;
    *ret_used_up = decision.used_up;
    return r < 0 ? r : decision.result;
}

/* ---- when nothing lies ready ---- */

/* Others may take the pairs of a quick choice first. Those who wait for it get theirs by the same
 * one, up to this many. */
enum { TRIES = 4, UNFINISHED_AT_ONCE = 32, OTHERS_MAX = 15 };

static uint64_t count_changes(fd_engine *engine) {
    FD_LOCKED(&engine->assignments->lock);
    return engine->assignments->changes;
}

/* Nothing was found for an annotator: for anyone if the choice is the last, otherwise a refill
 * looks further. */
static void note_nothing(fd_engine *engine, uint32_t annotator, const fd_quick_choice *choice,
                         uint64_t changes) {
    fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&assignments->lock);
    assignments->is_searching = !choice->is_whole;
    if (choice->is_last)
        assignments->used_up = changes;
    else
        assignments->leases.short_for = annotator;
}

/* Waits for quick choices of others: what they leave may be enough, and two at once would count as
 * known what both are about to choose. */
static pthread_mutex_t *wait_for_others(fd_assignments *assignments, size_t wanted) {
    (void)atomic_fetch_add(&assignments->waiting, wanted);
    pthread_mutex_t *lock = fd_mutex_lock(&assignments->quick_choice);
    (void)atomic_fetch_sub(&assignments->waiting, wanted);
    return lock;
}

/* Pairs to choose for those who wait. */
static size_t count_others(fd_assignments *assignments) {
    size_t waiting = atomic_load(&assignments->waiting);
    return waiting < OTHERS_MAX ? waiting : OTHERS_MAX;
}

/* Rather than nothing, assigns a pair that waited for a second answer, or one of a quick choice: no
 * request waits for a refill. */
static int assign_quickly(fd_engine *engine, const struct asker *asker, struct shown_lease *shown,
                          size_t *ret_count, fd_fault *fault) {
    FD_CLEANUP(fd_quick_choice_clear) fd_quick_choice choice = {0};
    FD_CLEANUP(fd_mutex_unlockp)
    pthread_mutex_t *lock __attribute__((unused)) =
        wait_for_others(engine->assignments, asker->count);
    uint64_t changes = count_changes(engine);
    bool used_up;
    int r = fd_refill_unfinished(engine, UNFINISHED_AT_ONCE);
    if (r == 0)
        r = collect(engine, asker, &choice, shown, ret_count, &used_up);
    if (r != -ENODATA || *ret_count > 0 || used_up)
        return r;
    r = fd_quick_choice_make(engine, asker->number, asker->count, count_others(engine->assignments),
                             &choice, fault);
    if (r < 0)
        return r;
    if (choice.count == 0)
        note_nothing(engine, asker->number, &choice, changes);
    bool is_final = choice.count == 0;
    r = collect(engine, asker, &choice, shown, ret_count, &used_up); /* a refill may be faster */
    return r == -ENODATA && is_final ? 0 : r;
}

int fd_engine_assign(fd_engine *engine, const fd_assign_request *request,
                     fd_assignment_visit *visit, void *context, fd_fault *fault) {
    FD_FREE struct shown_lease *shown = calloc(request->count + 1, sizeof(*shown));
    size_t most = engine->options.leases_per_annotator;
    struct asker asker = {
        .request = request,
        .count = most > 0 && most < request->count ? most : request->count,
    };
    const fd_quick_choice none = {0};
    size_t n = 0;
    bool used_up = false;
    if (!shown)
        return -ENOMEM;
    int r = fd_annotators_get_or_add(engine->annotators, request->annotator, &asker.number);
    if (r < 0)
        return r;
    asker.name = fd_annotators_name(engine->annotators, asker.number);
    r = collect(engine, &asker, &none, shown, &n, &used_up);
    for (size_t i = 0; i < TRIES && r == -ENODATA && n == 0 && !used_up; i++)
        r = assign_quickly(engine, &asker, shown, &n, fault);
    if (r == -EBUSY && n == 0)
        r = fd_fault_set(fault, r, "", "other requests use all of the memory for requests");
    else if (r == -EBUSY || r == -ENODATA)
        r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = show(engine, &shown[i], visit, context);
    release(shown, n);
    fd_writer_write_soon(engine);
    fd_refill_notify(engine, false);
    return r;
}

/* ---- renewing and returning ---- */

/* An open lease of the annotator (NULL: of anyone), whose number is `number`. */
static fd_lease *find_lease(fd_engine *engine, const char *id, const char *annotator,
                            uint32_t number) {
    fd_lease *lease = fd_lease_find(engine, id);
    return lease && annotator && lease->annotator != number ? NULL : lease;
}

static int renew_now(fd_engine *engine, const char *id, const char *annotator, uint32_t number,
                     double lease_seconds, struct shown_lease *ret) {
    FD_LOCKED(&engine->assignments->lock);
    fd_lease *lease = find_lease(engine, id, annotator, number);
    if (!lease)
        return -ENOENT;
    fd_lease_set_expiry(engine, lease, lease_seconds);
    *ret = copy_lease(engine, lease);
    return 0;
}

static uint32_t number_of(fd_engine *engine, const char *annotator) {
    return annotator ? fd_annotators_find(engine->annotators, annotator) : FD_NOBODY;
}

static int give_back_now(fd_engine *engine, const char *id, const char *annotator) {
    uint32_t number = number_of(engine, annotator);
    FD_LOCKED(&engine->assignments->lock);
    fd_lease *lease = find_lease(engine, id, annotator, number);
    if (!lease)
        return -ENOENT;
    fd_lease_give_back(engine, lease);
    return 0;
}

struct change_of_lease {
    fd_job job;
    const char *id;
    const char *annotator;
    bool renews;
    double lease_seconds;
    struct shown_lease shown; /* of one that is renewed */
};

static int change_lease(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct change_of_lease *change = (struct change_of_lease *)job;
    (void)pending;
    if (!change->renews)
        return give_back_now(engine, change->id, change->annotator);
    fd_ready_pair_free(FD_STEAL(change->shown.ready_pair)); /* of a transaction that failed */
    return renew_now(engine, change->id, change->annotator, number_of(engine, change->annotator),
                     change->lease_seconds, &change->shown);
}

static int run_change(fd_engine *engine, struct change_of_lease *change) {
    change->job = (fd_job){.store = change_lease, .apply = apply_nothing};
    if (engine->store->replicas)
        return fd_writer_run(engine, &change->job);
    int r = change_lease(engine, &change->job, NULL);
    fd_writer_write_soon(engine);
    return r;
}

int fd_engine_assignment_renew(fd_engine *engine, const char *id, const char *annotator,
                               double lease_seconds, fd_assignment_visit *visit, void *context) {
    struct change_of_lease change = {
        .id = id, .annotator = annotator, .renews = true, .lease_seconds = lease_seconds};
    int r = run_change(engine, &change);
    if (r == 0)
        r = show(engine, &change.shown, visit, context);
    fd_ready_pair_free(change.shown.ready_pair);
    return r;
}

int fd_engine_assignment_return(fd_engine *engine, const char *id, const char *annotator) {
    struct change_of_lease change = {.id = id, .annotator = annotator};
    return run_change(engine, &change);
}
