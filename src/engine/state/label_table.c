/* The label table: adds revisions and keeps the counts that follow from them. */
#include "label_table.h"

#include <assert.h>
#include <string.h>

#include "array.h"

int fd_label_table_reserve(fd_label_table *table, size_t extra) {
    int r = fd_array_reserve(&table->revisions, &table->capacity, table->count + extra,
                             sizeof(fd_label_revision));
    if (r == 0)
        r = fd_pair_set_reserve(&table->labelled, extra);
    if (r == 0)
        r = fd_pair_set_reserve(&table->assignments, extra);
    if (r < 0)
        return r;
    if (table->count + extra > table->reserved)
        table->reserved = table->count + extra;
    return 0;
}

fd_label_revision fd_label_revision_of(const fd_label_row *row, uint32_t label,
                                       uint32_t annotator) {
    return (fd_label_revision){
        .pair = {row->item_a, row->item_b},
        .label = label,
        .annotator = annotator,
        .preference = (uint8_t)row->preference,
        .information = fd_information_change(FD_PREFER_RETRACTED, row->preference),
        .created_ms = row->created_ms,
        .duration_ms = row->duration_ms,
    };
}

static uint16_t claim_origin(fd_label_table *table, fd_origin origin) {
    uint32_t high = (uint32_t)(origin.number >> 32), low = (uint32_t)origin.number;
    if (origin.arm_and_p == FD_ORIGIN_NONE || fd_pair_set_count(&table->assignments, high, low) > 0)
        return FD_ORIGIN_NONE;
    (void)fd_pair_set_add(&table->assignments, high, low);
    return (uint16_t)(origin.arm_and_p | (origin.swapped ? FD_ORIGIN_SWAPPED : 0));
}

void fd_label_table_add(fd_label_table *table, const fd_label_revision *revision,
                        fd_origin origin) {
    assert(table->count < table->capacity && revision->label <= table->count);
    fd_label_revision *first = &table->revisions[revision->label];
    bool is_first = revision->label == table->count;
    fd_preference before = is_first ? FD_PREFER_RETRACTED : (fd_preference)first->newest;
    fd_preference after = (fd_preference)revision->preference;

    table->revisions[table->count] = *revision;
    table->revisions[table->count].origin = is_first ? claim_origin(table, origin) : first->origin;
    table->revisions[table->count++].information = fd_information_change(before, after);
    first->newest = (uint8_t)after;
    if (!is_first)
        table->by_preference[before]--;
    table->by_preference[after]++;
    table->counting = table->counting + fd_preference_counts(after);
    table->counting = table->counting - fd_preference_counts(before);
    if (before == FD_PREFER_RETRACTED && after != FD_PREFER_RETRACTED)
        (void)fd_pair_set_add(&table->labelled, revision->pair.a, revision->pair.b);
    else if (before != FD_PREFER_RETRACTED && after == FD_PREFER_RETRACTED)
        fd_pair_set_remove(&table->labelled, revision->pair.a, revision->pair.b);
}

void fd_label_table_clear(fd_label_table *table) {
    free(table->revisions);
    fd_pair_set_clear(&table->labelled);
    fd_pair_set_clear(&table->assignments);
    memset(table, 0, sizeof(*table));
}

uint64_t fd_label_revisions_counting(const fd_label_revision *revisions, size_t n) {
    int64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += revisions[i].information;
    return (uint64_t)count;
}
