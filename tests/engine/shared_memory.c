/* Lets several stores show one store in memory. A lock stands for the row of the clock: whoever
 * writes holds it from begin to commit. */
#include "shared_memory_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "memory_store.h"
#include "pair_set.h"
#include "thread.h"

/* ---- transactions ---- */

static int replica_begin(fd_store *store) {
    struct replica *replica = replica_of(store);
    int r = check_reach(replica);
    if (r < 0)
        return r;
    atomic_store(&replica->waits, true);
    (void)pthread_mutex_lock(&replica->shared->clock);
    atomic_store(&replica->waits, false);
    replica->in_transaction = true;
    replica->has_written = replica->has_embedder = replica->has_project = false;
    replica->n_models = replica->n_scores = replica->n_label_rows = 0;
    replica->first_lease = replica->shared->n_leases;
    replica->first_change = replica->shared->n_changes;
    return memory_of(replica)->begin(replica->base.inner);
}

static void forget_leases(shared_memory *shared, size_t first) {
    while (shared->n_leases > first) {
        fd_assignment_row *row = &shared->leases[--shared->n_leases].row;
        free((char *)row->id);
        free((char *)row->annotator);
        free((char *)row->strategy);
    }
}

static void end(struct replica *replica) {
    replica->in_transaction = false;
    (void)pthread_mutex_unlock(&replica->shared->clock);
}

static void undo(struct replica *replica) {
    memory_of(replica)->rollback(replica->base.inner);
    forget_leases(replica->shared, replica->first_lease);
    replica->shared->n_changes = replica->first_change;
}

void shared_memory_rollback(fd_store *store) {
    struct replica *replica = replica_of(store);
    if (!replica->in_transaction)
        return;
    undo(replica);
    end(replica);
}

static struct moment next_moment(struct replica *replica) {
    fd_counts counts;
    struct moment next = replica->shared->now;
    int r = memory_of(replica)->counts(replica->base.inner, &counts);
    assert(r == 0);
    next.tick++;
    next.items = counts.items;
    next.labels = counts.label_rows;
    next.scores += replica->n_scores;
    next.projects += replica->has_project;
    return next;
}

static void tell_others(shared_memory *shared, uint64_t tick) {
    FD_LOCKED(&shared->lock);
    shared->newest_tick = tick;
    (void)pthread_cond_broadcast(&shared->changed);
}

static void commit_rows(struct replica *replica) {
    shared_memory *shared = replica->shared;
    int r = memory_of(replica)->commit(replica->base.inner);
    assert(r == 0);
    if (!replica->has_written)
        return;
    assert(replica->has_applied && replica->applied.tick == shared->now.tick);
    shared->now = next_moment(replica);
    for (size_t i = replica->first_lease; i < shared->n_leases; i++)
        shared->leases[i].tick = shared->now.tick;
    for (size_t i = replica->first_change; i < shared->n_changes; i++)
        shared->changes[i].tick = shared->now.tick;
    for (size_t i = 0; i < replica->n_models; i++)
        shared->model_ticks[replica->models[i]] = shared->now.tick;
    if (replica->has_embedder)
        shared->embedder_tick = shared->now.tick;
    tell_others(shared, shared->now.tick);
}

static int replica_commit(fd_store *store) {
    struct replica *replica = replica_of(store);
    bool loses = replica->has_written &&
                 (atomic_exchange(&replica->loses_answer, false) || check_reach(replica) == -EIO);
    bool commits = !loses || atomic_load(&replica->commits);
    if (commits)
        commit_rows(replica);
    else
        undo(replica);
    replica->tried = replica->shared->now;
    replica->commit_counts = commits;
    if (!loses) {
        replica->applied = replica->has_written ? replica->shared->now : replica->applied;
        atomic_store(&replica->known_tick, replica->applied.tick);
    }
    end(replica);
    return loses ? -EAGAIN : 0;
}

static int replica_probe(fd_store *store) {
    return check_reach(replica_of(store));
}

/* ---- writing ---- */

/* What other replicas need to be told. */
#define WRITE(operation, parameters, note, ...)                                                    \
    static int replica_##operation parameters {                                                    \
        struct replica *replica = replica_of(store);                                               \
        int r = memory_of(replica)->operation(replica->base.inner, __VA_ARGS__);                   \
        if (r < 0)                                                                                 \
            return r;                                                                              \
        replica->has_written = true;                                                               \
        note;                                                                                      \
        return r;                                                                                  \
    }

static shared_change *add_change(struct replica *replica) {
    shared_memory *shared = replica->shared;
    int r = fd_array_reserve(&shared->changes, &shared->change_capacity, shared->n_changes + 1,
                             sizeof(*shared->changes));
    assert(r == 0);
    shared_change *change = &shared->changes[shared->n_changes++];
    *change = (shared_change){.writer = &replica->base.store};
    return change;
}

static void note_label(struct replica *replica, const char *id, const char *annotator, uint32_t a,
                       uint32_t b, fd_preference preference) {
    shared_change *change = add_change(replica);
    change->is_label = true;
    change->pair = fd_pair_key(a, b);
    change->preference = preference;
    (void)strncpy(change->id, id, sizeof(change->id) - 1);
    (void)strncpy(change->annotator, annotator, sizeof(change->annotator) - 1);
}

static void note_labels(struct replica *replica, const fd_label_row *rows, size_t n,
                        const int64_t *sequences) {
    int64_t pass = atomic_load(&replica->shared->label_ms);
    (void)atomic_fetch_add(&replica->shared->now_ms, pass);
    for (size_t i = 0; i < n; i++)
        if (sequences[i] > 0)
            note_label(replica, rows[i].id, rows[i].annotator, rows[i].item_a, rows[i].item_b,
                       rows[i].preference);
}

static void note_lease(struct replica *replica, const fd_assignment_row *row) {
    shared_memory *shared = replica->shared;
    int r = fd_array_reserve(&shared->leases, &shared->lease_capacity, shared->n_leases + 1,
                             sizeof(*shared->leases));
    assert(r == 0);
    fd_assignment_row copy = *row;
    copy.id = strdup(row->id);
    copy.annotator = strdup(row->annotator);
    copy.strategy = row->strategy ? strdup(row->strategy) : NULL;
    shared->leases[shared->n_leases++] = (struct lease_change){.row = copy};
    shared_change *change = add_change(replica);
    change->pair = fd_pair_key(row->item_a, row->item_b);
    change->is_open = row->ended_ms < 0;
    change->is_over = row->ended_ms >= row->expires_ms;
    (void)strncpy(change->id, row->id, sizeof(change->id) - 1);
    (void)strncpy(change->annotator, row->annotator, sizeof(change->annotator) - 1);
}

static void note_leases(struct replica *replica, const fd_assignment_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++)
        note_lease(replica, &rows[i]);
}

void shared_memory_note_model(struct replica *replica, uint64_t version) {
    assert(version < MODELS_MAX && replica->n_models < FD_LENGTH(replica->models));
    replica->models[replica->n_models++] = version;
}

static int note_active(void *context, const fd_model_row *row) {
    if (row->state == FD_MODEL_ACTIVE)
        shared_memory_note_model(context, row->version);
    return 0;
}

/* One that has the right to train, or nobody has it. */
static int fence(struct replica *replica) {
    shared_memory *shared = replica->shared;
    uint64_t epoch = atomic_load(&replica->epoch);
    FD_LOCKED(&shared->lock);
    bool is_free = !shared->learner || atomic_load(&shared->now_ms) >= shared->learner_until_ms;
    bool is_mine = shared->learner == &replica->base.store && shared->epoch == epoch;
    return (epoch != 0 ? is_mine : is_free) ? 0 : -ECANCELED;
}

static int replica_model_add(fd_store *store, const fd_model_row *row) {
    struct replica *replica = replica_of(store);
    int r = fence(replica);
    if (r == 0)
        r = memory_of(replica)->model_add(replica->base.inner, row);
    if (r < 0)
        return r;
    replica->has_written = true;
    shared_memory_note_model(replica, row->version);
    return 0;
}

/* The one that was active is stored from now on. */
static int replica_model_activate(fd_store *store, uint64_t version) {
    struct replica *replica = replica_of(store);
    const fd_store_operations *memory = memory_of(replica);
    int r = replica->n_models > 0 ? fence(replica) : 0;
    if (r == 0)
        r = memory->models_read(replica->base.inner, UINT64_MAX, SIZE_MAX, false, note_active,
                                replica);
    if (r == 0)
        r = memory->model_activate(replica->base.inner, version);
    if (r < 0)
        return r;
    replica->has_written = true;
    shared_memory_note_model(replica, version);
    return 0;
}

static int replica_label_revise(fd_store *store, const fd_label_change *change,
                                fd_label_changed *ret) {
    struct replica *replica = replica_of(store);
    int r = memory_of(replica)->label_revise(replica->base.inner, change, ret);
    replica->has_written |= r == 0 && ret->changed;
    return r;
}

WRITE(items_add,
      (fd_store * store, const fd_item_row *rows, size_t n, uint32_t *indices, fd_added *ret),
      (void)0, rows, n, indices, ret)
WRITE(text_features_write, (fd_store * store, const fd_text_features_row *rows, size_t n), (void)0,
      rows, n)
WRITE(scores_add, (fd_store * store, const fd_score_row *rows, size_t n, size_t *ret_changed),
      replica->n_scores += *ret_changed, rows, n, ret_changed)
WRITE(project_add, (fd_store * store, const fd_project_row *row), replica->has_project = true, row)
WRITE(embedder_write, (fd_store * store, const fd_embedder_row *row), replica->has_embedder = true,
      row)
WRITE(labels_add,
      (fd_store * store, const fd_label_row *rows, size_t n, int64_t *sequences, fd_added *ret),
      note_labels(replica, rows, n, sequences), rows, n, sequences, ret)
WRITE(assignments_write, (fd_store * store, const fd_assignment_row *rows, size_t n),
      note_leases(replica, rows, n), rows, n)
WRITE(models_prune, (fd_store * store, size_t keep, uint64_t spare, size_t *ret_deleted), (void)0,
      keep, spare, ret_deleted)

/* ---- opening and closing ---- */

static void replica_close(fd_store *store) {
    struct replica *replica = replica_of(store);
    {
        FD_LOCKED(&replica->shared->lock);
        for (size_t i = 0; i < REPLICAS_MAX; i++)
            if (replica->shared->replicas[i] == replica)
                replica->shared->replicas[i] = NULL;
    }
    free(replica);
}

shared_memory *shared_memory_new(void) {
    shared_memory *shared = calloc(1, sizeof(*shared));
    assert(shared);
    int r = fd_store_open_memory(&shared->memory);
    assert(r == 0);
    (void)pthread_mutex_init(&shared->clock, NULL);
    (void)pthread_mutex_init(&shared->lock, NULL);
    fd_condition_init(&shared->changed);
    atomic_store(&shared->now_ms, 1700000000000);
    shared->operations = forwarding_operations;
    shared->operations.begin = replica_begin;
    shared->operations.commit = replica_commit;
    shared->operations.rollback = shared_memory_rollback;
    shared->operations.close = replica_close;
    shared->operations.probe = replica_probe;
    shared->operations.items_add = replica_items_add;
    shared->operations.text_features_write = replica_text_features_write;
    shared->operations.scores_add = replica_scores_add;
    shared->operations.project_add = replica_project_add;
    shared->operations.embedder_write = replica_embedder_write;
    shared->operations.labels_add = replica_labels_add;
    shared->operations.label_revise = replica_label_revise;
    shared->operations.assignments_write = replica_assignments_write;
    shared->operations.model_add = replica_model_add;
    shared->operations.model_activate = replica_model_activate;
    shared->operations.models_prune = replica_models_prune;
    return shared;
}

void shared_memory_free(shared_memory *shared) {
    forget_leases(shared, 0);
    free(shared->leases);
    free(shared->changes);
    fd_store_close(shared->memory);
    (void)pthread_mutex_destroy(&shared->clock);
    (void)pthread_mutex_destroy(&shared->lock);
    (void)pthread_cond_destroy(&shared->changed);
    free(shared);
}

fd_store *shared_memory_open(shared_memory *shared) {
    struct replica *replica = calloc(1, sizeof(*replica));
    assert(replica);
    replica->base.store.operations = &shared->operations;
    replica->base.store.replicas = &shared_memory_replica_operations;
    replica->base.inner = shared->memory;
    replica->shared = shared;
    replica->lost_histories = atomic_load(&shared->lost_histories);
    FD_LOCKED(&shared->lock);
    size_t place = 0;
    while (shared->replicas[place])
        place++;
    assert(place < REPLICAS_MAX);
    shared->replicas[place] = replica;
    (void)snprintf(replica->id, sizeof(replica->id), "replica-%zu", place);
    return &replica->base.store;
}

/* ---- what a test orders ---- */

void shared_memory_pass(shared_memory *shared, double seconds) {
    (void)atomic_fetch_add(&shared->now_ms, (int64_t)(seconds * 1e3));
}

void shared_memory_pass_at_labels(shared_memory *shared, double seconds) {
    atomic_store(&shared->label_ms, (int64_t)(seconds * 1e3));
}

void shared_memory_lose_answer(fd_store *store, bool commits, int unsure) {
    struct replica *replica = replica_of(store);
    atomic_store(&replica->commits, commits);
    atomic_store(&replica->unsure, unsure);
    atomic_store(&replica->loses_answer, true);
}

void shared_memory_set_apart(fd_store *store, bool is_apart) {
    atomic_store(&replica_of(store)->is_apart, is_apart);
}

void shared_memory_lose_history(shared_memory *shared) {
    (void)atomic_fetch_add(&shared->lost_histories, 1);
    tell_others(shared, UINT64_MAX);
}

void shared_memory_hold(shared_memory *shared, bool holds) {
    (void)(holds ? pthread_mutex_lock : pthread_mutex_unlock)(&shared->clock);
}

bool shared_memory_waits(fd_store *store) {
    return atomic_load(&replica_of(store)->waits);
}

size_t shared_memory_changes(shared_memory *shared, const shared_change **ret) {
    FD_LOCKED(&shared->clock);
    *ret = shared->changes;
    return shared->n_changes;
}
