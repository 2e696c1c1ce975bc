/* The blocks of components: what their bytes are, reading them, and making them. */
#include "component_blocks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine_state.h"
#include "item_text_features.h"
#include "log.h"

/* ---- blocks ---- */

fd_block_layout fd_block_layout_of(const fd_engine *engine, const fi_model *model,
                                   const char *inputs) {
    size_t dimension = fi_model_shape(model)->inputs;
    fd_block_layout layout = {
        .width = fi_model_prepared_count(model),
        .has_cosines = fd_text_features_take_embeddings(&engine->options, dimension),
    };
    (void)snprintf(layout.name, sizeof(layout.name), layout.has_cosines ? "%s-cosine" : "%s",
                   inputs);
    return layout;
}

bool fd_has_blocks(const fi_model *model) {
    return fi_model_prepared_count(model) < fi_model_shape(model)->inputs;
}

static size_t numbers_of(const fd_block_layout *layout) {
    return FD_BLOCK_ROWS * (layout->width + layout->has_cosines);
}

/* Numbers, after their hash. */
static size_t bytes_of(const fd_block_layout *layout) {
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

_Static_assert(FD_BLOCK_ROWS % 8 == 0, "the hash covers all numbers");

/* ---- reading ---- */

struct block_reading {
    const fd_engine *engine;
    const fi_model *model;
    fd_block_layout layout;
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
    const fd_block_layout *layout = &reading->layout;
    size_t first = (size_t)block * FD_BLOCK_ROWS;
    for (size_t i = 0; i < FD_BLOCK_ROWS; i++)
        memcpy(fd_growing_matrix_row(reading->matrix, first + i), numbers + i * layout->width,
               layout->width * sizeof(float));
    for (size_t i = 0; i < FD_BLOCK_ROWS && layout->has_cosines && reading->texts; i++)
        place_cosine(reading->texts, first + i, numbers[FD_BLOCK_ROWS * layout->width + i]);
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
    int r =
        fd_components_read(&source, reading->model, first, end, reading->going_on, reading->matrix);
    if (r == 0 && reading->layout.has_cosines && reading->texts)
        r = fd_stored_vectors_visit(&source, first, end, take_cosine, (void *)reading);
    return r;
}

/* Fills n rows. *ret_blocks: how many of the first ones came from blocks. */
static int fill_rows(struct block_reading *reading, size_t n, uint32_t *ret_blocks) {
    fd_store *store = reading->engine->store;
    bool has_gap = false;
    int r = 0;
    reading->blocks = fd_has_blocks(reading->model) ? n / FD_BLOCK_ROWS : 0;
    *ret_blocks = 0;
    while (reading->next < reading->blocks && r == 0) {
        r = store->operations->component_blocks_read(store, reading->layout.name, reading->next,
                                                     take_block, reading);
        *ret_blocks = has_gap ? *ret_blocks : reading->next;
        if (r <= 0)
            break;
        has_gap = true;
        r = read_embeddings(reading, (size_t)reading->next * FD_BLOCK_ROWS,
                            (size_t)(reading->next + 1) * FD_BLOCK_ROWS);
        reading->next++;
    }
    return r < 0 ? r : read_embeddings(reading, (size_t)reading->next * FD_BLOCK_ROWS, n);
}

int fd_component_blocks_read(const fd_engine *engine, const fi_model *model, const char *inputs,
                             size_t n, const fd_going_on *going_on, fd_growing_matrix *matrix) {
    struct block_reading reading = {.engine = engine,
                                    .model = model,
                                    .layout = fd_block_layout_of(engine, model, inputs),
                                    .going_on = going_on,
                                    .matrix = matrix};
    uint32_t unused;
    return fill_rows(&reading, n, &unused);
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

/* Only the cosines, for an untrained model that is to be made. */
static int read_cosines(fd_engine *engine, size_t n) {
    fd_vector_source source = stored_vectors(engine);
    const struct block_reading reading = {.engine = engine, .texts = engine->text_features};
    return fd_text_features_take_embeddings(&engine->options, engine->dimension)
               ? fd_stored_vectors_visit(&source, 0, n, take_cosine, (void *)&reading)
               : 0;
}

int fd_component_blocks_replay(fd_engine *engine, fd_snapshot *snapshot, uint32_t *ret_blocks) {
    size_t n = engine->items.count;
    *ret_blocks = 0;
    if (n == 0 || !snapshot)
        return n == 0 ? 0 : read_cosines(engine, n);
    int r = fd_growing_matrix_reserve(&snapshot->components, 0, n);
    if (r < 0)
        return r;
    const fd_served_model *served = snapshot->served;
    struct block_reading reading = {.engine = engine,
                                    .model = served->model,
                                    .layout =
                                        fd_block_layout_of(engine, served->model, served->inputs),
                                    .matrix = snapshot->components,
                                    .texts = engine->text_features};
    r = fill_rows(&reading, n, ret_blocks);
    if (r == 0 && reading.layout.has_cosines)
        r = find_missing_cosines(&reading, n);
    snapshot->projected = n;
    return r;
}

/* ---- writing ---- */

int fd_component_block_make(const fd_block_layout *layout, uint32_t number,
                            const fd_growing_matrix *components, const fd_growing_matrix *texts,
                            void **ret_bytes, size_t *ret_size) {
    size_t first = (size_t)number * FD_BLOCK_ROWS;
    char *bytes = malloc(bytes_of(layout));
    if (!bytes)
        return -ENOMEM;
    float *numbers = (float *)(void *)(bytes + sizeof(uint64_t)), *cosines;
    for (size_t i = 0; i < FD_BLOCK_ROWS; i++)
        memcpy(numbers + i * layout->width, fd_growing_matrix_row(components, first + i),
               layout->width * sizeof(*numbers));
    cosines = numbers + FD_BLOCK_ROWS * layout->width;
    for (size_t i = 0; i < FD_BLOCK_ROWS && layout->has_cosines; i++)
        cosines[i] = fd_growing_matrix_row(texts, first + i)[FD_TEXT_COSINE];
    uint64_t hash = hash_numbers(number, numbers, numbers_of(layout));
    memcpy(bytes, &hash, sizeof(hash));
    *ret_bytes = bytes;
    *ret_size = bytes_of(layout);
    return 0;
}
