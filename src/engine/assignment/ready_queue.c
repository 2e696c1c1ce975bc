/* Puts pairs into the ready queues and takes them out. */
#include "ready_queue.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "annotators.h"
#include "array.h"
#include "pair_set.h"

int fd_ready_queues_put(fd_ready_queues *queues, fd_ready_pair *ready_pair, bool first) {
    fd_pair_record *record = fd_pair_records_get_or_add(queues->records, ready_pair->pair);
    fd_ready_queue *queue = &queues->arms[ready_pair->arm];
    if (!record)
        return -ENOMEM;
    if (queues->items_have_texts && !ready_pair->comparable)
        return 0;
    if (record->ready || fd_pair_record_annotators_wanted(queues->options, record) == 0)
        return 0;
    int r =
        fd_array_reserve(&queue->pairs, &queue->capacity, queue->count + 1, sizeof(*queue->pairs));
    if (r == 0)
        r = fd_array_reserve(&queue->places, &queue->place_capacity, queue->count + 1,
                             sizeof(*queue->places));
    if (r < 0)
        return r;
    size_t at = first ? 0 : queue->count;
    memmove(queue->pairs + at + 1, queue->pairs + at, (queue->count - at) * sizeof(*queue->pairs));
    memmove(queue->places + at + 1, queue->places + at,
            (queue->count - at) * sizeof(*queue->places));
    queue->places[at] = first ? --queue->front : queue->back++;
    queue->pairs[at] = fd_ready_pair_reference(ready_pair);
    queue->count++;
    record->ready = true;
    return 0;
}

static void remove_at(fd_ready_queue *queue, size_t at) {
    fd_ready_pair_free(queue->pairs[at]);
    memmove(queue->pairs + at, queue->pairs + at + 1,
            (--queue->count - at) * sizeof(*queue->pairs));
    memmove(queue->places + at, queue->places + at + 1,
            (queue->count - at) * sizeof(*queue->places));
}

/* Removes the pair of the record from a queue that it lies in, near the front more often than not.
 */
static bool remove_record(fd_ready_queue *queue, const fd_pair_record *record) {
    for (size_t i = 0; i < queue->count; i++)
        if (fd_pair_key(queue->pairs[i]->pair.a, queue->pairs[i]->pair.b) == record->key) {
            remove_at(queue, i);
            return true;
        }
    return false;
}

void fd_ready_queues_remove_finished(fd_ready_queues *queues, fd_pair_record *record) {
    if (!record->ready || fd_pair_record_annotators_wanted(queues->options, record) > 0)
        return;
    record->ready = false;
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        if (remove_record(&queues->arms[arm], record))
            return;
}

/* ---- finding ---- */

/* NULL without memory: then nothing is remembered. */
static fd_passed_places *passed_by(fd_ready_queue *queue, uint32_t annotator) {
    size_t before = queue->passed_capacity;
    if (fd_array_reserve(&queue->passed, &queue->passed_capacity, (size_t)annotator + 1,
                         sizeof(*queue->passed)) < 0)
        return NULL;
    if (queue->passed_capacity > before)
        memset(queue->passed + before, 0,
               (queue->passed_capacity - before) * sizeof(*queue->passed));
    return &queue->passed[annotator];
}

/* The first index from `low` on whose place is not before `place`. */
static size_t index_of_place(const fd_ready_queue *queue, size_t low, int64_t place) {
    size_t high = queue->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (queue->places[middle] < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first index from `first` to `end` whose pair the annotator may get; `end` if there is none.
 */
static size_t find_between(const fd_ready_queues *queues, const fd_ready_queue *queue,
                           uint32_t annotator, size_t first, size_t end) {
    for (; first < end; first++) {
        const fd_pair_record *record =
            fd_pair_records_find(queues->records, queue->pairs[first]->pair);
        if (record && !fd_pair_record_has_annotator(record, annotator))
            break;
    }
    return first;
}

fd_ready_pair *fd_ready_queues_find(fd_ready_queues *queues, fd_arm arm, uint32_t annotator,
                                    size_t *ret_behind) {
    fd_ready_queue *queue = &queues->arms[arm];
    fd_passed_places none = {0}, *passed = passed_by(queue, annotator);
    passed = passed ? passed : &none;
    /* Those that were put to the front since, and then those behind what was passed. */
    size_t end = index_of_place(queue, 0, passed->first);
    size_t at = find_between(queues, queue, annotator, 0, end);
    if (at == end) {
        at = index_of_place(queue, end, passed->end);
        at = find_between(queues, queue, annotator, at, queue->count);
        passed->first = queue->front;
        passed->end = at < queue->count ? queue->places[at] : queue->back;
    }
    *ret_behind = at;
    return at < queue->count ? queue->pairs[at] : NULL;
}

void fd_ready_queues_forget_passed(fd_ready_queues *queues, uint32_t annotator) {
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        if (annotator < queues->arms[arm].passed_capacity)
            queues->arms[arm].passed[annotator] = (fd_passed_places){0};
}

/* ---- all pairs of a queue ---- */

void fd_ready_queues_drop_untouched(fd_ready_queues *queues) {
    fd_ready_queue *queue = &queues->arms[FD_ARM_ACTIVE];
    size_t kept = 0;
    for (size_t i = 0; i < queue->count; i++) {
        fd_ready_pair *ready_pair = queue->pairs[i];
        fd_pair_record *record = fd_pair_records_get_or_add(queues->records, ready_pair->pair);
        /* Selections leave out pairs that are out or have an answer: these would not come back. */
        if (!record || record->answered + record->skipped + record->open > 0) {
            queue->places[kept] = queue->places[i];
            queue->pairs[kept++] = ready_pair;
            continue;
        }
        record->ready = false;
        fd_pair_records_free_if_unused(queues->records, record);
        fd_ready_pair_free(ready_pair);
    }
    queue->count = kept;
}

static void keep_comparable(fd_ready_queues *queues, fd_ready_queue *queue) {
    size_t kept = 0;
    for (size_t i = 0; i < queue->count; i++) {
        fd_ready_pair *ready_pair = queue->pairs[i];
        if (ready_pair->comparable) {
            queue->places[kept] = queue->places[i];
            queue->pairs[kept++] = ready_pair;
            continue;
        }
        fd_pair_record *record = fd_pair_records_find(queues->records, ready_pair->pair);
        if (record) {
            record->ready = false;
            fd_pair_records_free_if_unused(queues->records, record);
        }
        fd_ready_pair_free(ready_pair);
    }
    queue->count = kept;
}

void fd_ready_queues_keep_comparable(fd_ready_queues *queues) {
    queues->items_have_texts = true;
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++)
        keep_comparable(queues, &queues->arms[arm]);
}

size_t fd_ready_queues_count(fd_ready_queues *queues, fd_arm arm, uint32_t annotator) {
    const fd_ready_queue *queue = &queues->arms[arm];
    if (annotator == FD_NOBODY)
        return queue->count;
    size_t count = 0;
    for (size_t i = 0; i < queue->count; i++) {
        const fd_pair_record *record =
            fd_pair_records_get_or_add(queues->records, queue->pairs[i]->pair);
        count += record && !fd_pair_record_has_annotator(record, annotator);
    }
    return count;
}

void fd_ready_queues_clear(fd_ready_queues *queues) {
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++) {
        for (size_t i = 0; i < queues->arms[arm].count; i++)
            fd_ready_pair_free(queues->arms[arm].pairs[i]);
        free(queues->arms[arm].pairs);
        free(queues->arms[arm].places);
        free(queues->arms[arm].passed);
    }
}
