/*
 * A million items of 384 numbers (BENCH_ITEMS: another number): how long annotators wait through
 * the start, uploads, trainings and refits, beside bare transactions of the same run, and how long
 * closing takes while a training runs. BENCH_FOLDER: where the databases lie.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "assignments.h"
#include "bench.h"
#include "engine.h"
#include "items.h"
#include "labels.h"
#include "select.h"
#include "sqlite_store.h"
#include "trainer.h"

enum { DIMENSION = 384, RESPONSES = 10, AT_ONCE = 1000, ANNOTATORS = 4, FIRST_LABELS = 2000 };

static const double stage_milliseconds = 8000, stop_seconds = 2.0;

static size_t n_items = 1000000;

/* ---- a temporary folder ---- */

static char folder[80];

static void path_of(char path[128], const char *name) {
    (void)snprintf(path, 128, "%s/%s", folder, name);
}

static void remove_folder(void) {
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        (void)unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries)
        (void)closedir(entries);
    (void)rmdir(folder);
}

/* ---- items ---- */

struct batch {
    char ids[AT_ONCE][24], prompts[AT_ONCE][24];
    float *embeddings;
    fd_item_row rows[AT_ONCE];
};

static void fill_batch(struct batch *batch, fd_rng *rng, size_t first) {
    if (!batch->embeddings)
        batch->embeddings = allocate((size_t)AT_ONCE * DIMENSION, sizeof(float));
    for (size_t i = 0; i < (size_t)AT_ONCE * DIMENSION; i++)
        batch->embeddings[i] = (float)(fd_rng_uniform(rng) - 0.5);
    for (size_t i = 0; i < AT_ONCE; i++) {
        (void)snprintf(batch->ids[i], 24, "i%zu", first + i);
        (void)snprintf(batch->prompts[i], 24, "p%zu", (first + i) / RESPONSES);
        batch->rows[i] = (fd_item_row){.id = batch->ids[i],
                                       .prompt_id = batch->prompts[i],
                                       .response = batch->ids[i],
                                       .embedding = batch->embeddings + i * DIMENSION,
                                       .dimension = DIMENSION};
    }
}

static void fill_store(const char *path, size_t n) {
    static struct batch batch;
    static uint32_t indices[AT_ONCE];
    fd_rng rng = fd_rng_seeded(1);
    fd_store *store;
    fd_fault fault = {0};
    fd_added added;
    require(fd_store_open_sqlite(path, &store, &fault), fault.detail);
    for (size_t i = 0; i < n; i += AT_ONCE) {
        fill_batch(&batch, &rng, i);
        require(store->operations->begin(store), "begin");
        require(store->operations->items_add(store, batch.rows, AT_ONCE, indices, &added), "items");
        require(store->operations->commit(store), "commit");
    }
    fd_store_close(store);
}

/* ---- times ---- */

enum kind { BARE, ASSIGN, LABEL, SELECT, KINDS };

struct times {
    size_t count, room;
    double *each; /* [count] in milliseconds */
};

static void note(struct times *times, double each) {
    if (times->count == times->room) {
        times->room = times->room ? 2 * times->room : 4096;
        times->each = reallocarray(times->each, times->room, sizeof(*times->each));
        require(times->each ? 0 : -ENOMEM, "memory");
    }
    times->each[times->count++] = each;
}

struct worker {
    pthread_t thread;
    size_t number, count;
    struct times times[KINDS];
};

static struct worker workers[ANNOTATORS + 2];
static fd_engine *engine;
static fd_store *bare_store;
static atomic_bool goes_on;
static atomic_size_t next_item;

static void timed_from(struct worker *worker, enum kind kind, double start) {
    note(&worker->times[kind], milliseconds() - start);
}

/* ---- the load ---- */

struct assigned {
    bool any;
    char id[64], a[24], b[24];
};

static int keep_assignment(void *context, const fd_assignment *assignment) {
    struct assigned *assigned = context;
    assigned->any = true;
    (void)snprintf(assigned->id, sizeof(assigned->id), "%s", assignment->id);
    (void)snprintf(assigned->a, sizeof(assigned->a), "%s", assignment->a->id);
    (void)snprintf(assigned->b, sizeof(assigned->b), "%s", assignment->b->id);
    return 0;
}

/* Twenty answers a second each. */
static void *annotate(void *context) {
    struct worker *worker = context;
    char name[16], id[32];
    (void)snprintf(name, sizeof(name), "ann-%zu", worker->number);
    for (; atomic_load(&goes_on); (void)usleep(50000)) {
        struct assigned assigned = {0};
        fd_fault fault = {0};
        fd_added added;
        double start = milliseconds();
        fd_assign_request request = {.annotator = name, .count = 1};
        require(fd_engine_assign(engine, &request, keep_assignment, &assigned, &fault), "assign");
        timed_from(worker, ASSIGN, start);
        require(assigned.any ? 0 : -ENODATA, "a pair");
        (void)snprintf(id, sizeof(id), "l%zu-%zu", worker->number, worker->count++);
        fd_label label = {.id = id,
                          .a = assigned.a,
                          .b = assigned.b,
                          .preference = worker->count % 3 ? FD_PREFER_A : FD_PREFER_B,
                          .annotator = name,
                          .assignment = assigned.id,
                          .duration_ms = 1234};
        start = milliseconds();
        require(fd_engine_labels_add(engine, &label, 1, &added, &fault), "label");
        timed_from(worker, LABEL, start);
    }
    return NULL;
}

/* Transactions of one label in a database of its own, twenty a second. */
static void *commit_alone(void *context) {
    struct worker *worker = context;
    for (; atomic_load(&goes_on); (void)usleep(50000)) {
        char id[32];
        int64_t sequence;
        fd_added added;
        (void)snprintf(id, sizeof(id), "b%zu", worker->count++);
        fd_label_row row = {
            .id = id, .item_a = 0, .item_b = 1, .annotator = "ann", .duration_ms = 1234};
        double start = milliseconds();
        require(bare_store->operations->begin(bare_store), "begin");
        require(bare_store->operations->labels_add(bare_store, &row, 1, &sequence, &added),
                "label");
        require(bare_store->operations->commit(bare_store), "commit");
        timed_from(worker, BARE, start);
    }
    return NULL;
}

/* A selection of ten pairs, five times a second. */
static void *select_pairs(void *context) {
    struct worker *worker = context;
    for (; atomic_load(&goes_on); (void)usleep(200000)) {
        fd_selection_request request = {.batch_size = 10};
        fd_selection_result result;
        fd_fault fault = {0};
        double start = milliseconds();
        require(fd_engine_select(engine, &request, &result, &fault), "a selection");
        timed_from(worker, SELECT, start);
        fd_selection_result_clear(&result);
    }
    return NULL;
}

/* ---- stages ---- */

static bool all_met = true;

static void print_stage(const char *name) {
    static const char *const kinds[] = {"bare", "assign", "label", "select"};
    double bare = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        struct times all = {0};
        for (size_t w = 0; w < ANNOTATORS + 2; w++) {
            struct times *times = &workers[w].times[kind];
            for (size_t i = 0; i < times->count; i++)
                note(&all, times->each[i]);
            times->count = 0;
        }
        if (all.count == 0)
            continue;
        qsort(all.each, all.count, sizeof(double), by_value);
        double p99 = all.each[all.count * 99 / 100], most = all.each[all.count - 1];
        bare = kind == BARE ? p99 : bare;
        bool has_target = kind == ASSIGN || kind == LABEL;
        bool met = p99 <= 4 * bare && most <= 100;
        all_met = all_met && (met || !has_target);
        printf("%-10s %-7s %6zu %9.2f %9.2f %9.2f  %s\n", name, kinds[kind], all.count,
               all.each[all.count / 2], p99, most,
               !has_target ? ""
               : met       ? "met"
                           : "MISSED");
        free(all.each);
    }
    (void)fflush(stdout);
}

static void begin_load(void) {
    atomic_store(&goes_on, true);
    for (size_t w = 0; w < ANNOTATORS + 2; w++) {
        workers[w].number = w;
        require(-pthread_create(&workers[w].thread, NULL,
                                w < ANNOTATORS    ? annotate
                                : w == ANNOTATORS ? commit_alone
                                                  : select_pairs,
                                &workers[w]),
                "a thread");
    }
}

static void end_load(void) {
    atomic_store(&goes_on, false);
    for (size_t w = 0; w < ANNOTATORS + 2; w++)
        (void)pthread_join(workers[w].thread, NULL);
}

static void upload(struct batch *batch, fd_rng *rng) {
    fd_added added;
    fd_fault fault = {0};
    fill_batch(batch, rng, atomic_fetch_add(&next_item, AT_ONCE));
    require(fd_engine_items_add(engine, batch->rows, AT_ONCE, &added, &fault), fault.detail);
}

static void run_stage(const char *name, bool uploads, bool trains) {
    static struct batch batch;
    static fd_rng rng;
    fd_fault fault = {0};
    rng = fd_rng_seeded(7);
    begin_load();
    double start = milliseconds();
    if (trains)
        require(fd_engine_train(engine, FD_RETRAIN_SCRATCH, &fault), "a training");
    while (milliseconds() - start < stage_milliseconds) {
        if (uploads)
            upload(&batch, &rng);
        (void)usleep(uploads ? 250000 : 50000);
    }
    if (trains)
        fd_engine_wait_trained(engine);
    end_load();
    if (trains)
        printf("%-10s the stage took %.1f s\n", name, (milliseconds() - start) * 1e-3);
    print_stage(name);
}

static double resident_gigabytes(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        (void)fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e9;
}

static void open_engine(const char *path) {
    fd_engine_options options = fd_engine_defaults();
    fd_store *store;
    fd_fault fault = {0};
    options.retrain_labels = 0; /* trainings are asked for */
    options.retrain_seconds = 0;
    double start = milliseconds();
    require(fd_store_open_sqlite(path, &store, &fault), fault.detail);
    require(fd_engine_open(&options, store, &engine, &fault), fault.detail);
    printf("opened in %.1f s, %.2f GB resident\n", (milliseconds() - start) * 1e-3,
           resident_gigabytes());
}

static void add_first_labels(void) {
    fd_rng rng = fd_rng_seeded(3);
    for (size_t i = 0; i < FIRST_LABELS; i++) {
        char id[24], a[24], b[24];
        size_t prompt = (size_t)fd_rng_below(&rng, n_items / RESPONSES);
        fd_added added;
        fd_fault fault = {0};
        (void)snprintf(id, sizeof(id), "first-%zu", i);
        (void)snprintf(a, sizeof(a), "i%zu", prompt * RESPONSES + i % 4);
        (void)snprintf(b, sizeof(b), "i%zu", prompt * RESPONSES + 4 + i % 6);
        fd_label label = {.id = id,
                          .a = a,
                          .b = b,
                          .preference = i % 3 ? FD_PREFER_A : FD_PREFER_B,
                          .annotator = "first",
                          .duration_ms = 1};
        require(fd_engine_labels_add(engine, &label, 1, &added, &fault), "label");
    }
}

/* Closes as SIGTERM does, `after` milliseconds into a training. */
static void close_in_training(double after) {
    fd_fault fault = {0};
    require(fd_engine_train(engine, FD_RETRAIN_SCRATCH, &fault), "a training");
    (void)usleep((useconds_t)(after * 1e3));
    double start = milliseconds();
    fd_engine_interrupt(engine);
    fd_engine_close(engine);
    double seconds = (milliseconds() - start) * 1e-3;
    bool met = seconds < stop_seconds;
    all_met = all_met && met;
    printf("closed in %.2f s, %.1f s into a training: %s\n", seconds, after * 1e-3,
           met ? "met" : "MISSED");
    (void)fflush(stdout);
}

int main(void) {
    const char *where = getenv("BENCH_FOLDER"), *items = getenv("BENCH_ITEMS");
    char path[128], bare[128];
    fd_fault fault = {0};
    openblas_set_num_threads(1);
    n_items = items ? (size_t)strtoull(items, NULL, 10) / AT_ONCE * AT_ONCE : n_items;
    (void)snprintf(folder, sizeof(folder), "%s/fisherd-scale-XXXXXX", where ? where : "/var/tmp");
    require(mkdtemp(folder) ? 0 : -errno, folder);
    (void)atexit(remove_folder);
    path_of(path, "x.db");
    path_of(bare, "bare.db");
    fill_store(path, n_items);
    fill_store(bare, AT_ONCE);
    require(fd_store_open_sqlite(bare, &bare_store, &fault), fault.detail);
    atomic_store(&next_item, n_items);
    printf(
        "%zu items of %d numbers; times in ms; target: p99 at most 4 x bare, nothing above 100\n",
        n_items, DIMENSION);
    open_engine(path);
    printf("%-10s %-7s %6s %9s %9s %9s\n", "", "", "", "p50", "p99", "max");
    run_stage("start", false, false);
    run_stage("uploads", true, false);
    printf("%.2f GB resident\n", resident_gigabytes());
    add_first_labels();
    run_stage("training", false, true);
    run_stage("refits", false, false);
    run_stage("all", true, true);
    printf("%.2f GB resident\n", resident_gigabytes());
    static const double after[] = {200, 3000, 8000};
    for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
        if (i > 0)
            open_engine(path);
        close_in_training(after[i]);
    }
    fd_store_close(bare_store);
    printf("%s\n", all_met ? "all met" : "some MISSED");
    return 0;
}
