/*
 * Durable labels per second of one database: a number of clients of an engine, each of which sends
 * one label after another; or, without an engine, transactions of that number of labels. Prints the
 * labels per second, and the median and the 99th percentile of the milliseconds until a label, or a
 * transaction, was acknowledged. It says `ready` before, and waits for a line, so that several
 * replicas begin at once. tests/bench/durable_labels.py runs it.
 */
#include <pthread.h>
#include <unistd.h>

#include "bench.h"
#include "engine.h"
#include "items.h"
#include "labels.h"
#include "store_open.h"

enum { ITEMS = 400, DIMENSION = 64, CLIENTS_MAX = 64, TIMES_MAX = 200000 };

static const double seconds = 2.0;

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

static void print(double *times, size_t count, size_t labels, double elapsed) {
    qsort(times, count, sizeof(times[0]), by_value);
    printf("%.1f %.3f %.3f\n", (double)labels / elapsed * 1e3, times[count / 2],
           times[count * 99 / 100]);
}

static void measure_clients(fd_engine *engine, size_t n) {
    struct client clients[CLIENTS_MAX];
    pthread_t threads[CLIENTS_MAX];
    double start = milliseconds();
    for (size_t i = 0; i < n; i++) {
        clients[i] = (struct client){engine, i, start + seconds * 1e3,
                                     allocate(TIMES_MAX, sizeof(double)), 0};
        require(-pthread_create(&threads[i], NULL, send_labels, &clients[i]), "thread");
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

static void run_engine(fd_store *store, size_t n) {
    fd_engine *engine;
    fd_fault fault = {0};
    fd_engine_options options = fd_engine_defaults();
    options.retrain_labels = 0; /* trainings are not measured here */
    options.retrain_seconds = 0;
    options.refit = false;
    require(fd_engine_open(&options, store, &engine, &fault), "engine");
    fd_engine_interrupt(engine); /* no annotators: refills are useless */
    add_items(engine);
    wait_for_start();
    measure_clients(engine, n);
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
    for (; milliseconds() < start + seconds * 1e3 && count < TIMES_MAX; count++) {
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
    require(n > 0 && n <= CLIENTS_MAX ? 0 : -EINVAL, "bench_durable_labels engine|store DB NUMBER");
    openblas_set_num_threads(1);
    require(fd_store_open(argv[2], &store, &fault), fault.detail);
    if (strcmp(argv[1], "engine") == 0)
        run_engine(store, n);
    else
        run_transactions(store, n);
    return 0;
}
