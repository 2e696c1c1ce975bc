/* Keeps the list of unfinished pairs. */
#include "unfinished_pairs.h"

#include "array.h"

void fd_unfinished_pairs_add(fd_unfinished_pairs *pairs, const fd_engine_options *options,
                             fd_pair_record *record) {
    if (!record || record->ready || record->unfinished || record->open > 0 ||
        record->answered + record->skipped == 0 ||
        fd_pair_record_annotators_wanted(options, record) == 0)
        return;
    if (fd_array_reserve(&pairs->keys, &pairs->capacity, pairs->count + 1, sizeof(*pairs->keys)) <
        0)
        return; /* the next start adds it */
    pairs->keys[pairs->count++] = record->key;
    record->unfinished = true;
}

bool fd_unfinished_pairs_take(fd_unfinished_pairs *pairs, fd_pair_records *records,
                              const fd_engine_options *options, fi_pair *ret) {
    while (pairs->count > 0) {
        uint64_t key = pairs->keys[--pairs->count];
        *ret = (fi_pair){(uint32_t)(key >> 32), (uint32_t)key};
        fd_pair_record *record = fd_pair_records_get_or_add(records, *ret);
        if (!record)
            continue;
        record->unfinished = false;
        if (!record->ready && fd_pair_record_annotators_wanted(options, record) > 0)
            return true;
    }
    return false;
}

void fd_unfinished_pairs_clear(fd_unfinished_pairs *pairs) {
    free(pairs->keys);
    *pairs = (fd_unfinished_pairs){0};
}
