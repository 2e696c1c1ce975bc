/* Leases: offers that are out to an annotator until they are answered, handed back or expire. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "desk.h"
#include "random.h"

enum { JUMP_MS = 500 };

/* ---- ids ---- */

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
    fd_random(random, sizeof(random));
    (void)snprintf(lease->id, sizeof(lease->id), "%c%03x-%08" PRIx32 "%08" PRIx32 "%08" PRIx32,
                   lease->offer->arm == FD_ARM_ACTIVE ? 'a' : 'c',
                   (unsigned)lrint(p * 2.0 * FD_ORIGIN_EVEN), random[0], random[1], random[2]);
}

/* ---- begins ---- */

void fd_lease_set_expiry(fd_engine *engine, fd_lease *lease, double seconds) {
    double lasts = seconds > 0.0 ? seconds : engine->options.lease_seconds;
    lease->expires_ms = fd_engine_steady_ms(engine) + (int64_t)(lasts * 1e3);
    if (lease->expires_ms < engine->desk->next_expiry_ms)
        engine->desk->next_expiry_ms = lease->expires_ms;
}

/* Two readings of two clocks are a moment apart: only a jump of one moves what was told. */
int64_t fd_lease_expires_ms(fd_engine *engine, const fd_lease *lease) {
    int64_t offset = fd_engine_now_ms(engine) - fd_engine_steady_ms(engine);
    if (llabs(offset - engine->desk->wall_offset_ms) >= JUMP_MS)
        engine->desk->wall_offset_ms = offset;
    return lease->expires_ms + engine->desk->wall_offset_ms;
}

static int lease_out(fd_engine *engine, fd_offer *offer, uint32_t annotator, double seconds,
                     fd_lease **ret) {
    fd_desk *desk = engine->desk;
    fd_pair_record *record = fd_desk_record(desk, offer->pair);
    FD_FREE fd_lease *lease = calloc(1, sizeof(*lease));
    if (!lease || !record || fd_desk_add_person(record, annotator) < 0)
        return -ENOMEM;
    lease->offer = offer;
    lease->annotator = annotator;
    lease->swapped = fi_rng_below(&desk->rng, 2) == 1;
    make_id(lease);
    HASH_ADD_STR(desk->leases, id, lease);
    if (!lease->hh.tbl) {
        fd_desk_drop_person(record, annotator);
        return -ENOMEM;
    }
    (void)fd_offer_reference(offer);
    record->open++;
    desk->given_out++;
    fd_lease_set_expiry(engine, lease, seconds);
    fd_lease **link = &desk->annotators[annotator]->leases;
    while (*link)
        link = &(*link)->next;
    *link = lease;
    *ret = FD_STEAL(lease);
    fd_desk_drop_ready(engine, record);
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

int fd_lease_take(fd_engine *engine, uint32_t annotator, double seconds, fd_lease **ret) {
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

/* ---- ends ---- */

fd_offer *fd_lease_end(fd_desk *desk, fd_lease *lease) {
    fd_lease **link = &desk->annotators[lease->annotator]->leases;
    while (*link != lease)
        link = &(*link)->next;
    *link = lease->next;
    HASH_DEL(desk->leases, lease);
    fd_pair_record *record = fd_desk_record(desk, lease->offer->pair);
    if (record)
        record->open--;
    fd_offer *offer = lease->offer;
    free(lease);
    return offer;
}

/* The pair can go to anyone again, whoever had it too. */
void fd_lease_give_back(fd_engine *engine, fd_lease *lease) {
    uint32_t annotator = lease->annotator;
    FD_CLEANUP(fd_offer_freep) fd_offer *offer = fd_lease_end(engine->desk, lease);
    fd_pair_record *record = fd_desk_record(engine->desk, offer->pair);
    if (!record)
        return;
    fd_desk_drop_person(record, annotator);
    if (fd_desk_put(engine, offer, true) < 0)
        fd_desk_note_unfinished(engine, record);
}

void fd_lease_expire(fd_engine *engine) {
    fd_desk *desk = engine->desk;
    int64_t now_ms = fd_engine_steady_ms(engine);
    if (now_ms < desk->next_expiry_ms)
        return;
    desk->next_expiry_ms = INT64_MAX;
    fd_lease *lease, *next;
    HASH_ITER(hh, desk->leases, lease, next) {
        if (lease->expires_ms <= now_ms) {
            fd_metrics_add(engine->metrics, FD_METRIC_LEASES_EXPIRED, NULL, NULL, 1);
            fd_lease_give_back(engine, lease);
        } else if (lease->expires_ms < desk->next_expiry_ms) {
            desk->next_expiry_ms = lease->expires_ms;
        }
    }
}

fd_lease *fd_lease_find(fd_engine *engine, const char *id) {
    fd_lease *lease;
    fd_lease_expire(engine);
    HASH_FIND_STR(engine->desk->leases, id, lease);
    return lease;
}
