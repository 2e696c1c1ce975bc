/* Puts pairs into the ready queues and takes them out. */
#include "ready_queue.h"

#include <errno.h>
#include <string.h>

#include "annotators.h"
#include "array.h"
#include "pair_set.h"

int fd_ready_queues_put(fd_ready_queues *queues, fd_ready_pair *ready_pair, bool first) {
    fd_pair_record *record = fd_pair_records_get_or_add(queues->records, ready_pair->pair);
    fd_ready_queue *queue = &queues->arms[ready_pair->arm];
    if (!record)
        return -ENOMEM;
    if (record->ready || fd_pair_record_annotators_wanted(queues->options, record) == 0)
        return 0;
    int r =
        fd_array_reserve(&queue->pairs, &queue->capacity, queue->count + 1, sizeof(*queue->pairs));
    if (r < 0)
        return r;
    size_t at = first ? 0 : queue->count;
    memmove(queue->pairs + at + 1, queue->pairs + at, (queue->count - at) * sizeof(*queue->pairs));
    queue->pairs[at] = fd_ready_pair_reference(ready_pair);
    queue->count++;
    record->ready = true;
    return 0;
}

static void remove_at(fd_ready_queue *queue, size_t at) {
    fd_ready_pair_free(queue->pairs[at]);
    memmove(queue->pairs + at, queue->pairs + at + 1,
            (--queue->count - at) * sizeof(*queue->pairs));
}

void fd_ready_queues_remove_finished(fd_ready_queues *queues, fd_pair_record *record) {
    if (!record->ready || fd_pair_record_annotators_wanted(queues->options, record) > 0)
        return;
    record->ready = false;
    for (size_t arm = 0; arm < FD_ARM_COUNT; arm++) {
        fd_ready_queue *queue = &queues->arms[arm];
        for (size_t i = queue->count; i-- > 0;)
            if (fd_pair_key(queue->pairs[i]->pair.a, queue->pairs[i]->pair.b) == record->key)
                remove_at(queue, i);
    }
}

void fd_ready_queues_drop_untouched(fd_ready_queues *queues) {
    fd_ready_queue *queue = &queues->arms[FD_ARM_ACTIVE];
    size_t kept = 0;
    for (size_t i = 0; i < queue->count; i++) {
        fd_ready_pair *ready_pair = queue->pairs[i];
        fd_pair_record *record = fd_pair_records_get_or_add(queues->records, ready_pair->pair);
        /* Selections leave out pairs with an answer, so these would not come back. */
        if (!record || record->answered + record->skipped > 0) {
            queue->pairs[kept++] = ready_pair;
            continue;
        }
        record->ready = false;
        fd_pair_records_free_if_unused(queues->records, record);
        fd_ready_pair_free(ready_pair);
    }
    queue->count = kept;
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
    }
}
