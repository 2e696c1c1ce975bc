/* Assignments as they are asked for, and what answers do to them. */
#include <errno.h>
#include <string.h>

#include "assignment_private.h"
#include "assignments.h"

int fd_assignments_annotator(fd_engine *engine, const char *annotator, uint32_t *ret) {
    (void)pthread_mutex_lock(&engine->desk->lock);
    int r = fd_annotator_get_or_add(engine->desk, annotator, ret);
    (void)pthread_mutex_unlock(&engine->desk->lock);
    return r;
}

/* ---- requests ---- */

/* A lease as it was under the lock. */
struct given {
    fd_ready_pair *offer;
    char id[FD_LEASE_ID_SIZE];
    bool swapped;
    int64_t expires_ms; /* as the wall clock is now */
};

static struct given given_of(fd_engine *engine, const fd_lease *lease) {
    struct given given = {
        .offer = fd_ready_pair_reference(lease->offer),
        .swapped = lease->swapped,
        .expires_ms = fd_lease_expires_ms(engine, lease),
    };
    memcpy(given.id, lease->id, sizeof(given.id));
    return given;
}

static int show(const struct given *given, fd_assignment_visit *visit, void *context) {
    const fd_ready_pair *offer = given->offer;
    fd_assignment assignment = {
        .id = given->id,
        .a = given->swapped ? &offer->b : &offer->a,
        .b = given->swapped ? &offer->a : &offer->b,
        .expires_ms = given->expires_ms,
        .control = offer->arm == FD_ARM_CONTROL,
        .strategy = offer->strategy,
        .gain = offer->gain,
        .p = given->swapped ? 1.0 - offer->p : offer->p,
        .model_version = offer->model_version,
    };
    return visit(context, &assignment);
}

/* Open leases first, then new ones; -ENODATA where the queues have fewer than asked for. */
static int collect(fd_engine *engine, uint32_t annotator, size_t count, double seconds,
                   struct given *given, size_t *ret_count, uint64_t *ret_fills) {
    fd_assignments *desk = engine->desk;
    size_t n = 0;
    int r = 0;
    (void)pthread_mutex_lock(&desk->lock);
    fd_lease_expire(engine);
    for (fd_lease *lease = desk->annotators[annotator]->leases; lease && n < count;
         lease = lease->next)
        given[n++] = given_of(engine, lease);
    while (n < count && r == 0) {
        fd_lease *lease;
        r = fd_lease_take(engine, annotator, seconds, &lease);
        if (r == 0)
            given[n++] = given_of(engine, lease);
    }
    *ret_fills = desk->fills;
    (void)pthread_mutex_unlock(&desk->lock);
    *ret_count = n;
    return r;
}

static void release(struct given *given, size_t count) {
    for (size_t i = 0; i < count; i++)
        fd_ready_pair_free(given[i].offer);
}

int fd_engine_assign(fd_engine *engine, const char *annotator, size_t count, double lease_seconds,
                     fd_assignment_visit *visit, void *context, fd_fault *fault) {
    FD_FREE struct given *given = calloc(count + 1, sizeof(*given));
    uint32_t person;
    size_t n = 0;
    if (!given)
        return -ENOMEM;
    int r = fd_assignments_annotator(engine, annotator, &person);
    if (r < 0)
        return r;
    uint64_t fills;
    r = collect(engine, person, count, lease_seconds, given, &n, &fills);
    for (bool more = true; r == -ENODATA && n == 0 && more;) {
        /* Rather than nothing, what can be computed now; others may be quicker to take it. */
        r = fd_refill_now(engine, person, fills, &more, fault);
        if (r == 0)
            r = collect(engine, person, count, lease_seconds, given, &n, &fills);
    }
    if (r == -ENODATA)
        r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = show(&given[i], visit, context);
    release(given, n);
    fd_refill_notify(engine, false);
    return r;
}

static fd_lease *find_lease(fd_engine *engine, const char *id, const char *annotator) {
    fd_lease *lease = fd_lease_find(engine, id);
    if (lease && annotator &&
        strcmp(annotator, engine->desk->annotators[lease->annotator]->name) != 0)
        return NULL;
    return lease;
}

int fd_engine_assignment_renew(fd_engine *engine, const char *id, const char *annotator,
                               double lease_seconds, fd_assignment_visit *visit, void *context) {
    struct given given = {0};
    (void)pthread_mutex_lock(&engine->desk->lock);
    fd_lease *lease = find_lease(engine, id, annotator);
    if (lease) {
        fd_lease_set_expiry(engine, lease, lease_seconds);
        given = given_of(engine, lease);
    }
    (void)pthread_mutex_unlock(&engine->desk->lock);
    if (!lease)
        return -ENOENT;
    int r = show(&given, visit, context);
    fd_ready_pair_free(given.offer);
    return r;
}

int fd_engine_assignment_return(fd_engine *engine, const char *id, const char *annotator) {
    (void)pthread_mutex_lock(&engine->desk->lock);
    fd_lease *lease = find_lease(engine, id, annotator);
    if (lease)
        fd_lease_give_back(engine, lease);
    (void)pthread_mutex_unlock(&engine->desk->lock);
    return lease ? 0 : -ENOENT;
}

/* ---- answers ---- */

static void count_answer(fd_pair_record *record, fd_preference preference, uint32_t more) {
    if (fd_preference_counts(preference))
        record->answered += more;
    else if (preference == FD_PREFER_SKIP)
        record->skipped += more;
}

/* Whoever takes an answer back may be asked again. */
static int count_change(fd_pair_record *record, uint32_t annotator, fd_preference before,
                        fd_preference after) {
    count_answer(record, before, UINT32_MAX);
    count_answer(record, after, 1);
    if (after != FD_PREFER_RETRACTED)
        return fd_pair_record_add_annotator(record, annotator);
    fd_pair_record_remove_annotator(record, annotator);
    return 0;
}

int fd_assignments_replay(fd_engine *engine, const fd_label_row *row, uint32_t annotator,
                          fd_preference before) {
    fd_assignments *desk = engine->desk;
    (void)pthread_mutex_lock(&desk->lock);
    fd_pair_record *record = fd_pair_record_get_or_add(desk, (fi_pair){row->item_a, row->item_b});
    int r = record ? count_change(record, annotator, before, row->preference) : -ENOMEM;
    fd_unfinished_pairs_add(engine, record);
    (void)pthread_mutex_unlock(&desk->lock);
    return r;
}

/* The annotator's lease of the pair that was answered, whatever assignment the answer names. */
static fd_lease *lease_of(fd_assignments *desk, const fd_label_row *row, uint32_t annotator) {
    uint64_t key = fd_pair_key(row->item_a, row->item_b);
    for (fd_lease *lease = desk->annotators[annotator]->leases; lease; lease = lease->next)
        if (fd_pair_key(lease->offer->pair.a, lease->offer->pair.b) == key)
            return lease;
    return NULL;
}

void fd_assignments_on_label(fd_engine *engine, const fd_label_row *row, uint32_t annotator,
                             bool fresh) {
    fd_assignments *desk = engine->desk;
    (void)pthread_mutex_lock(&desk->lock);
    fd_pair_record *record = fd_pair_record_get_or_add(desk, (fi_pair){row->item_a, row->item_b});
    fd_lease *lease = lease_of(desk, row, annotator);
    FD_CLEANUP(fd_ready_pair_freep) fd_ready_pair *offer = lease ? fd_lease_end(desk, lease) : NULL;
    if (record && fresh) {
        (void)fd_pair_record_add_annotator(record, annotator);
        count_answer(record, row->preference, 1);
        fd_ready_queue_remove(engine, record);
        /* A skip, or one answer of several: others may have it. */
        if (!offer || fd_ready_queue_put(engine, offer, true) < 0)
            fd_unfinished_pairs_add(engine, record);
    }
    (void)pthread_mutex_unlock(&desk->lock);
}

void fd_assignments_on_revision(fd_engine *engine, fi_pair pair, uint32_t annotator,
                                fd_preference before, fd_preference after) {
    (void)pthread_mutex_lock(&engine->desk->lock);
    fd_pair_record *record = fd_pair_record_get_or_add(engine->desk, pair);
    if (record) {
        (void)count_change(record, annotator, before, after);
        fd_ready_queue_remove(engine, record);
        fd_unfinished_pairs_add(engine, record);
    }
    (void)pthread_mutex_unlock(&engine->desk->lock);
}
