/* Brings the records of pairs, the leases and the ready queues up to date with a label. */
#include "label_effects.h"

#include <errno.h>

#include "assignments_state.h"
#include "engine_state.h"
#include "pair_set.h"
#include "thread.h"
#include "writer.h"

static fi_pair pair_of(const fd_label_row *row) {
    return (fi_pair){row->item_a, row->item_b};
}

/* An annotator who retracts their last label may get the pair again. */
static int count_change(fd_pair_record *record, uint32_t annotator, fd_preference before,
                        fd_preference after) {
    int r = fd_pair_record_count(record, annotator, before, after);
    if (after == FD_PREFER_RETRACTED)
        fd_pair_record_remove_annotator(record, annotator);
    return r;
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

static void count_label(fd_engine *engine, const fd_label_row *row, uint32_t annotator,
                        bool is_new) {
    fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&assignments->lock);
    fd_pair_record *record = fd_pair_records_get_or_add(&assignments->records, pair_of(row));
    fd_lease *lease = lease_of(assignments, pair_of(row), annotator);
    FD_CLEANUP(fd_ready_pair_freep)
    fd_ready_pair *ready_pair = !lease                    ? NULL
                                : engine->store->replicas ? fd_lease_forget(engine, lease)
                                                          : fd_lease_end(engine, lease);
    if (!record || !is_new)
        return;
    (void)!fd_pair_record_count(record, annotator, FD_PREFER_RETRACTED, row->preference);
    fd_ready_queues_remove_finished(&assignments->ready, record);
    /* After a skip, or one answer of several, others may get the pair. */
    if (!ready_pair || fd_ready_queues_put(&assignments->ready, ready_pair, true) < 0)
        fd_unfinished_pairs_add(&assignments->unfinished, &engine->options, record);
}

void fd_label_effects_on_store(fd_engine *engine, const fd_label_row *row, uint32_t annotator) {
    fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&assignments->lock);
    fd_lease *lease = lease_of(assignments, pair_of(row), annotator);
    if (lease)
        fd_lease_note_answer(engine, lease);
}

void fd_label_effects_on_label(fd_engine *engine, const fd_label_row *row, uint32_t annotator,
                               bool is_new) {
    count_label(engine, row, annotator, is_new);
    fd_writer_write_soon(engine);
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

bool fd_label_effects_knows_pair(fd_engine *engine, fi_pair pair, uint32_t annotator) {
    fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&assignments->lock);
    const fd_pair_record *record = fd_pair_records_find(&assignments->records, pair);
    return record && fd_pair_record_has_annotator(record, annotator);
}
