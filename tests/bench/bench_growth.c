/*
 * What grows with the items: how long a start takes, how many bytes an item takes in memory, and
 * how long a selection of 64 pairs and a label take, with 40,000, a million and four million items
 * in one run. The target is a p99 of at most 1.5 times that with 40,000.
 *
 * BENCH_SIZES: other sizes, as "ITEMSxNUMBERS ITEMSxNUMBERS". BENCH_FOLDER: where the databases
 * lie; they take 5 bytes for each number.
 */
#include <dirent.h>
#include <unistd.h>

#include "bench.h"
#include "component_blocks.h"
#include "engine.h"
#include "engine_state.h"
#include "items.h"
#include "labels.h"
#include "select.h"
#include "sqlite_store.h"
#include "trainer.h"

enum { RESPONSES = 10, AT_ONCE = 1000, LABELS = 2000, SELECTIONS = 400, TIMED_LABELS = 2000 };

static const double ratio_most = 1.5, start_most = 5.0;

static char folder[80];

static void path_of(char path[128], const char *name) {
    (void)snprintf(path, 128, "%s/%s", folder, name);
}

static void empty_folder(void) {
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        (void)unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries)
        (void)closedir(entries);
}

static void remove_folder(void) {
    empty_folder();
    (void)rmdir(folder);
}

/* ---- the database ---- */

static void fill_store(const char *path, size_t n, size_t dimension) {
    static char ids[AT_ONCE][24], prompts[AT_ONCE][24];
    static fd_item_row rows[AT_ONCE];
    static uint32_t indices[AT_ONCE];
    fd_rng rng = fd_rng_seeded(1);
    fd_store *store;
    fd_fault fault = {0};
    fd_added added;
    float *embeddings = allocate(AT_ONCE * dimension, sizeof(float));
    require(fd_store_open_sqlite(path, &store, &fault), fault.detail);
    for (size_t first = 0; first < n; first += AT_ONCE) {
        for (size_t i = 0; i < AT_ONCE * dimension; i++)
            embeddings[i] = (float)(fd_rng_uniform(&rng) - 0.5);
        for (size_t i = 0; i < AT_ONCE; i++) {
            (void)snprintf(ids[i], sizeof(ids[i]), "i%zu", first + i);
            (void)snprintf(prompts[i], sizeof(prompts[i]), "p%zu", (first + i) / RESPONSES);
            rows[i] = (fd_item_row){.id = ids[i],
                                    .prompt_id = prompts[i],
                                    .embedding = embeddings + i * dimension,
                                    .dimension = dimension};
        }
        require(store->operations->begin(store), "begin");
        require(store->operations->items_add(store, rows, AT_ONCE, indices, &added), "items");
        require(store->operations->commit(store), "commit");
    }
    fd_store_close(store);
    free(embeddings);
}

static int count_block(void *context, const fd_component_block *block) {
    (void)block;
    (*(size_t *)context)++;
    return 0;
}

/* ---- the engine ---- */

static fd_engine *engine;
static fd_store *store;

static double resident_bytes(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        (void)fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double processor_seconds(void) {
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6 +
           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec * 1e-6;
}

/* Returns the seconds. */
static double open_engine(const char *path) {
    fd_engine_options options = fd_engine_defaults();
    fd_fault fault = {0};
    options.kind = FI_KIND_LINEAR;
    options.retrain_labels = 0; /* trainings are asked for */
    options.retrain_seconds = 0;
    double start = milliseconds();
    require(fd_store_open_sqlite(path, &store, &fault), fault.detail);
    require(fd_engine_open(&options, store, &engine, &fault), fault.detail);
    return (milliseconds() - start) * 1e-3;
}

static double add_label(fd_rng *rng, size_t n_items, const char *kind, size_t number) {
    char id[24], a[24], b[24];
    size_t prompt = (size_t)fd_rng_below(rng, n_items / RESPONSES);
    fd_added added;
    fd_fault fault = {0};
    (void)snprintf(id, sizeof(id), "%s-%zu", kind, number);
    (void)snprintf(a, sizeof(a), "i%zu", prompt * RESPONSES + number % 4);
    (void)snprintf(b, sizeof(b), "i%zu", prompt * RESPONSES + 4 + number % 6);
    fd_label label = {.id = id,
                      .a = a,
                      .b = b,
                      .preference = number % 3 ? FD_PREFER_A : FD_PREFER_B,
                      .annotator = "ann",
                      .duration_ms = 1};
    double start = milliseconds();
    require(fd_engine_labels_add(engine, &label, 1, &added, &fault), "label");
    return milliseconds() - start;
}

static double select_pairs(uint64_t seed) {
    fd_selection_request request = {.batch_size = 64, .seed = seed};
    fd_selection_result result;
    fd_fault fault = {0};
    double start = milliseconds();
    require(fd_engine_select(engine, &request, &result, &fault), "a selection");
    fd_selection_result_clear(&result);
    return milliseconds() - start;
}

/* Until all full blocks of the serving model are stored. It has none if it takes embeddings as they
 * are. */
static void wait_for_blocks(size_t n_items) {
    size_t full = n_items / FD_BLOCK_ROWS;
    bool done = full == 0;
    for (fd_snapshot *snapshot; !done; fd_snapshot_free(snapshot)) {
        size_t last = 0;
        fd_fault fault = {0};
        (void)usleep(200000);
        require(fd_engine_snapshot(engine, &snapshot, &fault), "a snapshot");
        require(store->operations->component_blocks_read(store, snapshot->served->inputs,
                                                         (uint32_t)full - 1, count_block, &last),
                "blocks");
        done = last > 0 || !fd_has_blocks(snapshot->served->model);
    }
}

/* ---- what is measured ---- */

struct figures {
    double p50, p99;
};

static struct figures figures_of(double *times, size_t n) {
    qsort(times, n, sizeof(*times), by_value);
    return (struct figures){times[n / 2], times[n * 99 / 100]};
}

static struct figures first_select, first_label;

static void print_figures(const char *name, struct figures now, struct figures *first) {
    if (first->p99 == 0)
        *first = now;
    double ratio = now.p99 / first->p99;
    printf("  %-9s p50 %8.2f ms  p99 %8.2f ms  %5.2f x  %s\n", name, now.p50, now.p99, ratio,
           ratio <= ratio_most ? "met" : "MISSED");
}

static void measure(size_t n_items) {
    static double times[TIMED_LABELS];
    fd_rng rng = fd_rng_seeded(5);
    for (size_t i = 0; i < SELECTIONS + 20; i++) {
        double each = select_pairs(i + 1);
        if (i >= 20)
            times[i - 20] = each;
    }
    print_figures("selection", figures_of(times, SELECTIONS), &first_select);
    for (size_t i = 0; i < TIMED_LABELS; i++)
        times[i] = add_label(&rng, n_items, "timed", i);
    print_figures("label", figures_of(times, TIMED_LABELS), &first_label);
}

static void run_size(size_t n_items, size_t dimension) {
    char path[128];
    fd_fault fault = {0};
    fd_rng rng = fd_rng_seeded(3);
    path_of(path, "x.db");
    fill_store(path, n_items, dimension);
    printf("%zu items of %zu numbers\n", n_items, dimension);
    double used = processor_seconds(), seconds = open_engine(path);
    printf("  start with embeddings %7.2f s, %.2f s of a processor\n", seconds,
           processor_seconds() - used);
    for (size_t i = 0; i < LABELS; i++)
        (void)add_label(&rng, n_items, "first", i);
    double start = milliseconds();
    require(fd_engine_train(engine, FD_RETRAIN_SCRATCH, &fault), "a training");
    fd_engine_wait_trained(engine);
    printf("  training              %7.2f s\n", (milliseconds() - start) * 1e-3);
    start = milliseconds();
    wait_for_blocks(n_items);
    printf("  blocks stored in      %7.2f s\n", (milliseconds() - start) * 1e-3);
    fd_engine_close(engine);
    used = processor_seconds();
    seconds = open_engine(path);
    printf("  start with blocks     %7.2f s, %.2f s of a processor  %s\n", seconds,
           processor_seconds() - used,
           n_items > 1000000       ? ""
           : seconds <= start_most ? "met"
                                   : "MISSED");
    printf("  memory                %7.0f bytes an item, %.2f GB\n",
           resident_bytes() / (double)n_items, resident_bytes() * 1e-9);
    sync(); /* no label shall wait for what the filling left to write */
    measure(n_items);
    (void)fflush(stdout);
    fd_engine_close(engine);
    empty_folder();
}

int main(void) {
    const char *where = getenv("BENCH_FOLDER"), *sizes = getenv("BENCH_SIZES");
    openblas_set_num_threads(1);
    (void)snprintf(folder, sizeof(folder), "%s/fisherd-growth-XXXXXX", where ? where : "/var/tmp");
    require(mkdtemp(folder) ? 0 : -errno, folder);
    (void)atexit(remove_folder);
    const char *at = sizes ? sizes : "40000x1024 1000000x1024 4000000x256";
    for (char *end; *at; at = end) {
        size_t items = strtoull(at, &end, 10);
        size_t dimension = *end == 'x' ? strtoull(end + 1, &end, 10) : 0;
        if (items < AT_ONCE || dimension == 0)
            break;
        run_size(items / AT_ONCE * AT_ONCE, dimension);
    }
    return 0;
}
