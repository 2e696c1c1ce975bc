/*
 * The time from a label to the snapshot that has learned from it. The engine has 5,000 items and
 * 10,000 labels in memory. Further labels follow one after another, each as soon as the one before
 * is learned, so the time includes the rest of the refitter.
 */
#include "bench.h"
#include "engine.h"
#include "items.h"
#include "labels.h"
#include "memory_store.h"
#include "trainer.h"

enum { ITEMS = 5000, LABELS = 10000, AT_ONCE = 500, RUNS = 300 };

static fd_engine *open_engine(fi_kind kind, uint32_t h) {
    fd_engine_options options = fd_engine_defaults();
    options.kind = kind;
    options.components = 0;
    options.hidden_layers = 1;
    options.hidden_width = h;
    options.retrain_labels = 0;
    options.retrain_seconds = 0;
    options.train.iterations = 200;
    fd_store *store;
    fd_engine *engine;
    fd_fault fault = {0};
    require(fd_store_open_memory(&store), "store");
    require(fd_engine_open(&options, store, &engine, &fault), "engine");
    fd_engine_interrupt(engine); /* no annotators: refills are useless */
    return engine;
}

static void add_items(fd_engine *engine, fd_rng *rng, size_t h) {
    float *embeddings = allocate(ITEMS * h, sizeof(float));
    fd_item_row *rows = allocate(ITEMS, sizeof(*rows));
    char(*ids)[16] = allocate(ITEMS, sizeof(*ids));
    fill_normal(rng, ITEMS * h, embeddings);
    for (size_t i = 0; i < ITEMS; i++) /* the first number decides the preference */
        embeddings[i * h] = (float)i / (float)ITEMS;
    for (size_t i = 0; i < ITEMS; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "i%zu", i);
        rows[i] = (fd_item_row){
            .id = ids[i], .prompt_id = "p", .embedding = embeddings + i * h, .dimension = h};
    }
    fd_added added;
    fd_fault fault = {0};
    require(fd_engine_items_add(engine, rows, ITEMS, &added, &fault), "items");
    free(embeddings);
    free(rows);
    free(ids);
}

/* Adds labels that prefer items with low numbers. */
static void add_labels(fd_engine *engine, fd_rng *rng, size_t first, size_t n) {
    fd_label labels[AT_ONCE];
    char ids[AT_ONCE][3][16];
    for (size_t i = 0; i < n; i++) {
        fi_pair pair;
        fill_pairs(rng, ITEMS, 1, &pair);
        (void)snprintf(ids[i][0], sizeof(ids[i][0]), "l%zu", first + i);
        (void)snprintf(ids[i][1], sizeof(ids[i][1]), "i%u", pair.a);
        (void)snprintf(ids[i][2], sizeof(ids[i][2]), "i%u", pair.b);
        labels[i] =
            (fd_label){.id = ids[i][0],
                       .a = ids[i][1],
                       .b = ids[i][2],
                       .preference = fd_rng_uniform(rng) <
                                             fi_probability(((double)pair.b - (double)pair.a) / 1e3)
                                         ? FD_PREFER_A
                                         : FD_PREFER_B,
                       .annotator = "ann",
                       .duration_ms = -1};
    }
    fd_added added;
    fd_fault fault = {0};
    require(fd_engine_labels_add(engine, labels, n, &added, &fault), "labels");
}

/* The sum of the seconds of all refits so far. */
static double refit_seconds(fd_engine *engine) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    require(out ? 0 : -ENOMEM, "memory");
    fd_metrics_print(fd_engine_metrics(engine), out);
    (void)fclose(out);
    static const char name[] = "\nfisherd_refit_seconds_sum ";
    const char *line = strstr(text, name);
    double seconds = line ? strtod(line + sizeof(name) - 1, NULL) : 0.0;
    free(text);
    return seconds;
}

static void measure(fi_kind kind, uint32_t h) {
    fd_rng rng = fd_rng_seeded(1);
    fd_engine *engine = open_engine(kind, h);
    fd_fault fault = {0};
    add_items(engine, &rng, h);
    for (size_t i = 0; i < LABELS; i += AT_ONCE)
        add_labels(engine, &rng, i, AT_ONCE);
    require(fd_engine_train(engine, FD_RETRAIN_CONFIGURED, &fault), "training");
    fd_engine_wait_trained(engine);
    fd_engine_wait_refitted(engine);

    double times[RUNS], before = refit_seconds(engine);
    for (size_t i = 0; i < RUNS; i++) {
        double start = milliseconds();
        add_labels(engine, &rng, LABELS + i, 1);
        fd_engine_wait_refitted(engine);
        times[i] = milliseconds() - start;
    }
    double refit = (refit_seconds(engine) - before) * 1e3 / RUNS;
    qsort(times, RUNS, sizeof(times[0]), by_value);
    double p99 = times[RUNS * 99 / 100];
    printf("%-8s h = %3u   p50 %7.2f ms   p99 %7.2f ms   a refit %7.2f ms   target: p99 %s\n",
           kind == FI_KIND_LINEAR ? "linear" : "network", h, times[RUNS / 2], p99, refit,
           p99 < 50.0 + refit ? "met" : "MISSED");
    fd_engine_close(engine);
}

int main(void) {
    openblas_set_num_threads(1);
    printf(
        "label to published snapshot, %d items and %d labels, then %d labels one after another\n",
        ITEMS, LABELS, RUNS);
    for (uint32_t h = 64; h <= 128; h *= 2) {
        measure(FI_KIND_LINEAR, h);
        measure(FI_KIND_NETWORK, h);
    }
    return 0;
}
