/* What a store of replicas offers: catching up, what became of a commit, the right to train, and
 * the other replicas. */
#include <assert.h>
#include <stdlib.h>

#include "shared_memory_state.h"
#include "thread.h"

/* ---- catching up ---- */

struct catching_up {
    struct replica *replica;
    const fd_change_visits *visits;
    void *context;
    size_t skipped; /* rows that were applied before */
};

static int pass_score(void *context, const fd_score_row *row) {
    struct catching_up *self = context;
    if (self->skipped > 0) {
        self->skipped--;
        return 0;
    }
    return self->visits->score(self->context, row);
}

static int pass_project(void *context, const fd_project_row *row) {
    struct catching_up *self = context;
    return row->version <= self->replica->applied.projects
               ? 0
               : self->visits->project(self->context, row);
}

static int pass_model(void *context, const fd_model_row *row) {
    struct catching_up *self = context;
    uint64_t tick = self->replica->shared->model_ticks[row->version];
    return self->replica->has_applied && tick <= self->replica->applied.tick
               ? 0
               : self->visits->model(self->context, row);
}

static int pass_models(struct catching_up *self) {
    fd_store *memory = self->replica->base.inner;
    int r = 0;
    for (uint64_t version = 1; version < MODELS_MAX && r == 0; version++)
        if (self->replica->shared->model_ticks[version] > 0)
            r = memory->operations->models_read(memory, version, 1, false, pass_model, self);
    return r;
}

static int pass_leases(struct catching_up *self) {
    const shared_memory *shared = self->replica->shared;
    fd_store *memory = self->replica->base.inner;
    int r = 0;
    if (!self->replica->has_applied)
        return memory->operations->assignments_read_open(memory, self->visits->assignment,
                                                         self->context);
    for (size_t i = 0; i < shared->n_leases && r == 0; i++)
        if (shared->leases[i].tick > self->replica->applied.tick)
            r = self->visits->assignment(self->context, &shared->leases[i].row);
    return r;
}

static int pass_all(struct catching_up *self) {
    struct replica *replica = self->replica;
    const struct moment *applied = &replica->applied;
    fd_store *memory = replica->base.inner;
    const fd_store_operations *read = memory->operations;
    bool has_embedder = replica->shared->embedder_tick > applied->tick || !replica->has_applied;
    self->skipped = applied->scores;
    int r = read->items_read(memory, (uint32_t)applied->items, SIZE_MAX, true, self->visits->item,
                             self->context);
    if (r == 0)
        r = read->scores_read(memory, pass_score, self);
    if (r == 0)
        r = read->project_versions_read(memory, pass_project, self);
    if (r == 0 && has_embedder)
        r = read->embedder_read(memory, self->visits->embedder, self->context);
    if (r == 0)
        r = read->labels_read(memory, (int64_t)applied->labels, SIZE_MAX, self->visits->label,
                              self->context);
    if (r == 0)
        r = pass_leases(self);
    return r == 0 ? pass_models(self) : r;
}

static int catch_up_locked(struct catching_up *self) {
    struct replica *replica = self->replica;
    if (replica->has_applied && replica->applied.tick == replica->shared->now.tick)
        return 0;
    int r = pass_all(self);
    if (r != 0)
        return r;
    replica->applied = replica->shared->now;
    replica->has_applied = true;
    atomic_store(&replica->known_tick, replica->applied.tick);
    return 0;
}

static int replica_catch_up(fd_store *store, const fd_change_visits *visits, void *context) {
    struct replica *replica = replica_of(store);
    struct catching_up self = {.replica = replica, .visits = visits, .context = context};
    int r = check_reach(replica);
    if (r < 0)
        return r;
    assert(!replica->has_written || !replica->in_transaction);
    if (replica->in_transaction)
        return catch_up_locked(&self);
    FD_LOCKED(&replica->shared->clock);
    return catch_up_locked(&self);
}

/* ---- the other operations of replicas ---- */

static int replica_wait_for_change(fd_store *store, double seconds) {
    struct replica *replica = replica_of(store);
    shared_memory *shared = replica->shared;
    FD_LOCKED(&shared->lock);
    if (shared->newest_tick <= atomic_load(&replica->known_tick))
        fd_condition_wait_for(&shared->changed, &shared->lock, seconds);
    return shared->newest_tick > atomic_load(&replica->known_tick);
}

static int64_t replica_now_ms(fd_store *store) {
    return atomic_load(&replica_of(store)->shared->now_ms);
}

static int replica_resume(fd_store *store) {
    shared_memory_rollback(store);
    return check_reach(replica_of(store));
}

static int replica_was_committed(fd_store *store) {
    struct replica *replica = replica_of(store);
    int r = check_reach(replica);
    if (r < 0 || atomic_fetch_sub(&replica->unsure, 1) > 0)
        return r < 0 ? r : -EIO;
    if (replica->commit_counts && replica->applied.tick == replica->tried.tick - 1)
        replica->applied = replica->tried;
    return replica->commit_counts;
}

static int replica_hold_learning(fd_store *store, double seconds) {
    struct replica *replica = replica_of(store);
    shared_memory *shared = replica->shared;
    int r = check_reach(replica);
    if (r < 0)
        return r;
    FD_LOCKED(&shared->lock);
    int64_t now = atomic_load(&shared->now_ms);
    if (shared->learner != store && shared->learner && now < shared->learner_until_ms)
        return 0;
    if (shared->learner != store)
        shared->epoch++;
    shared->learner = store;
    shared->learner_until_ms = now + (int64_t)(seconds * 1e3);
    atomic_store(&replica->epoch, shared->epoch);
    return 1;
}

static void replica_release_learning(fd_store *store) {
    shared_memory *shared = replica_of(store)->shared;
    atomic_store(&replica_of(store)->epoch, 0);
    FD_LOCKED(&shared->lock);
    if (shared->learner == store)
        shared->learner = NULL;
}

static int replica_model_announce(fd_store *store, uint64_t version) {
    struct replica *replica = replica_of(store);
    if (version >= MODELS_MAX || replica->shared->model_ticks[version] == 0)
        return -ENOENT;
    replica->has_written = true;
    shared_memory_note_model(replica, version);
    return 0;
}

static void replica_position(fd_store *store, const char **ret_id, uint64_t *ret_tick,
                             uint64_t *ret_newest) {
    struct replica *replica = replica_of(store);
    FD_LOCKED(&replica->shared->lock);
    *ret_id = replica->id;
    *ret_tick = atomic_load(&replica->known_tick);
    *ret_newest =
        *ret_tick > replica->shared->newest_tick ? *ret_tick : replica->shared->newest_tick;
}

static int replica_replica_write(fd_store *store, const fd_replica_row *row) {
    struct replica *replica = replica_of(store);
    int r = check_reach(replica);
    if (r < 0)
        return r;
    FD_LOCKED(&replica->shared->lock);
    replica->row = *row;
    replica->row.seen_ms = replica_now_ms(store);
    return 0;
}

static size_t copy_rows(shared_memory *shared, int64_t since_ms,
                        fd_replica_row rows[static REPLICAS_MAX]) {
    size_t n = 0;
    FD_LOCKED(&shared->lock);
    for (size_t i = 0; i < REPLICAS_MAX; i++) {
        const struct replica *replica = shared->replicas[i];
        if (!replica || replica->row.seen_ms < since_ms)
            continue;
        rows[n] = replica->row;
        rows[n].id = replica->id;
        rows[n++].is_learner = shared->learner == &replica->base.store;
    }
    return n;
}

static int replica_replicas_read(fd_store *store, double seconds, fd_replica_visit *visit,
                                 void *context) {
    fd_replica_row rows[REPLICAS_MAX];
    int r = check_reach(replica_of(store));
    if (r < 0)
        return r;
    size_t n = copy_rows(replica_of(store)->shared,
                         replica_now_ms(store) - (int64_t)(seconds * 1e3), rows);
    for (size_t i = 0; i < n && r == 0; i++)
        r = visit(context, &rows[i]);
    return r;
}

const fd_replica_operations shared_memory_replica_operations = {
    .catch_up = replica_catch_up,
    .wait_for_change = replica_wait_for_change,
    .now_ms = replica_now_ms,
    .resume = replica_resume,
    .was_committed = replica_was_committed,
    .hold_learning = replica_hold_learning,
    .release_learning = replica_release_learning,
    .model_announce = replica_model_announce,
    .position = replica_position,
    .replica_write = replica_replica_write,
    .replicas_read = replica_replicas_read,
};
