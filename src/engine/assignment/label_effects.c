/* Brings the records of pairs, the leases and the ready queues up to date with a label. */
#include "label_effects.h"

#include <errno.h>

#include "assignments_state.h"
#include "engine_state.h"
#include "pair_set.h"
#include "thread.h"

static fi_pair pair_of(const fd_label_row *row) {
    return (fi_pair){row->item_a, row->item_b};
}

/* `change` is 1, or UINT32_MAX to subtract 1. */
static void count_preference(fd_pair_record *record, fd_preference preference, uint32_t change) {
    if (fd_preference_counts(preference))
        record->answered += change;
    else if (preference == FD_PREFER_SKIP)
        record->skipped += change;
}

/* An annotator who retracts a label may get the pair again. */
static int count_change(fd_pair_record *record, uint32_t annotator, fd_preference before,
                        fd_preference after) {
    count_preference(record, before, UINT32_MAX);
    count_preference(record, after, 1);
    if (after != FD_PREFER_RETRACTED)
        return fd_pair_record_add_annotator(record, annotator);
    fd_pair_record_remove_annotator(record, annotator);
    return 0;
}

int fd_label_effects_replay(fd_engine *engine, const fd_label_row *row, uint32_t annotator,
                            fd_preference before) {
    fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&assignments->lock);
    fd_pair_record *record = fd_pair_records_get_or_add(&assignments->records, pair_of(row));
    int r = record ? count_change(record, annotator, before, row->preference) : -ENOMEM;
    fd_unfinished_pairs_add(&assignments->unfinished, &engine->options, record);
    return r;
}

/* The annotator's lease of the pair that was answered, whatever assignment the label names. */
static fd_lease *lease_of(const fd_assignments *assignments, fi_pair pair, uint32_t annotator) {
    uint64_t key = fd_pair_key(pair.a, pair.b);
    fd_lease *lease = fd_leases_of(&assignments->leases, annotator);
    while (lease && fd_pair_key(lease->ready_pair->pair.a, lease->ready_pair->pair.b) != key)
        lease = lease->next;
    return lease;
}

void fd_label_effects_on_label(fd_engine *engine, const fd_label_row *row, uint32_t annotator,
                               bool is_new) {
    fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&assignments->lock);
    fd_pair_record *record = fd_pair_records_get_or_add(&assignments->records, pair_of(row));
    fd_lease *lease = lease_of(assignments, pair_of(row), annotator);
    FD_CLEANUP(fd_ready_pair_freep)
    fd_ready_pair *ready_pair = lease ? fd_lease_end(engine, lease) : NULL;
    if (!record || !is_new)
        return;
    (void)fd_pair_record_add_annotator(record, annotator);
    count_preference(record, row->preference, 1);
    fd_ready_queues_remove_finished(&assignments->ready, record);
    /* After a skip, or one answer of several, others may get the pair. */
    if (!ready_pair || fd_ready_queues_put(&assignments->ready, ready_pair, true) < 0)
        fd_unfinished_pairs_add(&assignments->unfinished, &engine->options, record);
}

void fd_label_effects_on_revision(fd_engine *engine, fi_pair pair, uint32_t annotator,
                                  fd_preference before, fd_preference after) {
    fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&assignments->lock);
    fd_pair_record *record = fd_pair_records_get_or_add(&assignments->records, pair);
    if (!record)
        return;
    (void)count_change(record, annotator, before, after);
    fd_ready_queues_forget_passed(&assignments->ready, annotator);
    assignments->changes++;
    fd_ready_queues_remove_finished(&assignments->ready, record);
    fd_unfinished_pairs_add(&assignments->unfinished, &engine->options, record);
}
