/* Reads components from blocks, and keeps the blocks of the serving inputs in the store. */
#include "component_blocks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "engine_state.h"
#include "item_text_features.h"
#include "log.h"
#include "replica.h"
#include "thread.h"
#include "writer.h"

/* Of a block, and blocks of a transaction that deletes. */
enum { BLOCK_ROWS = 2048, DELETED_AT_ONCE = 4 };

enum { NICENESS = 10 };

/* Answers come first: after each transaction the thread rests for so many times as long. */
static const double rests_per_write = 4.0, retry_seconds = 1.0, look_seconds = 1.0;

/* ---- blocks ---- */

enum { NAME_SIZE = FD_INPUTS_NAME_SIZE + 24 };

/* What a block is like. */
struct layout {
    char name[NAME_SIZE];
    size_t width; /* of the components */
    bool has_cosines;
};

static struct layout layout_of(const fd_engine *engine, const fi_model *model, const char *inputs) {
    size_t dimension = fi_model_shape(model)->inputs;
    struct layout layout = {
        .width = fi_model_prepared_count(model),
        .has_cosines = fd_text_features_take_embeddings(&engine->options, dimension),
    };
    (void)snprintf(layout.name, sizeof(layout.name), layout.has_cosines ? "%s-cosine" : "%s",
                   inputs);
    return layout;
}

/* Blocks of as many numbers as the embeddings have would save nothing. */
static bool has_blocks(const fi_model *model) {
    return fi_model_prepared_count(model) < fi_model_shape(model)->inputs;
}

static size_t numbers_of(const struct layout *layout) {
    return BLOCK_ROWS * (layout->width + layout->has_cosines);
}

/* Numbers, after their hash. */
static size_t bytes_of(const struct layout *layout) {
    return sizeof(uint64_t) + numbers_of(layout) * sizeof(float);
}

/* Tells damage, at the speed of memory: the number of the block, then four lanes of words. */
static uint64_t hash_numbers(uint32_t block, const float *numbers, size_t count) {
    static const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t lanes[4] = {block + 1, 2, 3, 4}, hash = 0;
    for (size_t i = 0; i + 8 <= count; i += 8) {
        uint64_t words[4];
        memcpy(words, numbers + i, sizeof(words));
        for (size_t k = 0; k < 4; k++) {
            lanes[k] = (lanes[k] ^ words[k]) * factor;
            lanes[k] ^= lanes[k] >> 32;
        }
    }
    for (size_t k = 0; k < 4; k++)
        hash = (hash ^ lanes[k]) * factor;
    return hash;
}

_Static_assert(BLOCK_ROWS % 8 == 0, "the hash covers all numbers");

/* ---- reading ---- */

struct block_reading {
    const fd_engine *engine;
    const fi_model *model;
    struct layout layout;
    const fd_going_on *going_on;
    fd_growing_matrix *matrix;
    fd_growing_matrix *texts; /* gets the cosines; NULL: nobody asks */
    size_t blocks;            /* that there may be */
    uint32_t next;            /* the first that was not filled */
};

static void place_cosine(fd_growing_matrix *texts, size_t item, float cosine) {
    float *row = fd_growing_matrix_row(texts, item);
    if (!isnan(row[FD_TEXT_LOG_LENGTH]))
        row[FD_TEXT_COSINE] = cosine;
}

static void place_block(const struct block_reading *reading, uint32_t block, const float *numbers) {
    const struct layout *layout = &reading->layout;
    size_t first = (size_t)block * BLOCK_ROWS;
    for (size_t i = 0; i < BLOCK_ROWS; i++)
        memcpy(fd_growing_matrix_row(reading->matrix, first + i), numbers + i * layout->width,
               layout->width * sizeof(float));
    for (size_t i = 0; i < BLOCK_ROWS && layout->has_cosines && reading->texts; i++)
        place_cosine(reading->texts, first + i, numbers[BLOCK_ROWS * layout->width + i]);
}

/* 1: the block is not the next one, or damaged, and the reading ends before it. */
static int take_block(void *context, const fd_component_block *block) {
    struct block_reading *reading = context;
    FD_FREE float *copy = NULL;
    uint64_t hash;
    if (block->block != reading->next || block->block >= reading->blocks)
        return 1;
    const float *numbers = (const float *)(const void *)((const char *)block->bytes + sizeof(hash));
    bool fits = block->size == bytes_of(&reading->layout);
    if (fits)
        memcpy(&hash, block->bytes, sizeof(hash));
    if (fits && (uintptr_t)numbers % _Alignof(float) != 0) {
        copy = malloc(block->size);
        if (!copy)
            return -ENOMEM;
        numbers = memcpy(copy, numbers, block->size - sizeof(hash));
    }
    if (!fits || hash != hash_numbers(block->block, numbers, numbers_of(&reading->layout))) {
        fd_log(FD_LOG_ERROR, "component-block-damaged", FD_INT("block", block->block));
        return 1;
    }
    place_block(reading, block->block, numbers);
    reading->next++;
    return 0;
}

static int take_cosine(void *context, const fd_item_row *row) {
    const struct block_reading *reading = context;
    place_cosine(reading->texts, row->index,
                 fd_text_features_cosine(&reading->engine->options, row));
    return 0;
}

static fd_vector_source stored_vectors(const fd_engine *engine) {
    return (fd_vector_source){.store = engine->store};
}

/* Rows without a block. */
static int read_embeddings(const struct block_reading *reading, size_t first, size_t end) {
    fd_vector_source source = stored_vectors(reading->engine);
    int r = fd_components_read(&source, reading->model, first, end, reading->going_on,
                               reading->matrix);
    if (r == 0 && reading->layout.has_cosines && reading->texts)
        r = fd_stored_vectors_visit(&source, first, end, take_cosine, (void *)reading);
    return r;
}

/* Fills n rows. *ret_blocks: how many of the first ones came from blocks. */
static int fill_rows(struct block_reading *reading, size_t n, uint32_t *ret_blocks) {
    fd_store *store = reading->engine->store;
    bool has_gap = false;
    int r = 0;
    reading->blocks = has_blocks(reading->model) ? n / BLOCK_ROWS : 0;
    *ret_blocks = 0;
    while (reading->next < reading->blocks && r == 0) {
        r = store->operations->component_blocks_read(store, reading->layout.name, reading->next,
                                                     take_block, reading);
        *ret_blocks = has_gap ? *ret_blocks : reading->next;
        if (r <= 0)
            break;
        has_gap = true;
        r = read_embeddings(reading, (size_t)reading->next * BLOCK_ROWS,
                            (size_t)(reading->next + 1) * BLOCK_ROWS);
        reading->next++;
    }
    return r < 0 ? r : read_embeddings(reading, (size_t)reading->next * BLOCK_ROWS, n);
}

int fd_component_blocks_read(const fd_engine *engine, const fi_model *model, const char *inputs,
                             size_t n, const fd_going_on *going_on, fd_growing_matrix *matrix) {
    struct block_reading reading = {.engine = engine,
                                    .model = model,
                                    .layout = layout_of(engine, model, inputs),
                                    .going_on = going_on,
                                    .matrix = matrix};
    uint32_t unused;
    return fill_rows(&reading, n, &unused);
}

/* ---- the thread ---- */

struct fd_component_blocks {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop;            /* guarded by lock, like the next three */
    char name[NAME_SIZE]; /* of the blocks that are stored */
    size_t written;       /* the first ones */
    bool has_pruned;      /* those of other names are deleted */
    bool runs;
    pthread_t thread;
};

int fd_component_blocks_new(fd_engine *engine) {
    struct fd_component_blocks *blocks = calloc(1, sizeof(*blocks));
    if (!blocks)
        return -ENOMEM;
    (void)pthread_mutex_init(&blocks->lock, NULL);
    fd_condition_init(&blocks->changed);
    engine->component_blocks = blocks;
    return 0;
}

void fd_component_blocks_free(fd_engine *engine) {
    struct fd_component_blocks *blocks = engine->component_blocks;
    if (!blocks)
        return;
    (void)pthread_mutex_destroy(&blocks->lock);
    (void)pthread_cond_destroy(&blocks->changed);
    free(blocks);
}

/* Texts that were counted after their block was written have none in it. */
static int find_missing_cosines(const struct block_reading *reading, size_t n) {
    fd_vector_source source = stored_vectors(reading->engine);
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        const float *row = fd_growing_matrix_row(reading->texts, i);
        if (!isnan(row[FD_TEXT_LOG_LENGTH]) && isnan(row[FD_TEXT_COSINE]))
            r = fd_stored_vectors_visit(&source, i, i + 1, take_cosine, (void *)reading);
    }
    return r;
}

int fd_component_blocks_replay(fd_engine *engine, fd_snapshot *snapshot) {
    struct fd_component_blocks *blocks = engine->component_blocks;
    size_t n = engine->items.count;
    struct block_reading reading = {.engine = engine, .texts = engine->text_features};
    if (n == 0)
        return 0;
    if (!snapshot) {
        fd_vector_source source = stored_vectors(engine);
        return fd_text_features_take_embeddings(&engine->options, engine->dimension)
                   ? fd_stored_vectors_visit(&source, 0, n, take_cosine, &reading)
                   : 0;
    }
    uint32_t found;
    reading.model = snapshot->served->model;
    reading.layout = layout_of(engine, reading.model, snapshot->served->inputs);
    int r = fd_growing_matrix_reserve(&snapshot->components, 0, n);
    if (r < 0)
        return r;
    reading.matrix = snapshot->components;
    r = fill_rows(&reading, n, &found);
    if (r == 0 && reading.layout.has_cosines)
        r = find_missing_cosines(&reading, n);
    snapshot->projected = n;
    memcpy(blocks->name, reading.layout.name, NAME_SIZE);
    blocks->written = found;
    return r;
}

/* Whether there is something to write or to delete. With the lock held. */
static bool is_due(fd_engine *engine, const fd_snapshot *snapshot) {
    const struct fd_component_blocks *blocks = engine->component_blocks;
    if (!snapshot || !has_blocks(snapshot->served->model) || !fd_replica_is_learner(engine))
        return false;
    struct layout layout = layout_of(engine, snapshot->served->model, snapshot->served->inputs);
    size_t full = snapshot->items / BLOCK_ROWS;
    if (strcmp(layout.name, blocks->name) != 0)
        return full > 0;
    return full > blocks->written || (full > 0 && !blocks->has_pruned);
}

void fd_component_blocks_on_commit(fd_engine *engine) {
    struct fd_component_blocks *blocks = engine->component_blocks;
    FD_LOCKED(&blocks->lock);
    if (is_due(engine, engine->snapshot))
        (void)pthread_cond_signal(&blocks->changed);
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
                        : store->component_blocks_prune(engine->store, write->name,
                                                        DELETED_AT_ONCE, &write->deleted);
}

static void apply_blocks(fd_engine *engine, fd_job *job) {
    (void)engine;
    (void)job;
}

static int run_job(fd_engine *engine, struct write_job *write) {
    write->job = (fd_job){.store = store_blocks, .apply = apply_blocks};
    return fd_writer_run(engine, &write->job);
}

static void copy_cosines(fd_engine *engine, size_t first, float *to) {
    FD_READ_LOCKED(&engine->state_lock);
    for (size_t i = 0; i < BLOCK_ROWS; i++)
        to[i] = fd_growing_matrix_row(engine->text_features, first + i)[FD_TEXT_COSINE];
}

static int write_block(fd_engine *engine, const fd_snapshot *snapshot, const struct layout *layout,
                       uint32_t number) {
    size_t first = (size_t)number * BLOCK_ROWS;
    FD_FREE char *bytes = malloc(bytes_of(layout));
    if (!bytes)
        return -ENOMEM;
    float *numbers = (float *)(void *)(bytes + sizeof(uint64_t));
    for (size_t i = 0; i < BLOCK_ROWS; i++)
        memcpy(numbers + i * layout->width, fd_growing_matrix_row(snapshot->components, first + i),
               layout->width * sizeof(*numbers));
    if (layout->has_cosines)
        copy_cosines(engine, first, numbers + BLOCK_ROWS * layout->width);
    uint64_t hash = hash_numbers(number, numbers, numbers_of(layout));
    memcpy(bytes, &hash, sizeof(hash));
    const fd_component_block block = {layout->name, number, bytes, bytes_of(layout)};
    struct write_job write = {.block = &block};
    return run_job(engine, &write);
}

/* One transaction. *ret_pruned: nothing is left of other names. */
static int write_some(fd_engine *engine, const fd_snapshot *snapshot, const struct layout *layout,
                      size_t written, bool *ret_pruned) {
    *ret_pruned = false;
    if (written < snapshot->items / BLOCK_ROWS)
        return write_block(engine, snapshot, layout, (uint32_t)written);
    struct write_job prune = {.name = layout->name};
    int r = run_job(engine, &prune);
    *ret_pruned = r == 0 && prune.deleted < DELETED_AT_ONCE;
    return r;
}

/* Writes or deletes until nothing is due. */
static int keep_blocks(fd_engine *engine) {
    struct fd_component_blocks *blocks = engine->component_blocks;
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(engine);
    size_t written;
    {
        FD_LOCKED(&blocks->lock);
        if (blocks->stop || !is_due(engine, snapshot))
            return 0;
    }
    struct layout layout = layout_of(engine, snapshot->served->model, snapshot->served->inputs);
    {
        FD_LOCKED(&blocks->lock);
        if (strcmp(layout.name, blocks->name) != 0) {
            memcpy(blocks->name, layout.name, NAME_SIZE);
            blocks->written = 0;
            blocks->has_pruned = false;
        }
        written = blocks->written;
    }
    bool pruned;
    int r = write_some(engine, snapshot, &layout, written, &pruned);
    FD_LOCKED(&blocks->lock);
    if (r == 0 && written < snapshot->items / BLOCK_ROWS)
        blocks->written++;
    blocks->has_pruned |= pruned;
    return r;
}

/* Waits until something is due; false once the engine closes. */
static bool wait_until_due(fd_engine *engine, double rest) {
    struct fd_component_blocks *blocks = engine->component_blocks;
    double until = fd_monotonic_seconds() + rest;
    for (;;) {
        FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = fd_engine_snapshot_or_null(engine);
        FD_LOCKED(&blocks->lock);
        if (blocks->stop)
            return false;
        double left = until - fd_monotonic_seconds();
        if (left <= 0 && is_due(engine, snapshot))
            return true;
        left = left > 0 ? left : look_seconds;
        /* A commit may come between the look at the snapshot and the lock. */
        fd_condition_wait_for(&blocks->changed, &blocks->lock, left);
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

int fd_component_blocks_start(fd_engine *engine) {
    struct fd_component_blocks *blocks = engine->component_blocks;
    int r = -pthread_create(&blocks->thread, NULL, block_loop, engine);
    blocks->runs = r == 0;
    return r;
}

void fd_component_blocks_stop(fd_engine *engine) {
    struct fd_component_blocks *blocks = engine->component_blocks;
    {
        FD_LOCKED(&blocks->lock);
        blocks->stop = true;
        (void)pthread_cond_signal(&blocks->changed);
    }
    if (blocks->runs)
        (void)pthread_join(blocks->thread, NULL);
    blocks->runs = false;
}
