/*
 * Durable labels per second of one database: a number of clients of an engine, each of which sends
 * one label after another; or, without an engine, transactions of that number of labels; or people,
 * who take a pair, answer it, and think for 100 ms. Prints the labels per second, and the median
 * and the 99th percentile of the milliseconds until a label, or a transaction, was acknowledged, or
 * until a person had the next pair. It says `ready` before, and waits for a line, so that several
 * replicas begin at once. tests/bench/durable_labels.py runs it.
 */
#include <pthread.h>
#include <unistd.h>

#include "assignments.h"
#include "bench.h"
#include "engine.h"
#include "items.h"
#include "labels.h"
#include "store_open.h"

enum { ITEMS = 400, DIMENSION = 64, CLIENTS_MAX = 64, TIMES_MAX = 200000 };

static const double label_seconds = 2.0, people_seconds = 6.0;

static void add_items(fd_engine *engine) {
    static float embeddings[ITEMS * DIMENSION];
    fd_rng rng = fd_rng_seeded(1);
    fill_normal(&rng, (size_t)ITEMS * DIMENSION, embeddings);
    for (size_t i = 0; i < ITEMS; i++) {
        char id[16];
        fd_added added;
        fd_fault fault = {0};
        (void)snprintf(id, sizeof(id), "i%zu", i);
        fd_item_row row = {.id = id,
                           .prompt_id = "p",
                           .embedding = embeddings + i * DIMENSION,
                           .dimension = DIMENSION};
        require(fd_engine_items_add(engine, &row, 1, &added, &fault), "item");
    }
}

struct client {
    fd_engine *engine;
    size_t number;
    double until;
    double *times; /* [TIMES_MAX] */
    size_t count;
};

struct assigned {
    char id[64], a[24], b[24];
};

static void wait_for_start(void) {
    (void)puts("ready");
    (void)fflush(stdout);
    (void)getchar();
}

static void *send_labels(void *context) {
    struct client *client = context;
    for (; milliseconds() < client->until && client->count < TIMES_MAX; client->count++) {
        char id[64], a[16];
        (void)snprintf(id, sizeof(id), "r%d-%zu-%zu", (int)getpid(), client->number, client->count);
        (void)snprintf(a, sizeof(a), "i%zu", (client->count * 7 + client->number) % (ITEMS - 1));
        fd_label label = {.id = id, .a = a, .b = "i399", .annotator = "ann", .duration_ms = 900};
        fd_added added;
        fd_fault fault = {0};
        double start = milliseconds();
        require(fd_engine_labels_add(client->engine, &label, 1, &added, &fault), "label");
        client->times[client->count] = milliseconds() - start;
    }
    return NULL;
}

static int keep_assignment(void *context, const fd_assignment *assignment) {
    struct assigned *assigned = context;
    (void)snprintf(assigned->id, sizeof(assigned->id), "%s", assignment->id);
    (void)snprintf(assigned->a, sizeof(assigned->a), "%s", assignment->a->id);
    (void)snprintf(assigned->b, sizeof(assigned->b), "%s", assignment->b->id);
    return 0;
}

static void *answer_pairs(void *context) {
    struct client *client = context;
    char name[32], id[64];
    (void)snprintf(name, sizeof(name), "ann-%d-%zu", (int)getpid(), client->number);
    for (; milliseconds() < client->until && client->count < TIMES_MAX; client->count++) {
        struct assigned assigned = {0};
        fd_assign_request request = {.annotator = name, .count = 1};
        fd_added added;
        fd_fault fault = {0};
        double start = milliseconds();
        require(fd_engine_assign(client->engine, &request, keep_assignment, &assigned, &fault),
                "assign");
        client->times[client->count] = milliseconds() - start;
        require(assigned.id[0] ? 0 : -ENODATA, "a pair");
        (void)snprintf(id, sizeof(id), "%s-%zu", name, client->count);
        fd_label label = {.id = id,
                          .a = assigned.a,
                          .b = assigned.b,
                          .annotator = name,
                          .assignment = assigned.id,
                          .duration_ms = 100};
        require(fd_engine_labels_add(client->engine, &label, 1, &added, &fault), "label");
        (void)usleep(100000);
    }
    return NULL;
}

static void print(double *times, size_t count, size_t labels, double elapsed) {
    qsort(times, count, sizeof(times[0]), by_value);
    printf("%.1f %.3f %.3f\n", (double)labels / elapsed * 1e3, times[count / 2],
           times[count * 99 / 100]);
}

static void measure_clients(fd_engine *engine, size_t n, double seconds,
                            void *(*behave)(void *context)) {
    struct client clients[CLIENTS_MAX];
    pthread_t threads[CLIENTS_MAX];
    double start = milliseconds();
    for (size_t i = 0; i < n; i++) {
        clients[i] = (struct client){engine, i, start + seconds * 1e3,
                                     allocate(TIMES_MAX, sizeof(double)), 0};
        require(-pthread_create(&threads[i], NULL, behave, &clients[i]), "thread");
    }
    double *times = allocate(n * TIMES_MAX, sizeof(double));
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        (void)pthread_join(threads[i], NULL);
        memcpy(times + count, clients[i].times, clients[i].count * sizeof(double));
        count += clients[i].count;
        free(clients[i].times);
    }
    double elapsed = milliseconds() - start;
    print(times, count, count, elapsed);
    free(times);
}

static fd_engine *open_engine(fd_store *store, bool refits) {
    fd_engine *engine;
    fd_fault fault = {0};
    fd_engine_options options = fd_engine_defaults();
    options.retrain_labels = 0; /* trainings are not measured here */
    options.retrain_seconds = 0;
    options.refit = refits;
    require(fd_engine_open(&options, store, &engine, &fault), "engine");
    return engine;
}

static void run_engine(fd_store *store, size_t n) {
    fd_engine *engine = open_engine(store, false);
    fd_engine_interrupt(engine); /* no annotators: refills are useless */
    add_items(engine);
    wait_for_start();
    measure_clients(engine, n, label_seconds, send_labels);
    fd_engine_close(engine);
}

static void run_people(fd_store *store, size_t n) {
    fd_engine *engine = open_engine(store, true);
    add_items(engine);
    wait_for_start();
    measure_clients(engine, n, people_seconds, answer_pairs);
    fd_engine_close(engine);
}

/* ---- without an engine ---- */

static int skip_item(void *context, const fd_item_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int skip_label(void *context, const fd_label_row *row) {
    (void)context;
    (void)row;
    return 0;
}

/* A replica knows what others committed before it writes. */
static void begin(fd_store *store) {
    static const fd_change_visits visits = {.item = skip_item, .label = skip_label};
    require(store->operations->begin(store), "begin");
    if (store->replicas)
        require(store->replicas->catch_up(store, &visits, NULL), "catch up");
}

static void commit_labels(fd_store *store, size_t n, size_t number) {
    fd_added added;
    begin(store);
    for (size_t i = 0; i < n; i++) {
        char id[40];
        int64_t sequence;
        (void)snprintf(id, sizeof(id), "l%zu-%zu", number, i);
        fd_label_row row = {.id = id, .item_b = 1, .annotator = "ann", .duration_ms = 900};
        require(store->operations->labels_add(store, &row, 1, &sequence, &added), "label");
    }
    require(store->operations->commit(store), "commit");
}

static void run_transactions(fd_store *store, size_t n) {
    static const float embedding[2];
    const fd_item_row items[] = {
        {.id = "a", .prompt_id = "p", .embedding = embedding, .dimension = 2},
        {.id = "b", .prompt_id = "p", .embedding = embedding, .dimension = 2}};
    uint32_t indices[2];
    fd_added added;
    begin(store);
    require(store->operations->items_add(store, items, 2, indices, &added), "items");
    require(store->operations->commit(store), "commit");

    double *times = allocate(TIMES_MAX, sizeof(double));
    wait_for_start();
    double start = milliseconds();
    size_t count = 0;
    for (; milliseconds() < start + label_seconds * 1e3 && count < TIMES_MAX; count++) {
        double before = milliseconds();
        commit_labels(store, n, count);
        times[count] = milliseconds() - before;
    }
    print(times, count, count * n, milliseconds() - start);
    free(times);
    fd_store_close(store);
}

int main(int argc, char **argv) {
    fd_store *store;
    fd_fault fault = {0};
    size_t n = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    require(n > 0 && n <= CLIENTS_MAX ? 0 : -EINVAL,
            "bench_durable_labels engine|people|store DB NUMBER");
    openblas_set_num_threads(1);
    require(fd_store_open(argv[2], &store, &fault), fault.detail);
    if (strcmp(argv[1], "engine") == 0)
        run_engine(store, n);
    else if (strcmp(argv[1], "people") == 0)
        run_people(store, n);
    else
        run_transactions(store, n);
    return 0;
}
