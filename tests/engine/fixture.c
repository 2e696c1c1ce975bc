/* Engines, worlds and stores for the tests of the engine. */
#include "fixture.h"
#include "assignments.h"
#include "items.h"
#include "label_statistics.h"
#include "labels.h"
#include "memory_store.h"
#include "model_versions.h"
#include "select.h"
#include "trainer.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Longer than anything takes under a sanitizer. */
static const double patience_seconds = 60;

fd_engine_options fixture_options(void) {
    fd_engine_options options = fd_engine_defaults();
    options.hidden_layers = 1;
    options.hidden_width = 8;
    options.retrain_labels = 0;
    options.retrain_seconds = 0;
    options.refit = false;
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

fd_engine *fixture_memory(const fd_engine_options *options) {
    fd_store *store = NULL;
    assert_int_equal(fd_store_open_memory(&store), 0);
    return fixture_open(options, store);
}

fd_engine *fixture_engine(void) {
    fd_engine_options options = fixture_options();
    return fixture_memory(&options);
}

const char *fixture_item_id(size_t prompt, size_t response) {
    static _Thread_local char ids[4][48];
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
                               .response = fixture_item_id(p, r),
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

int fixture_revise(fd_engine *engine, size_t number, fd_preference preference) {
    char id[32];
    uint32_t revision;
    (void)snprintf(id, sizeof(id), "label-%zu", number);
    return fd_engine_label_revise(engine, id, NULL, preference, -1, NULL, &revision);
}

fd_model_info fixture_model(fd_engine *engine) {
    fd_model_info info;
    assert_int_equal(fd_engine_model(engine, &info), 0);
    return info;
}

fd_stats fixture_stats(fd_engine *engine) {
    fd_stats_request request = {0, INT64_MAX / 2, INT64_MAX / 2, 1000, NULL};
    fd_stats stats;
    assert_int_equal(fd_engine_stats(engine, &request, &stats), 0);
    return stats;
}

char *fixture_metrics(fd_metrics *metrics) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fd_metrics_print(metrics, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

bool prints(fd_engine *engine, const char *line) {
    FD_FREE char *text = fixture_metrics(fd_engine_metrics(engine));
    return strstr(text, line) != NULL;
}

double fixture_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

uint64_t fixture_train(fd_engine *engine) {
    fd_model_info before = fixture_model(engine);
    fd_fault fault = {0};
    assert_int_equal(fd_engine_train(engine, FD_RETRAIN_CONFIGURED, &fault), 0);
    fd_engine_wait_trained(engine);
    fd_model_info now = fixture_model(engine);
    assert_int_not_equal(now.worker, FD_TRAINER_FAILED);
    assert_int_not_equal(now.version, before.version); /* or it was rejected */
    return now.version;
}

fd_selection_request fixture_request(size_t batch_size, fi_scope scope, uint64_t seed) {
    return (fd_selection_request){
        .batch_size = batch_size,
        .has_seed = true,
        .seed = seed,
        .generate = {.scope = scope, .pairs = 20000, .contested = 1.0},
    };
}

/* ---- assignments ---- */

static void copy_text(char *to, size_t size, const char *from) {
    assert_true(strlen(from) < size);
    (void)snprintf(to, size, "%s", from);
}

static int keep_given(void *context, const fd_assignment *assignment) {
    fixture_hand *hand = context;
    assert_true(hand->count < GIVEN_MAX);
    fixture_given *given = &hand->given[hand->count++];
    copy_text(given->id, sizeof(given->id), assignment->id);
    copy_text(given->a, sizeof(given->a), assignment->a->id);
    copy_text(given->b, sizeof(given->b), assignment->b->id);
    copy_text(given->strategy, sizeof(given->strategy), assignment->strategy);
    given->control = assignment->control;
    given->gain = assignment->gain;
    given->p = assignment->p;
    given->model_version = assignment->model_version;
    given->expires_ms = assignment->expires_ms;
    return 0;
}

size_t fixture_assign(fd_engine *engine, const char *annotator, size_t count, double seconds,
                      fixture_hand *ret) {
    fd_fault fault = {0};
    ret->count = 0;
    assert_int_equal(
        fd_engine_assign(
            engine,
            &(fd_assign_request){.annotator = annotator, .count = count, .lease_seconds = seconds},
            keep_given, ret, &fault),
        0);
    assert_true(ret->count <= count);
    return ret->count;
}

fixture_given fixture_assign_one(fd_engine *engine, const char *annotator) {
    fixture_hand hand;
    assert_int_equal(fixture_assign(engine, annotator, 1, 0, &hand), 1);
    return hand.given[0];
}

bool fixture_same_pair(const fixture_given *one, const fixture_given *other) {
    return (strcmp(one->a, other->a) == 0 && strcmp(one->b, other->b) == 0) ||
           (strcmp(one->a, other->b) == 0 && strcmp(one->b, other->a) == 0);
}

int fixture_answer(fd_engine *engine, size_t number, const char *annotator,
                   const fixture_given *given, fd_preference preference) {
    char id[32];
    (void)snprintf(id, sizeof(id), "label-%zu", number);
    fd_label label = {.id = id,
                      .a = given->a,
                      .b = given->b,
                      .preference = preference,
                      .annotator = annotator,
                      .assignment = given->id,
                      .duration_ms = 1000};
    fd_added added;
    fd_fault fault = {0};
    return fd_engine_labels_add(engine, &label, 1, &added, &fault);
}

void fixture_wait_ready(fd_engine *engine, size_t active, size_t control) {
    double deadline = fixture_seconds() + patience_seconds;
    for (;;) {
        fd_stats stats = fixture_stats(engine);
        bool enough = stats.ready_active >= active && stats.ready_control >= control;
        fd_stats_clear(&stats);
        if (enough)
            return;
        assert_true(fixture_seconds() < deadline);
        (void)sched_yield();
    }
}

void fixture_wait_version(fd_engine *engine, uint64_t version) {
    double deadline = fixture_seconds() + patience_seconds;
    for (bool found = false; !found; (void)sched_yield()) {
        fd_stats stats = fixture_stats(engine);
        for (size_t i = 0; i < stats.n_batches; i++)
            found |= stats.batches[i].model_version == version;
        fd_stats_clear(&stats);
        assert_true(fixture_seconds() < deadline);
    }
}

static int64_t clock_now_ms(void *context) {
    return atomic_load(&((fixture_clock *)context)->now_ms);
}

static int64_t clock_steady_ms(void *context) {
    return atomic_load(&((fixture_clock *)context)->steady_ms);
}

void fixture_use_clock(fd_engine_options *options, fixture_clock *clock) {
    atomic_store(&clock->now_ms, 1700000000000);
    atomic_store(&clock->steady_ms, 5000);
    options->now_ms = clock_now_ms;
    options->steady_ms = clock_steady_ms;
    options->now_context = clock;
}

void fixture_pass(fixture_clock *clock, double seconds) {
    fixture_jump(clock, seconds);
    (void)atomic_fetch_add(&clock->steady_ms, (int64_t)(seconds * 1e3));
}

void fixture_jump(fixture_clock *clock, double seconds) {
    (void)atomic_fetch_add(&clock->now_ms, (int64_t)(seconds * 1e3));
}

/* ---- a store that fails, or that outlives the engine ---- */

struct faulty_store {
    fd_store store;
    fd_store *inner;
    bool borrowed; /* the inner store stays open */
    atomic_uint commits;
    atomic_uint until_failure; /* 0: never */
    atomic_uint to_fail;       /* from then on */
    atomic_uint probes_to_fail;
    atomic_int error;
    atomic_int until_held; /* commits that still return; negative: all do */
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
    (void)atomic_fetch_add(&faulty(store)->commits, 1);
    if (atomic_load(&faulty(store)->until_held) > 0)
        (void)atomic_fetch_sub(&faulty(store)->until_held, 1);
    else
        while (atomic_load(&faulty(store)->until_held) == 0)
            (void)sched_yield();
    if (atomic_load(&faulty(store)->until_failure) > 0 &&
        atomic_fetch_sub(&faulty(store)->until_failure, 1) == 1) {
        if (atomic_fetch_sub(&faulty(store)->to_fail, 1) > 1)
            atomic_store(&faulty(store)->until_failure, 1);
        return atomic_load(&faulty(store)->error);
    }
    return inner(store)->operations->commit(inner(store));
}

static void faulty_rollback(fd_store *store) {
    inner(store)->operations->rollback(inner(store));
}

static uint64_t faulty_log_bytes(fd_store *store) {
    return inner(store)->operations->log_bytes(inner(store));
}

static void faulty_close(fd_store *store) {
    if (!faulty(store)->borrowed)
        fd_store_close(inner(store));
    free(store);
}

static int faulty_probe(fd_store *store) {
    unsigned left = atomic_load(&faulty(store)->probes_to_fail);
    if (left > 0) {
        atomic_store(&faulty(store)->probes_to_fail, left - 1);
        return atomic_load(&faulty(store)->error);
    }
    return inner(store)->operations->probe(inner(store));
}

FORWARD(present, (fd_store * store))
FORWARD(items_add,
        (fd_store * store, const fd_item_row *rows, size_t n, uint32_t *indices, fd_added *ret),
        rows, n, indices, ret)
FORWARD(text_features_write, (fd_store * store, const fd_text_features_row *rows, size_t n), rows,
        n)
FORWARD(scores_add, (fd_store * store, const fd_score_row *rows, size_t n, size_t *ret_changed),
        rows, n, ret_changed)
FORWARD(project_add, (fd_store * store, const fd_project_row *row), row)
FORWARD(scores_read, (fd_store * store, fd_score_visit *visit, void *context), visit, context)
FORWARD(project_read, (fd_store * store, fd_project_visit *visit, void *context), visit, context)
FORWARD(embedder_write, (fd_store * store, const fd_embedder_row *row), row)
FORWARD(embedder_read, (fd_store * store, fd_embedder_visit *visit, void *context), visit, context)
FORWARD(labels_add,
        (fd_store * store, const fd_label_row *rows, size_t n, int64_t *sequences, fd_added *ret),
        rows, n, sequences, ret)
FORWARD(label_revise, (fd_store * store, const fd_label_change *change, fd_label_changed *ret),
        change, ret)
FORWARD(model_add, (fd_store * store, const fd_model_row *row), row)
FORWARD(items_read,
        (fd_store * store, uint32_t first, size_t limit, bool embeddings, fd_item_visit *visit,
         void *context),
        first, limit, embeddings, visit, context)
FORWARD(labels_read,
        (fd_store * store, int64_t after, size_t limit, fd_label_visit *visit, void *context),
        after, limit, visit, context)
FORWARD(assignments_write, (fd_store * store, const fd_assignment_row *rows, size_t n), rows, n)
FORWARD(assignments_read_open, (fd_store * store, fd_assignment_row_visit *visit, void *context),
        visit, context)
FORWARD(assignment_key, (fd_store * store, unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]), key)
FORWARD(model_activate, (fd_store * store, uint64_t version), version)
FORWARD(models_prune, (fd_store * store, size_t keep, uint64_t spare, size_t *ret_deleted), keep,
        spare, ret_deleted)
FORWARD(models_read,
        (fd_store * store, uint64_t highest, size_t limit, bool bytes, fd_model_visit *visit,
         void *context),
        highest, limit, bytes, visit, context)
FORWARD(vectors_read,
        (fd_store * store, uint32_t first, size_t limit, fd_item_visit *visit, void *context),
        first, limit, visit, context)
FORWARD(component_block_write, (fd_store * store, const fd_component_block *block), block)
FORWARD(component_blocks_prune,
        (fd_store * store, const char *inputs, size_t limit, size_t *ret_deleted), inputs, limit,
        ret_deleted)
FORWARD(component_blocks_read,
        (fd_store * store, const char *inputs, uint32_t first, fd_component_block_visit *visit,
         void *context),
        inputs, first, visit, context)
FORWARD(counts, (fd_store * store, fd_counts *ret), ret)
FORWARD(check, (fd_store * store, fd_finding_visit *visit, void *context), visit, context)
FORWARD(back_up,
        (fd_store * store, const char *to, bool (*go_on)(void *context), void *context,
         fd_backup *ret, fd_fault *fault),
        to, go_on, context, ret, fault)

static const fd_store_operations faulty_operations = {
    .begin = faulty_begin,
    .commit = faulty_commit,
    .rollback = faulty_rollback,
    .probe = faulty_probe,
    .present = faulty_present,
    .items_add = faulty_items_add,
    .text_features_write = faulty_text_features_write,
    .scores_add = faulty_scores_add,
    .project_add = faulty_project_add,
    .scores_read = faulty_scores_read,
    .project_read = faulty_project_read,
    .embedder_write = faulty_embedder_write,
    .embedder_read = faulty_embedder_read,
    .labels_add = faulty_labels_add,
    .label_revise = faulty_label_revise,
    .model_add = faulty_model_add,
    .items_read = faulty_items_read,
    .labels_read = faulty_labels_read,
    .assignments_write = faulty_assignments_write,
    .assignments_read_open = faulty_assignments_read_open,
    .assignment_key = faulty_assignment_key,
    .model_activate = faulty_model_activate,
    .models_prune = faulty_models_prune,
    .models_read = faulty_models_read,
    .vectors_read = faulty_vectors_read,
    .component_block_write = faulty_component_block_write,
    .component_blocks_prune = faulty_component_blocks_prune,
    .component_blocks_read = faulty_component_blocks_read,
    .counts = faulty_counts,
    .log_bytes = faulty_log_bytes,
    .check = faulty_check,
    .back_up = faulty_back_up,
    .close = faulty_close,
};

fd_store *fixture_view(fd_store *store) {
    struct faulty_store *view = calloc(1, sizeof(*view));
    assert_non_null(view);
    view->store.operations = &faulty_operations;
    view->inner = store;
    view->borrowed = true;
    view->until_held = -1;
    return &view->store;
}

fd_store *fixture_faulty_store(void) {
    fd_store *memory = NULL;
    assert_int_equal(fd_store_open_memory(&memory), 0);
    fd_store *store = fixture_view(memory);
    faulty(store)->borrowed = false;
    return store;
}

void fixture_hold_commits(fd_store *store, int first) {
    atomic_store(&faulty(store)->until_held, first - 1);
}

void fixture_fail_commits(fd_store *store, unsigned n, unsigned times, int error) {
    atomic_store(&faulty(store)->error, error);
    atomic_store(&faulty(store)->to_fail, times);
    atomic_store(&faulty(store)->until_failure, times > 0 ? n : 0);
}

void fixture_fail_commit(fd_store *store, unsigned n, int error) {
    fixture_fail_commits(store, n, 1, error);
}

unsigned fixture_commits(fd_store *store) {
    return atomic_load(&faulty(store)->commits);
}

void fixture_fail_probes(fd_store *store, unsigned n) {
    atomic_store(&faulty(store)->probes_to_fail, n);
}

/* ---- worlds ---- */

void world_prepare(struct world *world) {
    memset(world, 0, sizeof(*world));
    world->options = fixture_options();
    world->options.control_fraction = 0;
    fixture_use_clock(&world->options, &world->clock);
    assert_int_equal(fd_store_open_memory(&world->store), 0);
}

void world_open(struct world *world) {
    world->engine = fixture_open(&world->options, fixture_view(world->store));
}

void world_reopen(struct world *world) {
    fd_engine_close(world->engine);
    world_open(world);
}

void world_start(struct world *world, size_t prompts, size_t responses) {
    world_open(world);
    fixture_add_items(world->engine, prompts, responses);
}

void world_begin(struct world *world, size_t prompts, size_t responses) {
    world_prepare(world);
    world_start(world, prompts, responses);
}

void world_clear(struct world *world) {
    if (world->engine)
        fd_engine_close(world->engine);
    fd_store_close(world->store);
}

fixture_given ask(struct world *world, const char *annotator) {
    return fixture_assign_one(world->engine, annotator);
}

size_t ask_for(struct world *world, const char *annotator, size_t count, fixture_hand *hand) {
    return fixture_assign(world->engine, annotator, count, 0, hand);
}

bool is_left_for(struct world *world, const char *annotator) {
    fixture_hand hand;
    return ask_for(world, annotator, 1, &hand) > 0;
}

void answer(struct world *world, size_t number, const char *annotator, const fixture_given *given,
            fd_preference preference) {
    assert_int_equal(fixture_answer(world->engine, number, annotator, given, preference), 0);
}

int fixture_keep_lease(void *context, const fd_assignment *assignment) {
    fixture_given *given = context;
    (void)snprintf(given->id, sizeof(given->id), "%s", assignment->id);
    given->expires_ms = assignment->expires_ms;
    return 0;
}
