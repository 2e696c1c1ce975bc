/* The desk itself: the annotators' numbers, the records of pairs and the queues. */
#include <errno.h>
#include <string.h>

#include "array.h"
#include "desk.h"
#include "random.h"

/* ---- life ---- */

int fd_desk_new(fd_desk **ret) {
    fd_desk *desk = calloc(1, sizeof(*desk));
    if (!desk)
        return -ENOMEM;
    uint64_t seed;
    fd_random(&seed, sizeof(seed));
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

int fd_desk_number(fd_desk *desk, const char *name, uint32_t *ret) {
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

void fd_desk_forget(fd_desk *desk, fd_pair_record *record) {
    if (record->answered + record->skipped + record->open > 0 || record->n_people > 0 ||
        record->ready || record->unfinished)
        return;
    HASH_DEL(desk->records, record);
    free(record->people);
    free(record);
}

bool fd_desk_had(const fd_pair_record *record, uint32_t annotator) {
    for (size_t i = 0; i < record->n_people; i++)
        if (record->people[i] == annotator)
            return true;
    return false;
}

int fd_desk_add_person(fd_pair_record *record, uint32_t annotator) {
    if (fd_desk_had(record, annotator))
        return 0;
    uint32_t *people = reallocarray(record->people, record->n_people + 1, sizeof(*record->people));
    if (!people)
        return -ENOMEM;
    record->people = people;
    people[record->n_people++] = annotator;
    return 0;
}

void fd_desk_drop_person(fd_pair_record *record, uint32_t annotator) {
    for (size_t i = 0; i < record->n_people; i++)
        if (record->people[i] == annotator) {
            record->people[i] = record->people[--record->n_people];
            return;
        }
}

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

void fd_desk_drop_ready(fd_engine *engine, fd_pair_record *record) {
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
