#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "desk.h"

/* ---- origins ---- */

static int hexadecimal(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An id is the arm's letter, p in three digits, a dash and 24 digits at random. */
uint16_t fd_origin_of(const char *assignment) {
    if (!assignment || strlen(assignment) != 29 || assignment[4] != '-' ||
        (assignment[0] != 'a' && assignment[0] != 'c'))
        return FD_ORIGIN_NONE;
    int p = 0;
    for (size_t i = 1; i < 29; i++) {
        if (i == 4)
            continue;
        int digit = hexadecimal(assignment[i]);
        if (digit < 0)
            return FD_ORIGIN_NONE;
        if (i < 4)
            p = p * 16 + digit;
    }
    return (uint16_t)((assignment[0] == 'a' ? FD_ORIGIN_ACTIVE : FD_ORIGIN_CONTROL) | p);
}

/* Ids are nobody's to guess: whoever has one can hand the pair back. */
static void make_id(fd_lease *lease) {
    double p = lease->swapped ? 1.0 - lease->offer->p : lease->offer->p;
    uint32_t random[3];
    arc4random_buf(random, sizeof(random));
    (void)snprintf(lease->id, sizeof(lease->id), "%c%03x-%08" PRIx32 "%08" PRIx32 "%08" PRIx32,
                   lease->offer->arm == FD_ARM_ACTIVE ? 'a' : 'c',
                   (unsigned)lrint(p * 2.0 * FD_ORIGIN_EVEN), random[0], random[1], random[2]);
}

/* ---- offers ---- */

fd_offer *fd_offer_reference(fd_offer *offer) {
    (void)atomic_fetch_add_explicit(&offer->references, 1, memory_order_relaxed);
    return offer;
}

void fd_offer_free(fd_offer *offer) {
    if (offer && atomic_fetch_sub_explicit(&offer->references, 1, memory_order_acq_rel) == 1)
        free(offer);
}

/* ---- life ---- */

int fd_desk_new(fd_desk **ret) {
    fd_desk *desk = calloc(1, sizeof(*desk));
    if (!desk)
        return -ENOMEM;
    uint64_t seed;
    arc4random_buf(&seed, sizeof(seed));
    desk->rng = fi_rng_seeded(seed);
    desk->next_expiry_ms = INT64_MAX;
    desk->hungry = FD_NOBODY;
    (void)pthread_mutex_init(&desk->lock, NULL);
    (void)pthread_mutex_init(&desk->filling, NULL);
    (void)pthread_cond_init(&desk->wanted, NULL);
    *ret = desk;
    return 0;
}

void fd_desk_free(fd_desk *desk) {
    fd_lease *lease, *next_lease;
    HASH_ITER(hh, desk->leases, lease, next_lease) {
        HASH_DEL(desk->leases, lease);
        fd_offer_free(lease->offer);
        free(lease);
    }
    fd_pair_record *record, *next_record;
    HASH_ITER(hh, desk->records, record, next_record) {
        HASH_DEL(desk->records, record);
        free(record->people);
        free(record);
    }
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++) {
        for (size_t i = 0; i < desk->ready[arm].count; i++)
            fd_offer_free(desk->ready[arm].offers[i]);
        free(desk->ready[arm].offers);
    }
    HASH_CLEAR(hh, desk->by_name);
    for (size_t i = 0; i < desk->annotator_count; i++)
        free(desk->annotators[i]);
    free(desk->annotators);
    free(desk->unfinished);
    (void)pthread_mutex_destroy(&desk->lock);
    (void)pthread_mutex_destroy(&desk->filling);
    (void)pthread_cond_destroy(&desk->wanted);
    free(desk);
}

/* ---- annotators ---- */

static int number(fd_desk *desk, const char *name, uint32_t *ret) {
    fd_annotator *annotator;
    HASH_FIND_STR(desk->by_name, name, annotator);
    if (annotator) {
        *ret = annotator->number;
        return 0;
    }
    int r = fd_array_reserve(&desk->annotators, &desk->annotator_capacity,
                             desk->annotator_count + 1, sizeof(*desk->annotators));
    if (r < 0)
        return r;
    size_t length = strlen(name);
    annotator = calloc(1, sizeof(*annotator) + length + 1);
    if (!annotator)
        return -ENOMEM;
    memcpy(annotator->name, name, length);
    HASH_ADD_KEYPTR(hh, desk->by_name, annotator->name, length, annotator);
    if (!annotator->hh.tbl) {
        free(annotator);
        return -ENOMEM;
    }
    annotator->number = (uint32_t)desk->annotator_count;
    desk->annotators[desk->annotator_count++] = annotator;
    *ret = annotator->number;
    return 0;
}

int fd_assign_number(fd_engine *engine, const char *annotator, uint32_t *ret) {
    (void)pthread_mutex_lock(&engine->desk->lock);
    int r = number(engine->desk, annotator, ret);
    (void)pthread_mutex_unlock(&engine->desk->lock);
    return r;
}

/* ---- pairs ---- */

fd_pair_record *fd_desk_record(fd_desk *desk, fi_pair pair) {
    uint64_t key = fd_pair_key(pair.a, pair.b);
    fd_pair_record *record;
    HASH_FIND(hh, desk->records, &key, sizeof(key), record);
    if (record)
        return record;
    record = calloc(1, sizeof(*record));
    if (!record)
        return NULL;
    record->key = key;
    HASH_ADD(hh, desk->records, key, sizeof(record->key), record);
    if (!record->hh.tbl) {
        free(record);
        return NULL;
    }
    return record;
}

bool fd_desk_had(const fd_pair_record *record, uint32_t annotator) {
    for (size_t i = 0; i < record->n_people; i++)
        if (record->people[i] == annotator)
            return true;
    return false;
}

static int add_person(fd_pair_record *record, uint32_t annotator) {
    if (fd_desk_had(record, annotator))
        return 0;
    uint32_t *people = reallocarray(record->people, record->n_people + 1, sizeof(*record->people));
    if (!people)
        return -ENOMEM;
    record->people = people;
    people[record->n_people++] = annotator;
    return 0;
}

static void drop_person(fd_pair_record *record, uint32_t annotator) {
    for (size_t i = 0; i < record->n_people; i++)
        if (record->people[i] == annotator) {
            record->people[i] = record->people[--record->n_people];
            return;
        }
}

/* Annotators that a pair still goes to: a share of pairs, by their key, goes to several. */
size_t fd_desk_room(const fd_engine *engine, const fd_pair_record *record) {
    const fd_engine_options *options = &engine->options;
    uint64_t hash = (record->key ^ record->key >> 29) * 0x9e3779b97f4a7c15u;
    bool several = (double)(hash >> 11) * 0x1p-53 < options->redundancy_share;
    size_t wanted = several ? options->redundancy : 1, taken = record->answered + record->open;
    return record->skipped > options->max_skips || taken >= wanted ? 0 : wanted - taken;
}

/* ---- queues ---- */

static void remove_offer(fd_desk *desk, fd_arm arm, size_t at) {
    fd_ready_queue *queue = &desk->ready[arm];
    fd_offer_free(queue->offers[at]);
    memmove(queue->offers + at, queue->offers + at + 1,
            (--queue->count - at) * sizeof(*queue->offers));
}

int fd_desk_put(fd_engine *engine, fd_offer *offer, bool first) {
    fd_desk *desk = engine->desk;
    fd_pair_record *record = fd_desk_record(desk, offer->pair);
    fd_ready_queue *queue = &desk->ready[offer->arm];
    if (!record)
        return -ENOMEM;
    if (record->ready || fd_desk_room(engine, record) == 0)
        return 0;
    int r = fd_array_reserve(&queue->offers, &queue->capacity, queue->count + 1,
                             sizeof(*queue->offers));
    if (r < 0)
        return r;
    size_t at = first ? 0 : queue->count;
    memmove(queue->offers + at + 1, queue->offers + at,
            (queue->count - at) * sizeof(*queue->offers));
    queue->offers[at] = fd_offer_reference(offer);
    queue->count++;
    record->ready = true;
    return 0;
}

/* A pair that nobody else may have leaves the queues. */
static void drop_ready(fd_engine *engine, fd_pair_record *record) {
    fd_desk *desk = engine->desk;
    if (!record->ready || fd_desk_room(engine, record) > 0)
        return;
    record->ready = false;
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        for (size_t i = desk->ready[arm].count; i-- > 0;) {
            fi_pair pair = desk->ready[arm].offers[i]->pair;
            if (fd_pair_key(pair.a, pair.b) == record->key)
                remove_offer(desk, (fd_arm)arm, i);
        }
}

/* A pair that was begun and has room again, but of which no offer is at hand. */
void fd_desk_note_unfinished(fd_engine *engine, fd_pair_record *record) {
    fd_desk *desk = engine->desk;
    if (!record || record->ready || record->unfinished || record->open > 0 ||
        record->answered + record->skipped == 0 || fd_desk_room(engine, record) == 0)
        return;
    if (fd_array_reserve(&desk->unfinished, &desk->unfinished_capacity, desk->n_unfinished + 1,
                         sizeof(*desk->unfinished)) < 0)
        return; /* it is offered after a restart */
    desk->unfinished[desk->n_unfinished++] = record->key;
    record->unfinished = true;
}

/* ---- leases ---- */

static void unlink_lease(fd_desk *desk, fd_lease *lease) {
    fd_lease **link = &desk->annotators[lease->annotator]->leases;
    while (*link != lease)
        link = &(*link)->next;
    *link = lease->next;
    HASH_DEL(desk->leases, lease);
}

/* Ends a lease without an answer: the pair can go to anyone again, whoever had it too. */
static void give_back(fd_engine *engine, fd_lease *lease) {
    fd_desk *desk = engine->desk;
    fd_pair_record *record = fd_desk_record(desk, lease->offer->pair);
    unlink_lease(desk, lease);
    if (record) {
        record->open--;
        drop_person(record, lease->annotator);
        if (fd_desk_put(engine, lease->offer, true) < 0)
            fd_desk_note_unfinished(engine, record);
    }
    fd_offer_free(lease->offer);
    free(lease);
}

void fd_desk_expire(fd_engine *engine, int64_t now_ms) {
    fd_desk *desk = engine->desk;
    if (now_ms < desk->next_expiry_ms)
        return;
    desk->next_expiry_ms = INT64_MAX;
    fd_lease *lease, *next;
    HASH_ITER(hh, desk->leases, lease, next) {
        if (lease->expires_ms <= now_ms) {
            fd_metrics_add(engine->metrics, FD_METRIC_LEASES_EXPIRED, NULL, NULL, 1);
            give_back(engine, lease);
        } else if (lease->expires_ms < desk->next_expiry_ms) {
            desk->next_expiry_ms = lease->expires_ms;
        }
    }
}

static void set_expiry(fd_engine *engine, fd_lease *lease, double seconds, int64_t now_ms) {
    double lasts = seconds > 0.0 ? seconds : engine->options.lease_seconds;
    lease->expires_ms = now_ms + (int64_t)(lasts * 1e3);
    if (lease->expires_ms < engine->desk->next_expiry_ms)
        engine->desk->next_expiry_ms = lease->expires_ms;
}

static int lease_out(fd_engine *engine, fd_offer *offer, uint32_t annotator, double seconds,
                     fd_lease **ret) {
    fd_desk *desk = engine->desk;
    fd_pair_record *record = fd_desk_record(desk, offer->pair);
    FD_FREE fd_lease *lease = calloc(1, sizeof(*lease));
    if (!lease || !record || add_person(record, annotator) < 0)
        return -ENOMEM;
    lease->offer = offer;
    lease->annotator = annotator;
    lease->swapped = fi_rng_below(&desk->rng, 2) == 1;
    make_id(lease);
    HASH_ADD_STR(desk->leases, id, lease);
    if (!lease->hh.tbl) {
        drop_person(record, annotator);
        return -ENOMEM;
    }
    (void)fd_offer_reference(offer);
    record->open++;
    desk->given_out++;
    set_expiry(engine, lease, seconds, fd_engine_now_ms(engine));
    fd_lease **link = &desk->annotators[annotator]->leases;
    while (*link)
        link = &(*link)->next;
    *link = lease;
    *ret = FD_STEAL(lease);
    drop_ready(engine, record);
    return 0;
}

/* The first offer of a queue that this annotator may have; NULL if there is none. Pairs that wait
 * for others can fill a queue, which then is not short and yet is for this annotator. */
static fd_offer *find_offer(fd_desk *desk, fd_arm arm, uint32_t annotator) {
    size_t count = desk->ready[arm].count;
    for (size_t i = 0; i < count; i++) {
        fd_offer *offer = desk->ready[arm].offers[i];
        const fd_pair_record *record = fd_desk_record(desk, offer->pair);
        if (i == count / 2)
            desk->hungry = annotator;
        if (record && !fd_desk_had(record, annotator))
            return offer;
    }
    return NULL;
}

/* -ENODATA where nothing lies ready for this annotator. */
static int take(fd_engine *engine, uint32_t annotator, double seconds, fd_lease **ret) {
    fd_desk *desk = engine->desk;
    bool control = fi_rng_uniform(&desk->rng) < engine->options.control_fraction;
    fd_arm arm = control ? FD_ARM_CONTROL : FD_ARM_ACTIVE;
    fd_offer *offer = find_offer(desk, arm, annotator);
    if (!offer)
        offer = find_offer(desk, control ? FD_ARM_ACTIVE : FD_ARM_CONTROL, annotator);
    if (!offer)
        return -ENODATA;
    int r = lease_out(engine, offer, annotator, seconds, ret);
    if (r == 0)
        fd_metrics_add(engine->metrics, FD_METRIC_ASSIGNMENTS,
                       (*ret)->offer->arm == FD_ARM_ACTIVE ? "active" : "control", NULL, 1);
    return r;
}

/* ---- requests ---- */

/* A lease as it was under the lock. */
struct given {
    fd_offer *offer;
    char id[FD_LEASE_ID_SIZE];
    bool swapped;
    int64_t expires_ms;
};

static struct given given_of(const fd_lease *lease) {
    struct given given = {
        .offer = fd_offer_reference(lease->offer),
        .swapped = lease->swapped,
        .expires_ms = lease->expires_ms,
    };
    memcpy(given.id, lease->id, sizeof(given.id));
    return given;
}

static int show(const struct given *given, fd_assignment_visit *visit, void *context) {
    const fd_offer *offer = given->offer;
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
    fd_desk *desk = engine->desk;
    size_t n = 0;
    int r = 0;
    (void)pthread_mutex_lock(&desk->lock);
    fd_desk_expire(engine, fd_engine_now_ms(engine));
    for (fd_lease *lease = desk->annotators[annotator]->leases; lease && n < count;
         lease = lease->next)
        given[n++] = given_of(lease);
    while (n < count && r == 0) {
        fd_lease *lease;
        r = take(engine, annotator, seconds, &lease);
        if (r == 0)
            given[n++] = given_of(lease);
    }
    *ret_fills = desk->fills;
    (void)pthread_mutex_unlock(&desk->lock);
    *ret_count = n;
    return r;
}

static void release(struct given *given, size_t count) {
    for (size_t i = 0; i < count; i++)
        fd_offer_free(given[i].offer);
}

int fd_engine_assign(fd_engine *engine, const char *annotator, size_t count, double lease_seconds,
                     fd_assignment_visit *visit, void *context, fd_fault *fault) {
    FD_FREE struct given *given = calloc(count + 1, sizeof(*given));
    uint32_t person;
    size_t n = 0;
    if (!given)
        return -ENOMEM;
    int r = fd_assign_number(engine, annotator, &person);
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
    fd_refill_tell(engine, false);
    return r;
}

static fd_lease *find_lease(fd_engine *engine, const char *id) {
    fd_lease *lease;
    fd_desk_expire(engine, fd_engine_now_ms(engine));
    HASH_FIND_STR(engine->desk->leases, id, lease);
    return lease;
}

int fd_engine_assignment_renew(fd_engine *engine, const char *id, double lease_seconds,
                               fd_assignment_visit *visit, void *context) {
    struct given given = {0};
    (void)pthread_mutex_lock(&engine->desk->lock);
    fd_lease *lease = find_lease(engine, id);
    if (lease) {
        set_expiry(engine, lease, lease_seconds, fd_engine_now_ms(engine));
        given = given_of(lease);
    }
    (void)pthread_mutex_unlock(&engine->desk->lock);
    if (!lease)
        return -ENOENT;
    int r = show(&given, visit, context);
    fd_offer_free(given.offer);
    return r;
}

int fd_engine_assignment_return(fd_engine *engine, const char *id) {
    (void)pthread_mutex_lock(&engine->desk->lock);
    fd_lease *lease = find_lease(engine, id);
    if (lease)
        give_back(engine, lease);
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
        return add_person(record, annotator);
    drop_person(record, annotator);
    return 0;
}

int fd_assign_replay(fd_engine *engine, const fd_label_row *row, uint32_t annotator,
                     fd_preference before) {
    fd_desk *desk = engine->desk;
    (void)pthread_mutex_lock(&desk->lock);
    fd_pair_record *record = fd_desk_record(desk, (fi_pair){row->item_a, row->item_b});
    int r = record ? count_change(record, annotator, before, row->preference) : -ENOMEM;
    fd_desk_note_unfinished(engine, record);
    (void)pthread_mutex_unlock(&desk->lock);
    return r;
}

/* The annotator's lease of the pair that was answered, whatever assignment the answer names. */
static fd_lease *lease_of(fd_desk *desk, const fd_label_row *row, uint32_t annotator) {
    uint64_t key = fd_pair_key(row->item_a, row->item_b);
    for (fd_lease *lease = desk->annotators[annotator]->leases; lease; lease = lease->next)
        if (fd_pair_key(lease->offer->pair.a, lease->offer->pair.b) == key)
            return lease;
    return NULL;
}

void fd_assign_close(fd_engine *engine, const fd_label_row *row, uint32_t annotator, bool fresh) {
    fd_desk *desk = engine->desk;
    (void)pthread_mutex_lock(&desk->lock);
    fd_pair_record *record = fd_desk_record(desk, (fi_pair){row->item_a, row->item_b});
    fd_lease *lease = lease_of(desk, row, annotator);
    FD_CLEANUP(fd_offer_freep) fd_offer *offer = NULL;
    if (lease) {
        unlink_lease(desk, lease);
        fd_pair_record *leased = fd_desk_record(desk, lease->offer->pair);
        if (leased)
            leased->open--;
        offer = lease->offer;
        free(lease);
    }
    if (record && fresh) {
        (void)add_person(record, annotator);
        count_answer(record, row->preference, 1);
        drop_ready(engine, record);
        /* A skip, or one answer of several: others may have it. */
        if (!offer || fd_desk_put(engine, offer, true) < 0)
            fd_desk_note_unfinished(engine, record);
    }
    (void)pthread_mutex_unlock(&desk->lock);
}

void fd_assign_revised(fd_engine *engine, fi_pair pair, uint32_t annotator, fd_preference before,
                       fd_preference after) {
    (void)pthread_mutex_lock(&engine->desk->lock);
    fd_pair_record *record = fd_desk_record(engine->desk, pair);
    if (record) {
        (void)count_change(record, annotator, before, after);
        drop_ready(engine, record);
        fd_desk_note_unfinished(engine, record);
    }
    (void)pthread_mutex_unlock(&engine->desk->lock);
}
