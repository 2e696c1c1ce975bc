#include "fixture.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

fd_engine_options fixture_options(void) {
    fd_engine_options options = fd_engine_defaults();
    options.hidden_layers = 1;
    options.hidden_width = 8;
    options.retrain_labels = 0;
    options.retrain_seconds = 0;
    options.train.iterations = 20;
    options.seed = 7;
    return options;
}

fd_engine *fixture_open(const fd_engine_options *options, fd_store *store) {
    fd_engine *engine = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_open(options, store, &engine, &fault), 0);
    return engine;
}

fd_engine *fixture_engine(void) {
    fd_store *store = NULL;
    fd_engine_options options = fixture_options();
    assert_int_equal(fd_store_open_memory(&store), 0);
    return fixture_open(&options, store);
}

const char *fixture_item_id(size_t prompt, size_t response) {
    static _Thread_local char ids[4][32];
    static _Thread_local unsigned next;
    char *id = ids[next++ % 4];
    (void)snprintf(id, sizeof(ids[0]), "p%zu-r%zu", prompt, response);
    return id;
}

void fixture_embeddings(float *embeddings, size_t n) {
    uint64_t state = 1;
    for (size_t i = 0; i < n * DIMENSION; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        embeddings[i] = (float)(state >> 40) / (float)(1 << 24) - 0.5f;
    }
}

void fixture_add_items(fd_engine *engine, size_t prompts, size_t responses) {
    FD_FREE float *embeddings = calloc(prompts * responses, DIMENSION * sizeof(float));
    assert_non_null(embeddings);
    fixture_embeddings(embeddings, prompts * responses);
    for (size_t p = 0; p < prompts; p++) {
        for (size_t r = 0; r < responses; r++) {
            const float *embedding = embeddings + (p * responses + r) * DIMENSION;
            char prompt[32];
            (void)snprintf(prompt, sizeof(prompt), "p%zu", p);
            fd_item_row row = {.id = fixture_item_id(p, r),
                               .prompt_id = prompt,
                               .response = "text",
                               .embedding = embedding,
                               .dimension = DIMENSION};
            fd_added added;
            fd_fault fault = {0};
            assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
        }
    }
}

int fixture_label(fd_engine *engine, size_t number, const char *a, const char *b,
                  fd_preference preference) {
    char id[32];
    (void)snprintf(id, sizeof(id), "label-%zu", number);
    fd_label label = {
        .id = id, .a = a, .b = b, .preference = preference, .annotator = "ann", .duration_ms = -1};
    fd_added added;
    fd_fault fault = {0};
    return fd_engine_labels_add(engine, &label, 1, &added, &fault);
}

uint64_t fixture_train(fd_engine *engine) {
    fd_model_info before, now;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_model(engine, &before), 0);
    assert_int_equal(fd_engine_train(engine, false, &fault), 0);
    do {
        sched_yield();
        assert_int_equal(fd_engine_model(engine, &now), 0);
        assert_int_not_equal(now.worker, FD_WORKER_FAILED);
    } while (now.version == before.version);
    return now.version;
}

fd_selection_request fixture_request(size_t batch_size, fd_scope scope, uint64_t seed) {
    return (fd_selection_request){
        .batch_size = batch_size,
        .has_seed = true,
        .seed = seed,
        .generate = {.scope = scope, .pairs = 20000},
    };
}

/* ---- a store that fails ---- */

struct faulty_store {
    fd_store store;
    fd_store *inner;
    atomic_uint until_failure; /* 0: never */
    atomic_int error;
};

static struct faulty_store *faulty(fd_store *store) {
    return (struct faulty_store *)store;
}

static fd_store *inner(fd_store *store) {
    return faulty(store)->inner;
}

#define FORWARD(operation, parameters, ...)                                                        \
    static int faulty_##operation parameters {                                                     \
        return inner(store)->operations->operation(inner(store), ##__VA_ARGS__);                   \
    }

static int faulty_begin(fd_store *store) {
    return inner(store)->operations->begin(inner(store));
}

static int faulty_commit(fd_store *store) {
    unsigned left = atomic_load(&faulty(store)->until_failure);
    if (left > 0)
        atomic_store(&faulty(store)->until_failure, left - 1);
    if (left == 1)
        return atomic_load(&faulty(store)->error);
    return inner(store)->operations->commit(inner(store));
}

static void faulty_rollback(fd_store *store) {
    inner(store)->operations->rollback(inner(store));
}

static void faulty_close(fd_store *store) {
    fd_store_close(inner(store));
    free(store);
}

FORWARD(items_add,
        (fd_store * store, const fd_item_row *rows, size_t n, uint32_t *indices, fd_added *ret),
        rows, n, indices, ret)
FORWARD(labels_add,
        (fd_store * store, const fd_label_row *rows, size_t n, int64_t *sequences, fd_added *ret),
        rows, n, sequences, ret)
FORWARD(model_add, (fd_store * store, const fd_model_row *row), row)
FORWARD(items_read,
        (fd_store * store, uint32_t first, size_t limit, bool embeddings, fd_item_visit *visit,
         void *context),
        first, limit, embeddings, visit, context)
FORWARD(labels_read,
        (fd_store * store, int64_t after, size_t limit, fd_label_visit *visit, void *context),
        after, limit, visit, context)
FORWARD(model_read, (fd_store * store, uint64_t highest, fd_model_visit *visit, void *context),
        highest, visit, context)
FORWARD(counts, (fd_store * store, fd_counts *ret), ret)
FORWARD(check, (fd_store * store, fd_fault *fault), fault)

static const fd_store_operations faulty_operations = {
    .begin = faulty_begin,
    .commit = faulty_commit,
    .rollback = faulty_rollback,
    .items_add = faulty_items_add,
    .labels_add = faulty_labels_add,
    .model_add = faulty_model_add,
    .items_read = faulty_items_read,
    .labels_read = faulty_labels_read,
    .model_read = faulty_model_read,
    .counts = faulty_counts,
    .check = faulty_check,
    .close = faulty_close,
};

fd_store *fixture_faulty_store(void) {
    struct faulty_store *store = calloc(1, sizeof(*store));
    assert_non_null(store);
    store->store.operations = &faulty_operations;
    assert_int_equal(fd_store_open_memory(&store->inner), 0);
    return &store->store;
}

void fixture_fail_commit(fd_store *store, unsigned n, int error) {
    atomic_store(&faulty(store)->error, error);
    atomic_store(&faulty(store)->until_failure, n);
}
