/* Lets several stores show one store in memory. A lock stands for the row of the clock: whoever
 * writes holds it from begin to commit. */
#include "shared_memory.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "forwarding_store.h"
#include "memory_store.h"
#include "pair_set.h"
#include "thread.h"

/* How much of the history there is, or was applied. */
struct moment {
    uint64_t tick;
    size_t items, labels, scores, projects;
};

struct lease_change {
    uint64_t tick;
    fd_assignment_row row; /* its texts are owned */
};

enum { MODELS_MAX = 256, REPLICAS_MAX = 8 };

struct shared_memory {
    fd_store *memory;
    fd_store_operations operations;
    pthread_mutex_t clock; /* guards the next four */
    struct moment now;
    size_t n_leases, lease_capacity;
    struct lease_change *leases; /* [n_leases] */
    uint64_t model_ticks[MODELS_MAX];
    uint64_t embedder_tick;
    size_t n_changes, change_capacity;
    shared_change *changes; /* [n_changes] */

    pthread_mutex_t lock; /* guards the rest; taken within `clock` */
    pthread_cond_t changed;
    uint64_t newest_tick;
    const fd_store *learner;
    int64_t learner_until_ms;
    uint64_t epoch;
    struct replica *replicas[REPLICAS_MAX]; /* those that are open; NULL: none */
    _Atomic int64_t now_ms;
    _Atomic int64_t label_ms;
    atomic_uint lost_histories;
};

struct replica {
    forwarding_store base;
    shared_memory *shared;
    bool in_transaction, has_written; /* the writer's own, like the next ones */
    bool has_applied;
    bool commit_counts; /* the one whose fate was unknown */
    struct moment applied, tried;
    size_t first_lease, first_change; /* of the transaction */
    uint64_t models[8];
    size_t n_models;
    bool has_embedder, has_project;
    size_t n_scores, n_label_rows;
    unsigned lost_histories; /* when it was opened */
    char id[24];
    fd_replica_row row; /* guarded by the lock of the shared ones */
    _Atomic uint64_t known_tick;
    _Atomic uint64_t epoch; /* of its right to train; 0: it never had it */
    atomic_bool is_apart, waits;
    atomic_bool loses_answer;
    atomic_bool commits;
    atomic_int unsure;
};

static struct replica *replica_of(fd_store *store) {
    return (struct replica *)store;
}

static const fd_store_operations *memory_of(const struct replica *replica) {
    return replica->base.inner->operations;
}

/* ---- what is wrong ---- */

static int check_reach(const struct replica *replica) {
    if (atomic_load(&replica->is_apart))
        return -EIO;
    return atomic_load(&replica->shared->lost_histories) > replica->lost_histories ? -ESTALE : 0;
}

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

static void replica_rollback(fd_store *store) {
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

static void note_model(struct replica *replica, uint64_t version) {
    assert(version < MODELS_MAX && replica->n_models < FD_LENGTH(replica->models));
    replica->models[replica->n_models++] = version;
}

static int note_active(void *context, const fd_model_row *row) {
    if (row->state == FD_MODEL_ACTIVE)
        note_model(context, row->version);
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
    note_model(replica, row->version);
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
    note_model(replica, version);
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
    replica_rollback(store);
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
    note_model(replica, version);
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

static const fd_replica_operations replica_operations = {
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
    shared->operations.rollback = replica_rollback;
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
    replica->base.store.replicas = &replica_operations;
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
