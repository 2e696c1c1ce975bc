/* Embeds the items of a job in blocks, each of which is stored, and adds the items in the end. */
#include "embedding_steps.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "clock.h"
#include "embedder_record.h"
#include "embedding_jobs.h"
#include "items.h"
#include "json_size_estimate.h"
#include "json_write.h"
#include "new_items.h"
#include "re_embedding_changes.h"
#include "text_embeddings.h"

/* Of one block, which is lost if the daemon ends in the middle of it. */
enum { BLOCK_ITEMS = 64, BLOCK_BYTES = 1 << 20 };

/* ---- vectors ---- */

struct block {
    size_t n;
    size_t bytes;
    uint32_t next; /* the place after the last one that was read */
    fd_embedding_job_item items[BLOCK_ITEMS];
    fd_embedder_texts texts[BLOCK_ITEMS]; /* borrowed from the trees */
    json_t *trees[BLOCK_ITEMS];
};

static void block_clear(struct block *block) {
    for (size_t i = 0; i < block->n; i++)
        json_decref(block->trees[i]);
}

/* 1: the block is full. */
static int take_item(void *context, const fd_embedding_job_item *item) {
    struct block *block = context;
    if (block->n == BLOCK_ITEMS || block->bytes >= BLOCK_BYTES)
        return 1;
    block->next = item->place + 1;
    if (!item->wanted || item->vector)
        return 0;
    size_t size = strlen(item->content);
    json_t *tree = json_loadb(item->content, size, 0, NULL);
    if (!tree)
        return -ENOMEM;
    block->items[block->n] = (fd_embedding_job_item){.place = item->place};
    block->texts[block->n] = (fd_embedder_texts){
        json_string_value(json_object_get(tree, "prompt")),
        json_string_value(json_object_get(tree, "response")),
    };
    block->trees[block->n++] = tree;
    block->bytes += size;
    return 0;
}

static fd_patience patience_of(const fd_embedding_steps *steps) {
    return (fd_patience){
        .deadline = fd_monotonic_seconds() + fd_embedder_seconds(steps->embedder),
        .go_on = steps->go_on,
        .context = steps->context,
    };
}

static int store_vectors(const fd_embedding_steps *steps, fd_embedding_job_row *row,
                         struct block *block, const fd_vectors *vectors) {
    fd_embedding_job_row changed = *row;
    for (size_t i = 0; i < block->n; i++) {
        block->items[i].vector = vectors->values + i * vectors->dimension;
        block->items[i].dimension = vectors->dimension;
    }
    changed.done += block->n;
    int r = fd_engine_embedding_job_write(steps->engine, &changed, block->items, block->n);
    if (r < 0)
        return r;
    row->done = changed.done;
    fd_metrics_add(fd_engine_metrics(steps->engine), FD_METRIC_EMBEDDING_JOB_ITEMS, NULL, NULL,
                   (double)block->n);
    return 0;
}

/* Embeds the next items; 1: there may be more. */
static int embed_block(const fd_embedding_steps *steps, fd_embedding_job_row *row, uint32_t *next,
                       fd_fault *fault) {
    FD_CLEANUP(block_clear) struct block block = {.next = *next};
    FD_CLEANUP(fd_vectors_clear) fd_vectors vectors = {0};
    int r = fd_engine_embedding_job_items(steps->engine, row->sequence, *next, take_item, &block);
    if (r < 0 || block.n == 0)
        return r < 0 ? r : 0;
    *next = block.next;
    const fd_patience patience = patience_of(steps);
    r = fd_embedder_embed(steps->embedder, block.texts, block.n, &patience, &vectors, fault);
    if (r == 0)
        r = store_vectors(steps, row, &block, &vectors);
    return r < 0 ? r : 1;
}

/* ---- the beginning ---- */

int fd_embedding_steps_check_size(size_t n, size_t dimension, fd_fault *fault) {
    if (n * dimension * sizeof(float) <= FD_EMBEDDING_JOB_VECTORS)
        return 0;
    return fd_fault_set(fault, -EINVAL, "",
                        "%zu items with %zu numbers each are too many for one job: it may have %zu "
                        "of them",
                        n, dimension, FD_EMBEDDING_JOB_VECTORS / (dimension * sizeof(float)));
}

/* While the embedder's vectors take the place of those of the items' one, the job waits. */
static int wait_for_switch(fd_engine *engine, fd_fault *fault) {
    FD_FREE fd_embedder_row *coming = NULL;
    int r = fd_engine_re_embedding_coming(engine, &coming);
    if (r < 0 || !coming)
        return r < 0 ? r : -EEXIST;
    return fd_fault_set(fault, -EAGAIN, "", "it waits until the items are re-embedded");
}

/* Vectors of two embedders mean nothing to each other: those of another one are dropped. */
static int begin(const fd_embedding_steps *steps, fd_embedding_job_row *row, fd_fault *fault) {
    FD_FREE fd_embedder_row *record = NULL;
    fd_embedder_identity embedder;
    const fd_patience patience = patience_of(steps);
    int r = fd_text_embeddings_identify(steps->engine, steps->embedder, &patience, true, &embedder,
                                        fault);
    if (r == -EEXIST)
        r = wait_for_switch(steps->engine, fault);
    if (r == 0)
        r = fd_embedding_steps_check_size((size_t)row->items, embedder.dimension, fault);
    if (r == 0)
        r = fd_engine_embedder(steps->engine, &record);
    if (r < 0)
        return r;
    int64_t made = record ? record->created_ms : 0;
    if (made != row->embedder_ms)
        row->done = 0;
    row->embedder_ms = made;
    row->state = FD_EMBEDDING_JOB_RUNNING;
    if (row->started_ms < 0)
        row->started_ms = fd_engine_time_ms(steps->engine);
    return fd_engine_embedding_job_write(steps->engine, row, NULL, 0);
}

/* ---- the end ---- */

/* All items of the job, as one body, and the vectors that were made. */
struct whole {
    fd_memory_budget *memory;
    size_t held; /* bytes of it */
    fd_json_text body;
    size_t n;
    size_t room;
    fd_embedding_job_item *items; /* [n], which own their vectors */
    fd_new_items rows;
};

/* Takes from a row the embedding that it got: the job's own, or a copy of the stored one. */
static void take_back(struct whole *whole, size_t i) {
    const float *embedding = FD_STEAL(whole->rows.list[i].embedding);
    if (embedding != whole->items[i].vector)
        free((float *)embedding);
}

static void whole_clear(struct whole *whole) {
    for (size_t i = 0; i < whole->n; i++) {
        if (whole->rows.list && i < whole->rows.n)
            take_back(whole, i);
        free((float *)whole->items[i].vector);
    }
    free(whole->items);
    fd_new_items_clear(&whole->rows);
    fd_json_text_clear(&whole->body);
    fd_memory_budget_give_back(whole->memory, &whole->held);
}

/* Takes memory before it is used. What never fits ends the job. */
static int take_memory(struct whole *whole, size_t bytes, fd_fault *fault) {
    if (fd_memory_budget_take(whole->memory, &whole->held, bytes))
        return 0;
    size_t needed = whole->held + bytes;
    if (needed > whole->memory->limit)
        return fd_fault_set(fault, -EINVAL, "",
                            "adding its items takes %zu MiB, more than the option memory has",
                            needed >> 20);
    return fd_fault_set(fault, -EAGAIN, "", "requests use the memory that its items need");
}

/* The contents twice, as rows of the store and as one body, and the vectors. */
static size_t rows_memory(const fd_embedding_job_row *row, size_t dimension) {
    size_t n = (size_t)row->items;
    return 2 * (size_t)row->bytes + n * (dimension * sizeof(float) + sizeof(fd_embedding_job_item));
}

static int copy_vector(const float *numbers, size_t dimension, const float **ret) {
    float *copy = reallocarray(NULL, dimension, sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    *ret = memcpy(copy, numbers, dimension * sizeof(*copy));
    return 0;
}

static int gather(void *context, const fd_embedding_job_item *item) {
    struct whole *whole = context;
    fd_embedding_job_item *own = &whole->items[whole->n];
    if (whole->n == whole->room)
        return -EBADMSG;
    *own = (fd_embedding_job_item){.place = item->place, .wanted = item->wanted};
    if (whole->n++ > 0)
        fd_json_text_add(&whole->body, ",");
    int r =
        fd_json_text_append(item->content, strlen(item->content), &whole->body) < 0 ? -ENOMEM : 0;
    if (r == 0 && item->vector)
        r = copy_vector(item->vector, item->dimension, &own->vector);
    own->dimension = own->vector ? item->dimension : 0;
    return r;
}

static int gather_all(const fd_embedding_steps *steps, const fd_embedding_job_row *row,
                      size_t dimension, struct whole *whole, fd_fault *fault) {
    int r = take_memory(whole, rows_memory(row, dimension), fault);
    if (r < 0)
        return r;
    whole->room = (size_t)row->items;
    whole->items = calloc(whole->room ? whole->room : 1, sizeof(*whole->items));
    if (!whole->items)
        return -ENOMEM;
    fd_json_text_add(&whole->body, "{\"items\":[");
    r = fd_engine_embedding_job_items(steps->engine, row->sequence, 0, gather, whole);
    fd_json_text_add(&whole->body, "]}");
    if (r == 0 && whole->body.has_failed)
        r = -ENOMEM;
    if (r == 0)
        r = take_memory(whole, fd_json_estimate(whole->body.bytes, whole->body.size).memory, fault);
    if (r == 0)
        r = fd_new_items_read(whole->body.bytes, whole->body.size, steps->score_metadata,
                              &whole->rows, fault);
    fd_json_text_clear(&whole->body);
    return r == 0 && whole->rows.n != whole->n ? -EBADMSG : r;
}

/* An item that has been stored meanwhile keeps its vector. */
static int place_vector(const fd_embedding_steps *steps, const fd_embedding_job_item *item,
                        fd_item_row *row, fd_fault *fault) {
    int r = fd_text_embeddings_find_stored(steps->engine, row);
    if (r != -ENOENT)
        return r;
    if (!item->vector)
        return fd_fault_set(fault, -EINVAL, "", "item \"%s\" has no embedding", row->id);
    row->dimension = item->dimension;
    row->embedding = item->vector;
    return 0;
}

static int place_vectors(const fd_embedding_steps *steps, struct whole *whole, const bool *is_given,
                         fd_fault *fault) {
    int r = 0;
    for (size_t i = 0; i < whole->n && r == 0; i++) {
        if (is_given[i])
            continue;
        take_back(whole, i);
        r = place_vector(steps, &whole->items[i], &whole->rows.list[i], fault);
    }
    return r;
}

/* Twice, because another request may add an item between the look-up and the adding. */
static int add_all(const fd_embedding_steps *steps, const fd_embedding_job_row *row,
                   struct whole *whole, fd_fault *fault) {
    FD_FREE bool *is_given = calloc(whole->n ? whole->n : 1, sizeof(*is_given));
    fd_added added;
    int r = is_given ? 0 : -ENOMEM;
    for (size_t i = 0; i < whole->n && r == 0; i++)
        is_given[i] = whole->rows.list[i].embedding != NULL;
    for (int attempt = 0; attempt < 2 && r == 0; attempt++) {
        *fault = (fd_fault){0};
        r = place_vectors(steps, whole, is_given, fault);
        if (r == 0)
            r = fd_engine_items_add_of_job(steps->engine, whole->rows.list, whole->n, row, &added,
                                           fault);
        if (r != -EEXIST || is_given[added.conflict])
            return r;
        r = attempt == 0 ? 0 : r;
    }
    return r;
}

static int finish(const fd_embedding_steps *steps, const fd_embedding_job_row *row,
                  fd_fault *fault) {
    FD_CLEANUP(whole_clear) struct whole whole = {.memory = steps->memory};
    fd_embedder_identity embedder;
    const fd_patience patience = patience_of(steps);
    int r = fd_embedder_identify(steps->embedder, &patience, &embedder, fault); /* known by now */
    if (r == 0)
        r = gather_all(steps, row, embedder.dimension, &whole, fault);
    return r < 0 ? r : add_all(steps, row, &whole, fault);
}

int fd_embedding_steps_run(const fd_embedding_steps *steps, fd_embedding_job_row *row,
                           fd_fault *fault) {
    uint32_t next = 0;
    int r = begin(steps, row, fault);
    if (r == 0)
        do
            r = embed_block(steps, row, &next, fault);
        while (r > 0);
    if (r == 0 && row->done != row->total)
        return fd_fault_set(fault, -EINVAL, "", "%llu of %llu texts are missing in the store",
                            (unsigned long long)(row->total - row->done),
                            (unsigned long long)row->total);
    return r < 0 ? r : finish(steps, row, fault);
}
