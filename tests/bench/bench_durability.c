/*
 * Durable labels per second: 1, 8 or 64 clients of an engine over a database on disk, each of which
 * sends one label after another. For comparison, a store that commits each label by itself, as a
 * service without group commit would. With the path of the slow_disk shim as an argument, both are
 * measured again with an fsync that takes 2 ms longer.
 */
#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

#include "bench.h"
#include "engine.h"
#include "items.h"
#include "labels.h"
#include "sqlite_store.h"

enum { ITEMS = 400, DIMENSION = 64, CLIENTS_MAX = 64 };

static const double seconds_each = 2.0;

/* ---- a temporary folder ---- */

struct folder {
    char name[64];
    char path[80];
};

static void make_folder(struct folder *folder) {
    const char *where = getenv("BENCH_FOLDER");
    (void)snprintf(folder->name, sizeof(folder->name), "%s/fisherd-bench-XXXXXX",
                   where ? where : "/tmp");
    require(mkdtemp(folder->name) ? 0 : -errno, "folder");
    (void)snprintf(folder->path, sizeof(folder->path), "%s/x.db", folder->name);
}

static void remove_folder(const struct folder *folder) {
    DIR *entries = opendir(folder->name);
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        (void)unlinkat(dirfd(entries), entry->d_name, 0);
    (void)closedir(entries);
    (void)rmdir(folder->name);
}

/* ---- items ---- */

static void make_items(fd_item_row *rows, char (*ids)[16], float *embeddings) {
    fd_rng rng = fd_rng_seeded(1);
    fill_normal(&rng, (size_t)ITEMS * DIMENSION, embeddings);
    for (size_t i = 0; i < ITEMS; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "i%zu", i);
        rows[i] = (fd_item_row){.id = ids[i],
                                .prompt_id = "p",
                                .embedding = embeddings + i * DIMENSION,
                                .dimension = DIMENSION};
    }
}

/* ---- one transaction per label ---- */

static double one_by_one(const fd_item_row *items) {
    struct folder folder;
    fd_store *store;
    fd_fault fault = {0};
    fd_added added;
    uint32_t indices[ITEMS];
    make_folder(&folder);
    require(fd_store_open_sqlite(folder.path, &store, &fault), fault.detail);
    const fd_store_operations *operations = store->operations;
    require(operations->begin(store), "begin");
    require(operations->items_add(store, items, ITEMS, indices, &added), "items");
    require(operations->commit(store), "commit");

    double start = milliseconds(), elapsed = 0;
    size_t count = 0;
    for (; elapsed < seconds_each * 1e3; elapsed = milliseconds() - start, count++) {
        char id[24];
        int64_t sequence;
        (void)snprintf(id, sizeof(id), "l%zu", count);
        fd_label_row row = {.id = id,
                            .item_a = (uint32_t)(count % (ITEMS - 1)),
                            .item_b = ITEMS - 1,
                            .annotator = "ann",
                            .duration_ms = 900};
        require(operations->begin(store), "begin");
        require(operations->labels_add(store, &row, 1, &sequence, &added), "label");
        require(operations->commit(store), "commit");
    }
    fd_store_close(store);
    remove_folder(&folder);
    return (double)count / elapsed * 1e3;
}

/* ---- clients of an engine ---- */

struct client {
    fd_engine *engine;
    size_t number;
    double until;
    size_t count;
};

static void *send_labels(void *context) {
    struct client *client = context;
    for (; milliseconds() < client->until; client->count++) {
        char id[32], a[16];
        (void)snprintf(id, sizeof(id), "c%zu-%zu", client->number, client->count);
        (void)snprintf(a, sizeof(a), "i%zu", (client->count * 7 + client->number) % (ITEMS - 1));
        fd_label label = {.id = id, .a = a, .b = "i399", .annotator = "ann", .duration_ms = 900};
        fd_added added;
        fd_fault fault = {0};
        require(fd_engine_labels_add(client->engine, &label, 1, &added, &fault), "label");
    }
    return NULL;
}

static double together(const fd_item_row *items, size_t n) {
    struct folder folder;
    fd_store *store;
    fd_engine *engine;
    fd_fault fault = {0};
    fd_added added;
    fd_engine_options options = fd_engine_defaults();
    options.retrain_labels = 0; /* trainings are not measured here */
    options.retrain_seconds = 0;
    options.refit = false;
    make_folder(&folder);
    require(fd_store_open_sqlite(folder.path, &store, &fault), fault.detail);
    require(fd_engine_open(&options, store, &engine, &fault), "engine");
    fd_engine_interrupt(engine); /* no annotators: refills are useless */
    require(fd_engine_items_add(engine, items, ITEMS, &added, &fault), "items");

    struct client clients[CLIENTS_MAX];
    pthread_t threads[CLIENTS_MAX];
    double start = milliseconds();
    for (size_t i = 0; i < n; i++) {
        clients[i] = (struct client){engine, i, start + seconds_each * 1e3, 0};
        require(-pthread_create(&threads[i], NULL, send_labels, &clients[i]), "thread");
    }
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        (void)pthread_join(threads[i], NULL);
        count += clients[i].count;
    }
    double elapsed = milliseconds() - start;
    fd_engine_close(engine);
    remove_folder(&folder);
    return (double)count / elapsed * 1e3;
}

/* ---- the table ---- */

static void measure(void) {
    static const size_t sizes[] = {1, 8, CLIENTS_MAX};
    static fd_item_row rows[ITEMS];
    static char ids[ITEMS][16];
    static float embeddings[ITEMS * DIMENSION];
    const char *slow = getenv("SHIM_SYNC_MS");
    make_items(rows, ids, embeddings);
    double alone = one_by_one(rows), rate = 0;
    printf("fsync %s\n  one transaction per label  %8.0f labels/s\n",
           slow ? "2 ms slower" : "of this disk", alone);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        rate = together(rows, sizes[i]);
        printf("  %2zu clients                 %8.0f labels/s   %6.1f x\n", sizes[i], rate,
               rate / alone);
    }
    bool met = rate >= 5 * alone && (!slow || rate >= 5000);
    printf("  target: %s at %d clients: %s\n", slow ? "5 x and 5,000/s" : "5 x", CLIENTS_MAX,
           met ? "met" : "MISSED");
    (void)fflush(stdout);
}

int main(int argc, char **argv) {
    openblas_set_num_threads(1);
    measure();
    if (argc < 2 || getenv("SHIM_SYNC_MS"))
        return 0;
    require(setenv("LD_PRELOAD", argv[1], 1) == 0 ? 0 : -errno, "environment");
    require(setenv("SHIM_SYNC_MS", "2", 1) == 0 ? 0 : -errno, "environment");
    (void)execv("/proc/self/exe", argv);
    require(-errno, argv[0]);
    return 0;
}
