/*
 * Durable labels per second of one database: a number of clients of an engine, each of which sends
 * one label after another. Prints the labels per second, and the median and the 99th percentile of
 * the milliseconds until a label was acknowledged. tests/bench/durable_labels.py runs it.
 */
#include <pthread.h>

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

static void *send_labels(void *context) {
    struct client *client = context;
    for (; milliseconds() < client->until && client->count < TIMES_MAX; client->count++) {
        char id[32], a[16];
        (void)snprintf(id, sizeof(id), "c%zu-%zu", client->number, client->count);
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

static void measure(fd_engine *engine, size_t n) {
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
    qsort(times, count, sizeof(times[0]), by_value);
    printf("%.1f %.3f %.3f\n", (double)count / elapsed * 1e3, times[count / 2],
           times[count * 99 / 100]);
    free(times);
}

int main(int argc, char **argv) {
    fd_store *store;
    fd_engine *engine;
    fd_fault fault = {0};
    size_t n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    require(n > 0 && n <= CLIENTS_MAX ? 0 : -EINVAL, "bench_durable_labels DB CLIENTS");
    openblas_set_num_threads(1);
    fd_engine_options options = fd_engine_defaults();
    options.retrain_labels = 0; /* trainings are not measured here */
    options.retrain_seconds = 0;
    options.refit = false;
    require(fd_store_open(argv[1], &store, &fault), fault.detail);
    require(fd_engine_open(&options, store, &engine, &fault), "engine");
    fd_engine_interrupt(engine); /* no annotators: refills are useless */
    add_items(engine);
    measure(engine, n);
    fd_engine_close(engine);
    return 0;
}
