/* Keeps the records of pairs in a hash table. */
#include "pair_records.h"

#include <errno.h>

#include "label_table.h"
#include "pair_set.h"

fd_pair_record *fd_pair_records_find(const fd_pair_records *records, fi_pair pair) {
    uint64_t key = fd_pair_key(pair.a, pair.b);
    fd_pair_record *record;
    HASH_FIND(hh, records->by_key, &key, sizeof(key), record);
    return record;
}

fd_pair_record *fd_pair_records_get_or_add(fd_pair_records *records, fi_pair pair) {
    uint64_t key = fd_pair_key(pair.a, pair.b);
    fd_pair_record *record = fd_pair_records_find(records, pair);
    if (record)
        return record;
    record = calloc(1, sizeof(*record));
    if (!record)
        return NULL;
    record->key = key;
    HASH_ADD(hh, records->by_key, key, sizeof(record->key), record);
    if (!record->hh.tbl) {
        free(record);
        return NULL;
    }
    return record;
}

static void remove_record(fd_pair_records *records, fd_pair_record *record) {
    HASH_DEL(records->by_key, record);
    free(record->annotators);
    free(record);
}

void fd_pair_records_free_if_unused(fd_pair_records *records, fd_pair_record *record) {
    if (record->answered + record->skipped + record->open > 0 || record->n_annotators > 0 ||
        record->ready || record->unfinished)
        return;
    remove_record(records, record);
}

void fd_pair_records_clear(fd_pair_records *records) {
    fd_pair_record *record, *next;
    HASH_ITER(hh, records->by_key, record, next) {
        remove_record(records, record);
    }
}

/* ---- annotators ---- */

static fd_pair_annotator *find(const fd_pair_record *record, uint32_t annotator) {
    for (size_t i = 0; i < record->n_annotators; i++)
        if (record->annotators[i].number == annotator)
            return &record->annotators[i];
    return NULL;
}

bool fd_pair_record_has_annotator(const fd_pair_record *record, uint32_t annotator) {
    return find(record, annotator) != NULL;
}

int fd_pair_record_add_annotator(fd_pair_record *record, uint32_t annotator) {
    if (find(record, annotator))
        return 0;
    fd_pair_annotator *grown =
        reallocarray(record->annotators, record->n_annotators + 1, sizeof(*record->annotators));
    if (!grown)
        return -ENOMEM;
    record->annotators = grown;
    record->annotators[record->n_annotators++] = (fd_pair_annotator){.number = annotator};
    return 0;
}

void fd_pair_record_remove_annotator(fd_pair_record *record, uint32_t annotator) {
    fd_pair_annotator *entry = find(record, annotator);
    if (entry && entry->answers + entry->skips == 0)
        *entry = record->annotators[--record->n_annotators];
}

/* `change` is 1, or UINT32_MAX to subtract 1. */
static void count_label(fd_pair_annotator *entry, fd_preference preference, uint32_t change) {
    if (fd_preference_counts(preference))
        entry->answers += change;
    else if (preference == FD_PREFER_SKIP)
        entry->skips += change;
}

/* Adds an annotator's part of the record's counts, or takes it away. */
static void count_person(fd_pair_record *record, const fd_pair_annotator *entry, uint32_t change) {
    if (entry->answers > 0)
        record->answered += change;
    else if (entry->skips > 0)
        record->skipped += change;
}

int fd_pair_record_count(fd_pair_record *record, uint32_t annotator, fd_preference before,
                         fd_preference after) {
    int r = fd_pair_record_add_annotator(record, annotator);
    if (r < 0)
        return r;
    fd_pair_annotator *entry = find(record, annotator);
    count_person(record, entry, UINT32_MAX);
    count_label(entry, before, UINT32_MAX);
    count_label(entry, after, 1);
    count_person(record, entry, 1);
    return 0;
}

size_t fd_pair_record_annotators_wanted(const fd_engine_options *options,
                                        const fd_pair_record *record) {
    uint64_t hash = (record->key ^ record->key >> 29) * 0x9e3779b97f4a7c15u;
    bool several = (double)(hash >> 11) * 0x1p-53 < options->redundancy_share;
    size_t wanted = several ? options->redundancy : 1, taken = record->answered + record->open;
    return record->skipped > options->max_skips || taken >= wanted ? 0 : wanted - taken;
}
