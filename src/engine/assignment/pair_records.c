/* Keeps the records of pairs in chunks, and finds them by open addressing. */
#include "pair_records.h"

#include <errno.h>
#include <string.h>

#include "array.h"
#include "label_table.h"
#include "pair_set.h"

enum { RECORDS_AT_ONCE = 1024, SLOTS_LEAST = 16 };

/* ---- records ---- */

static fd_pair_record *record_at(const fd_pair_records *records, uint32_t number) {
    return &records->chunks[number / RECORDS_AT_ONCE][number % RECORDS_AT_ONCE];
}

/* A record that is not in use. */
static int take_record(fd_pair_records *records, uint32_t *ret) {
    if (records->freed > 0) {
        *ret = records->freed - 1;
        records->freed = (uint32_t)record_at(records, *ret)->key;
        return 0;
    }
    if (records->made == UINT32_MAX - 1)
        return -ENOMEM;
    if (records->made == records->n_chunks * RECORDS_AT_ONCE) {
        int r = fd_array_reserve(&records->chunks, &records->capacity, records->n_chunks + 1,
                                 sizeof(*records->chunks));
        fd_pair_record *chunk = r == 0 ? calloc(RECORDS_AT_ONCE, sizeof(*chunk)) : NULL;
        if (!chunk)
            return -ENOMEM;
        records->chunks[records->n_chunks++] = chunk;
    }
    *ret = records->made++;
    return 0;
}

/* ---- the index ---- */

static uint64_t hash_of(uint64_t key) {
    return (key ^ key >> 29) * 0x9e3779b97f4a7c15u;
}

static struct fd_pair_record_part *part_of(const fd_pair_records *records, uint64_t key) {
    return (struct fd_pair_record_part *)&records->parts[hash_of(key) >> 54];
}

static uint32_t first_slot(const struct fd_pair_record_part *part, uint64_t key) {
    return (uint32_t)(hash_of(key) >> 22) & (part->n_slots - 1);
}

/* The slot of a key, or the empty one that it would get. */
static uint32_t slot_of(const fd_pair_records *records, const struct fd_pair_record_part *part,
                        uint64_t key) {
    uint32_t i = first_slot(part, key);
    while (part->slots[i] > 0 && record_at(records, part->slots[i] - 1)->key != key)
        i = (i + 1) & (part->n_slots - 1);
    return i;
}

/* Makes room for one more record. */
static int reserve_slot(fd_pair_records *records, struct fd_pair_record_part *part) {
    struct fd_pair_record_part larger = {.used = part->used};
    if (((uint64_t)part->used + 1) * 4 <= (uint64_t)part->n_slots * 3)
        return 0;
    larger.n_slots = part->n_slots > 0 ? 2 * part->n_slots : SLOTS_LEAST;
    larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
    if (!larger.slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < part->n_slots; i++)
        if (part->slots[i] > 0) {
            uint64_t key = record_at(records, part->slots[i] - 1)->key;
            larger.slots[slot_of(records, &larger, key)] = part->slots[i];
        }
    free(part->slots);
    *part = larger;
    return 0;
}

/* Empties a slot, and moves those behind it that would not be found any more. */
static void empty_slot(const fd_pair_records *records, struct fd_pair_record_part *part,
                       uint32_t empty) {
    uint32_t mask = part->n_slots - 1;
    part->slots[empty] = 0;
    for (uint32_t i = (empty + 1) & mask; part->slots[i] > 0; i = (i + 1) & mask) {
        uint32_t first = first_slot(part, record_at(records, part->slots[i] - 1)->key);
        if (((i - first) & mask) < ((i - empty) & mask))
            continue; /* it would lie before its first slot */
        part->slots[empty] = part->slots[i];
        part->slots[i] = 0;
        empty = i;
    }
    part->used--;
}

void fd_pair_records_prefetch_slot(const fd_pair_records *records, fi_pair pair) {
    uint64_t key = fd_pair_key(pair.a, pair.b);
    const struct fd_pair_record_part *part = part_of(records, key);
    if (part->n_slots > 0)
        __builtin_prefetch(&part->slots[first_slot(part, key)], 1);
}

void fd_pair_records_prefetch(const fd_pair_records *records, fi_pair pair) {
    uint64_t key = fd_pair_key(pair.a, pair.b);
    const struct fd_pair_record_part *part = part_of(records, key);
    uint32_t number = part->n_slots > 0 ? part->slots[first_slot(part, key)] : 0;
    if (number > 0)
        __builtin_prefetch(record_at(records, number - 1), 1);
}

fd_pair_record *fd_pair_records_find(const fd_pair_records *records, fi_pair pair) {
    uint64_t key = fd_pair_key(pair.a, pair.b);
    const struct fd_pair_record_part *part = part_of(records, key);
    if (part->n_slots == 0)
        return NULL;
    uint32_t number = part->slots[slot_of(records, part, key)];
    return number > 0 ? record_at(records, number - 1) : NULL;
}

fd_pair_record *fd_pair_records_get_or_add(fd_pair_records *records, fi_pair pair) {
    uint64_t key = fd_pair_key(pair.a, pair.b);
    struct fd_pair_record_part *part = part_of(records, key);
    fd_pair_record *record = fd_pair_records_find(records, pair);
    uint32_t number;
    if (record)
        return record;
    if (reserve_slot(records, part) < 0 || take_record(records, &number) < 0)
        return NULL;
    record = record_at(records, number);
    *record = (fd_pair_record){.key = key};
    part->slots[slot_of(records, part, key)] = number + 1;
    part->used++;
    records->count++;
    return record;
}

void fd_pair_records_free_if_unused(fd_pair_records *records, fd_pair_record *record) {
    if (record->answered + record->skipped + record->open > 0 || record->n_annotators > 0 ||
        record->ready || record->unfinished)
        return;
    struct fd_pair_record_part *part = part_of(records, record->key);
    uint32_t slot = slot_of(records, part, record->key), number = part->slots[slot];
    empty_slot(records, part, slot);
    record->key = records->freed;
    records->freed = number;
    records->count--;
}

void fd_pair_records_clear(fd_pair_records *records) {
    for (uint32_t i = 0; i < records->made; i++)
        if (record_at(records, i)->n_annotators > 1)
            free(record_at(records, i)->many);
    for (size_t i = 0; i < records->n_chunks; i++)
        free(records->chunks[i]);
    free(records->chunks);
    for (size_t i = 0; i < FD_PAIR_RECORD_PARTS; i++)
        free(records->parts[i].slots);
    memset(records, 0, sizeof(*records));
}

/* ---- annotators ---- */

static const fd_pair_annotator *annotators_of(const fd_pair_record *record) {
    return record->n_annotators > 1 ? record->many : &record->one;
}

static fd_pair_annotator *find(const fd_pair_record *record, uint32_t annotator) {
    const fd_pair_annotator *list = annotators_of(record);
    for (size_t i = 0; i < record->n_annotators; i++)
        if (list[i].number == annotator)
            return (fd_pair_annotator *)&list[i];
    return NULL;
}

bool fd_pair_record_has_annotator(const fd_pair_record *record, uint32_t annotator) {
    return find(record, annotator) != NULL;
}

int fd_pair_record_add_annotator(fd_pair_record *record, uint32_t annotator) {
    size_t n = record->n_annotators;
    fd_pair_annotator added = {.number = annotator};
    if (find(record, annotator))
        return 0;
    if (n == 0) {
        record->one = added;
    } else {
        fd_pair_annotator *list = reallocarray(n > 1 ? record->many : NULL, n + 1, sizeof(*list));
        if (!list)
            return -ENOMEM;
        if (n == 1)
            list[0] = record->one;
        list[n] = added;
        record->many = list;
    }
    record->n_annotators++;
    return 0;
}

void fd_pair_record_remove_annotator(fd_pair_record *record, uint32_t annotator) {
    fd_pair_annotator *entry = find(record, annotator);
    if (!entry || entry->answers + entry->skips > 0)
        return;
    size_t left = --record->n_annotators;
    if (left == 0)
        return;
    fd_pair_annotator *many = record->many;
    *entry = many[left];
    if (left == 1) {
        record->one = many[0];
        free(many);
    }
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
    bool several = (double)(hash_of(record->key) >> 11) * 0x1p-53 < options->redundancy_share;
    size_t wanted = several ? options->redundancy : 1, taken = record->answered + record->open;
    return record->skipped > options->max_skips || taken >= wanted ? 0 : wanted - taken;
}
