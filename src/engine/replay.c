/* Reads items, scores, the project, labels and model versions from the store, and makes the first
 * snapshot. */
#include "replay.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "assignments_state.h"
#include "block_keeper.h"
#include "clock.h"
#include "embedder_record.h"
#include "engine_state.h"
#include "item_extras.h"
#include "item_text_features.h"
#include "label_effects.h"
#include "leases.h"
#include "log.h"
#include "model_replay.h"
#include "next_snapshot.h"
#include "progress_record.h"
#include "text_fill.h"
#include "thread.h"
#include "trainer_thread.h"

struct replay {
    fd_engine *engine;
    fd_counts counts; /* of all that the store holds */
    fd_fault *fault;
};

/* ---- items ---- */

/* Makes room for an item's numbers, and checks its place and its dimension. */
static int reserve_numbers(struct replay *replay, const fd_item_row *row) {
    fd_engine *engine = replay->engine;
    size_t index = engine->items.count;
    int r = 0;
    if (row->index != index)
        return fd_fault_set(replay->fault, -EBADMSG, "", "item %zu is missing from the store",
                            index);
    if (index == 0)
        engine->dimension = row->dimension;
    if (!engine->text_features)
        r = fd_growing_matrix_new(FD_TEXT_FEATURES, replay->counts.items, &engine->text_features);
    if (r == 0 && !engine->groups)
        r = fd_growing_matrix_new(1, replay->counts.items, &engine->groups);
    if (r < 0)
        return r;
    if (row->dimension != engine->dimension)
        return fd_fault_set(replay->fault, -EBADMSG, "",
                            "item \"%s\" has %zu numbers, those before it %zu", row->id,
                            row->dimension, engine->dimension);
    r = fd_growing_matrix_reserve(&engine->groups, index, 1);
    return r < 0 ? r : fd_growing_matrix_reserve(&engine->text_features, index, 1);
}

static int replay_item(void *context, const fd_item_row *row) {
    struct replay *replay = context;
    fd_engine *engine = replay->engine;
    FD_CLEANUP(fd_item_entry_freep) fd_item_entry *entry = NULL;
    int r = reserve_numbers(replay, row);
    if (r == 0)
        r = fd_item_entry_new(row, &entry);
    if (r == 0)
        r = fd_item_table_reserve(&engine->items, 1, &entry, &row->prompt_id, 1);
    if (r < 0)
        return r;
    fd_text_features_place(&engine->options, row,
                           fd_growing_matrix_row(engine->text_features, row->index));
    fd_item_group_set(engine->groups, row->index, entry->prompt->index);
    fd_text_fill_note(engine, row);
    fd_item_table_add(&engine->items, FD_STEAL(entry));
    return 0;
}

/* ---- scores and the project ---- */

static int replay_score(void *context, const fd_score_row *row) {
    struct replay *replay = context;
    fd_score_table *scores = &replay->engine->scores;
    uint32_t name;
    if (row->item >= replay->engine->items.count)
        return fd_fault_set(replay->fault, -EBADMSG, "", "a score is of an unknown item, %u",
                            row->item);
    int r = fd_score_names_take(&scores->names, &scores->names.count, row->name, &name);
    if (r == -ENOSPC)
        return fd_fault_set(replay->fault, -EBADMSG, "", FD_SCORE_NAMES_FULL, row->name);
    if (r == -EINVAL)
        return fd_fault_set(replay->fault, -EBADMSG, "", "a score has a name that it may not have");
    if (r == 0)
        r = fd_score_table_reserve(scores, name, row->item);
    if (r == 0)
        fd_score_table_set(scores, name, row->item, row->value);
    return r;
}

static int replay_project(void *context, const fd_project_row *row) {
    struct replay *replay = context;
    fd_project_settings settings;
    int r = fd_project_settings_parse(row->settings, &settings, replay->fault);
    if (r == 0)
        fd_project_state_set(&replay->engine->project, row, &settings);
    return r;
}

static int replay_embedder(void *context, const fd_embedder_row *row) {
    struct replay *replay = context;
    return fd_embedder_record_replay(replay->engine, row);
}

/* ---- labels ---- */

static int check_label(const struct replay *replay, const fd_label_row *row) {
    const fd_engine *engine = replay->engine;
    if (row->item_a >= engine->items.count || row->item_b >= engine->items.count)
        return fd_fault_set(replay->fault, -EBADMSG, "", "label \"%s\" names an unknown item",
                            row->id);
    if (row->sequence != (int64_t)engine->labels.count + 1 || row->original > row->sequence)
        return fd_fault_set(replay->fault, -EBADMSG, "", "revision %lld of the labels is missing",
                            (long long)engine->labels.count + 1);
    return 0;
}

static int replay_label(void *context, const fd_label_row *row) {
    struct replay *replay = context;
    fd_engine *engine = replay->engine;
    uint32_t annotator;
    int r = check_label(replay, row);
    if (r == 0)
        r = fd_label_table_reserve(&engine->labels, 1);
    if (r == 0)
        r = fd_annotators_get_or_add(engine->annotators, row->annotator, &annotator);
    if (r < 0)
        return r;
    fd_label_revision revision =
        fd_label_revision_of(row, (uint32_t)(row->original - 1), annotator);
    fd_preference before = row->revision > 0
                               ? (fd_preference)engine->labels.revisions[revision.label].newest
                               : FD_PREFER_RETRACTED;
    fd_label_table_add(&engine->labels, &revision, fd_origin_of(engine->assignment_key, row));
    return fd_label_effects_replay(engine, row, annotator, before);
}

/* ---- leases ---- */

static int replay_lease(void *context, const fd_assignment_row *row) {
    struct replay *replay = context;
    return fd_lease_replay(replay->engine, row);
}

/* ---- models ---- */

/* The model that served, or an untrained one, serves again, with all items and labels. */
static int replay_models(fd_engine *engine, fd_fault *fault) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *base = NULL;
    size_t trained = 0;
    int r = fd_model_replay(engine, &base, &trained);
    if (r == 0)
        r = fd_block_keeper_replay(engine, base);
    fd_pending pending = {
        .items = engine->items.count, .revisions = engine->labels.count, .base = base};
    fd_snapshot *snapshot;
    if (r == 0)
        r = fd_next_snapshot(engine, &pending, &snapshot);
    if (r == -EBADMSG)
        return fd_fault_set(fault, r, "", "the embedding of an item is missing from the store");
    if (r < 0)
        return r;
    {
        FD_WRITE_LOCKED(&engine->state_lock); /* the thread of a replica tells what serves */
        engine->snapshot = snapshot;
    }
    fd_trainer_set_trained(engine, base ? trained : 0);
    fd_progress_record_update(engine, base ? &base->served->row : NULL);
    return 0;
}

/* ---- all ---- */

static int replay_rows(struct replay *replay) {
    fd_engine *engine = replay->engine;
    const fd_store_operations *store = engine->store->operations;
    int r = store->items_read(engine->store, 0, SIZE_MAX, false, replay_item, replay);
    if (r == 0)
        r = store->scores_read(engine->store, replay_score, replay);
    if (r == 0)
        r = store->project_read(engine->store, replay_project, replay);
    if (r == 0)
        r = store->embedder_read(engine->store, replay_embedder, replay);
    if (r == 0)
        r = store->labels_read(engine->store, 0, SIZE_MAX, replay_label, replay);
    if (r == 0)
        r = store->assignments_read_open(engine->store, replay_lease, replay);
    return r;
}

/* Versions are read at the end. */
static int pass_model(void *context, const fd_model_row *row) {
    (void)context;
    (void)row;
    return 0;
}

/* All rows as of one moment, from which on the others are followed. */
static int replay_shared_rows(struct replay *replay) {
    static const fd_change_visits visits = {
        .item = replay_item,
        .without_embeddings = true,
        .score = replay_score,
        .project = replay_project,
        .embedder = replay_embedder,
        .label = replay_label,
        .assignment = replay_lease,
        .model = pass_model,
    };
    fd_store *store = replay->engine->store;
    return store->replicas->catch_up(store, &visits, replay);
}

int fd_replay_store(fd_engine *engine, fd_fault *fault) {
    const fd_store_operations *store = engine->store->operations;
    struct replay replay = {.engine = engine, .fault = fault};
    double start = fd_monotonic_seconds();

    if (sodium_init() < 0)
        return -EIO;
    int r = store->assignment_key(engine->store, engine->assignment_key);
    if (r == 0)
        r = store->counts(engine->store, &replay.counts);
    if (r == 0)
        r = engine->store->replicas ? replay_shared_rows(&replay) : replay_rows(&replay);
    if (r == 0)
        r = replay_models(engine, fault);
    if (r < 0)
        return r;
    uint64_t version = engine->snapshot ? engine->snapshot->served->row.version : 0;
    fd_log(FD_LOG_INFO, "replayed", FD_INT("items", engine->items.count),
           FD_INT("labels", engine->labels.counting),
           FD_INT("leases", HASH_COUNT(engine->assignments->leases.by_id)),
           FD_INT("model_version", version), FD_REAL("seconds", fd_monotonic_seconds() - start));
    return 0;
}
