/* Writes the blocks of the serving inputs, one after another, and deletes those of others. */
#include "block_keeper.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "component_blocks.h"
#include "engine_state.h"
#include "log.h"
#include "replica.h"
#include "thread.h"
#include "writer.h"

enum { DELETED_AT_ONCE = 4, NICENESS = 10 };

/* Answers come first: after each transaction the thread rests for so many times as long. */
static const double rests_per_write = 4.0, retry_seconds = 1.0, look_seconds = 1.0;

struct fd_block_keeper {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;                     /* guarded by lock, like the next three */
    char name[FD_BLOCK_NAME_SIZE]; /* of the blocks that are stored */
    size_t written;                /* the first ones */
    bool has_pruned;               /* those of other names are deleted */
    bool runs;
    pthread_t thread;
};

int fd_block_keeper_new(fd_engine *engine) {
    struct fd_block_keeper *keeper = calloc(1, sizeof(*keeper));
    if (!keeper)
        return -ENOMEM;
    (void)pthread_mutex_init(&keeper->lock, NULL);
    fd_condition_init(&keeper->changed);
    engine->block_keeper = keeper;
    return 0;
}

void fd_block_keeper_free(fd_engine *engine) {
    struct fd_block_keeper *keeper = engine->block_keeper;
    if (!keeper)
        return;
    (void)pthread_mutex_destroy(&keeper->lock);
    (void)pthread_cond_destroy(&keeper->changed);
    free(keeper);
}

int fd_block_keeper_replay(fd_engine *engine, fd_snapshot *snapshot) {
    struct fd_block_keeper *keeper = engine->block_keeper;
    double start = fd_monotonic_seconds();
    uint32_t found;
    int r = fd_component_blocks_replay(engine, snapshot, &found);
    if (r < 0 || !snapshot)
        return r;
    fd_log(FD_LOG_INFO, "components-read", FD_INT("blocks", found),
           FD_INT("items", engine->items.count),
           FD_REAL("seconds", fd_monotonic_seconds() - start));
    fd_block_layout layout =
        fd_block_layout_of(engine, snapshot->served->model, snapshot->served->inputs);
    memcpy(keeper->name, layout.name, sizeof(keeper->name));
    keeper->written = found;
    return 0;
}

/* Whether there is something to write or to delete. With the lock held. */
static bool is_due(fd_engine *engine, const fd_snapshot *snapshot) {
    const struct fd_block_keeper *keeper = engine->block_keeper;
    if (!snapshot || !fd_has_blocks(snapshot->served->model) || !fd_replica_is_learner(engine))
        return false;
    fd_block_layout layout =
        fd_block_layout_of(engine, snapshot->served->model, snapshot->served->inputs);
    size_t full = snapshot->items / FD_BLOCK_ROWS;
    if (strcmp(layout.name, keeper->name) != 0)
        return full > 0;
    return full > keeper->written || (full > 0 && !keeper->has_pruned);
}

void fd_block_keeper_on_commit(fd_engine *engine) {
    struct fd_block_keeper *keeper = engine->block_keeper;
    FD_LOCKED(&keeper->lock);
    if (is_due(engine, engine->snapshot))
        (void)pthread_cond_signal(&keeper->changed);
}

struct write_job {
    fd_job job;
    const fd_component_block *block; /* NULL: delete blocks of other names */
    const char *name;
    size_t deleted;
};

static int store_blocks(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct write_job *write = (struct write_job *)job;
    const fd_store_operations *store = engine->store->operations;
    (void)pending;
    return write->block ? store->component_block_write(engine->store, write->block)
                        : store->component_blocks_prune(engine->store, write->name, DELETED_AT_ONCE,
                                                        &write->deleted);
}

static void apply_blocks(fd_engine *engine, fd_job *job) {
    (void)engine;
    (void)job;
}

static int run_job(fd_engine *engine, struct write_job *write) {
    write->job = (fd_job){.store = store_blocks, .apply = apply_blocks};
    return fd_writer_run(engine, &write->job);
}

static fd_growing_matrix *take_texts(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return fd_growing_matrix_reference(engine->text_features);
}

static int write_block(fd_engine *engine, const fd_snapshot *snapshot,
                       const fd_block_layout *layout, uint32_t number) {
    FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *texts = take_texts(engine);
    FD_FREE void *bytes = NULL;
    size_t size;
    int r = fd_component_block_make(layout, number, snapshot->components, texts, &bytes, &size);
    if (r < 0)
        return r;
    const fd_component_block block = {layout->name, number, bytes, size};
    struct write_job write = {.block = &block};
    return run_job(engine, &write);
}

/* One transaction. *ret_pruned: nothing is left of other names. */
static int write_some(fd_engine *engine, const fd_snapshot *snapshot, const fd_block_layout *layout,
                      size_t written, bool *ret_pruned) {
    *ret_pruned = false;
    if (written < snapshot->items / FD_BLOCK_ROWS)
        return write_block(engine, snapshot, layout, (uint32_t)written);
    struct write_job prune = {.name = layout->name};
    int r = run_job(engine, &prune);
    *ret_pruned = r == 0 && prune.deleted < DELETED_AT_ONCE;
    return r;
}

/* Writes or deletes until nothing is due. */
static int keep_blocks(fd_engine *engine) {
    struct fd_block_keeper *keeper = engine->block_keeper;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(engine);
    size_t written;
    {
        FD_LOCKED(&keeper->lock);
        if (keeper->stop || !is_due(engine, snapshot))
            return 0;
    }
    fd_block_layout layout =
        fd_block_layout_of(engine, snapshot->served->model, snapshot->served->inputs);
    {
        FD_LOCKED(&keeper->lock);
        if (strcmp(layout.name, keeper->name) != 0) {
            memcpy(keeper->name, layout.name, FD_BLOCK_NAME_SIZE);
            keeper->written = 0;
            keeper->has_pruned = false;
        }
        written = keeper->written;
    }
    bool pruned;
    int r = write_some(engine, snapshot, &layout, written, &pruned);
    FD_LOCKED(&keeper->lock);
    if (r == 0 && written < snapshot->items / FD_BLOCK_ROWS)
        keeper->written++;
    keeper->has_pruned |= pruned;
    return r;
}

/* Waits until something is due; false once the engine closes. */
static bool wait_until_due(fd_engine *engine, double rest) {
    struct fd_block_keeper *keeper = engine->block_keeper;
    double until = fd_monotonic_seconds() + rest;
    for (;;) {
        FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(engine);
        FD_LOCKED(&keeper->lock);
        if (keeper->stop)
            return false;
        double left = until - fd_monotonic_seconds();
        if (left <= 0 && is_due(engine, snapshot))
            return true;
        left = left > 0 ? left : look_seconds;
        /* A commit may come between the look at the snapshot and the lock. */
        fd_condition_wait_for(&keeper->changed, &keeper->lock, left);
    }
}

static void *block_loop(void *context) {
    fd_engine *engine = context;
    bool has_failed = false;
    double rest = 0;
    fd_thread_name("components");
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    while (wait_until_due(engine, rest)) {
        double start = fd_monotonic_seconds();
        int r = keep_blocks(engine);
        if (r < 0 && r != -ESHUTDOWN && !has_failed) /* the first of several in a row */
            fd_log(FD_LOG_ERROR, "components-not-stored", FD_STR("error", strerror(-r)));
        has_failed = r < 0;
        rest = r < 0 ? retry_seconds : rests_per_write * (fd_monotonic_seconds() - start);
    }
    return NULL;
}

int fd_block_keeper_start(fd_engine *engine) {
    struct fd_block_keeper *keeper = engine->block_keeper;
    int r = -pthread_create(&keeper->thread, NULL, block_loop, engine);
    keeper->runs = r == 0;
    return r;
}

void fd_block_keeper_stop(fd_engine *engine) {
    struct fd_block_keeper *keeper = engine->block_keeper;
    {
        FD_LOCKED(&keeper->lock);
        keeper->stop = true;
        (void)pthread_cond_signal(&keeper->changed);
    }
    if (keeper->runs)
        (void)pthread_join(keeper->thread, NULL);
    keeper->runs = false;
}
