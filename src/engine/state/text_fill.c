/* Counts the texts of stored items, some at a time, and hands their features to the writer. */
#include "text_fill.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "array.h"
#include "clock.h"
#include "engine_state.h"
#include "item_text_features.h"
#include "log.h"
#include "stored_vectors.h"
#include "thread.h"
#include "writer.h"

/* Of one reading and one transaction: neither the log of the database nor an answer waits long. */
enum { ROWS_AT_ONCE = 64, BYTES_AT_ONCE = 1 << 20 };

/* The first time that readers get what was counted; then each time that it has doubled. */
enum { SHOWN_FIRST = 1024 };

enum { NICENESS = 10 };

static const double retry_seconds = 1.0;

struct fd_text_fill {
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    bool stop; /* guarded by lock */

    /* Set by the replay, before the thread runs. */
    size_t missing;
    uint32_t first; /* the first item whose features are missing */
    uint32_t last;

    bool runs;
    pthread_t thread;
};

/* What the thread has counted. */
struct counted {
    size_t count;
    size_t stored; /* the first ones */
    size_t shown;  /* the first ones */
    size_t capacity;
    size_t values_capacity;
    uint32_t *items; /* [count] */
    size_t cosines_capacity;
    float *values;  /* [count x FD_TEXT_FEATURES] */
    float *cosines; /* [count] */
    uint64_t
        re_embeddings; /* the engine's, whose vectors the cosines that are not shown come from */
};

int fd_text_fill_new(fd_engine *engine) {
    struct fd_text_fill *fill = calloc(1, sizeof(*fill));
    if (!fill)
        return -ENOMEM;
    (void)pthread_mutex_init(&fill->lock, NULL);
    fd_condition_init(&fill->stopped);
    engine->text_fill = fill;
    return 0;
}

void fd_text_fill_free(fd_engine *engine) {
    struct fd_text_fill *fill = engine->text_fill;
    if (!fill)
        return;
    (void)pthread_mutex_destroy(&fill->lock);
    (void)pthread_cond_destroy(&fill->stopped);
    free(fill);
}

void fd_text_fill_note(fd_engine *engine, const fd_item_row *row) {
    struct fd_text_fill *fill = engine->text_fill;
    if (!engine->options.text_features || !fd_item_has_texts(row) || fd_item_has_text_features(row))
        return;
    if (fill->missing++ == 0)
        fill->first = row->index;
    fill->last = row->index;
}

static bool is_stopped(fd_engine *engine) {
    FD_LOCKED(&engine->text_fill->lock);
    return engine->text_fill->stop;
}

static void rest(fd_engine *engine, double seconds) {
    struct fd_text_fill *fill = engine->text_fill;
    double until = fd_monotonic_seconds() + seconds;
    FD_LOCKED(&fill->lock);
    while (!fill->stop && fd_monotonic_seconds() < until)
        fd_condition_wait_until(&fill->stopped, &fill->lock, until);
}

/* ---- counting ---- */

struct reading {
    const fd_engine_options *options;
    fd_text_extractor *extractor;
    struct counted *counted;
    uint32_t next; /* the item after the last one that was read */
    size_t bytes;
};

static int add_counted(struct counted *counted, uint32_t item, float **ret) {
    int r = fd_array_reserve(&counted->items, &counted->capacity, counted->count + 1,
                             sizeof(*counted->items));
    if (r == 0)
        r = fd_array_reserve(&counted->values, &counted->values_capacity, counted->count + 1,
                             FD_TEXT_FEATURES * sizeof(*counted->values));
    if (r == 0)
        r = fd_array_reserve(&counted->cosines, &counted->cosines_capacity, counted->count + 1,
                             sizeof(*counted->cosines));
    if (r < 0)
        return r;
    counted->items[counted->count] = item;
    *ret = counted->values + counted->count * FD_TEXT_FEATURES;
    return 0;
}

/* 1: that is enough for now. */
static int count_item(void *context, const fd_item_row *row) {
    struct reading *reading = context;
    float *values;
    reading->next = row->index + 1;
    if (!fd_item_has_texts(row) || fd_item_has_text_features(row))
        return 0;
    int r = add_counted(reading->counted, row->index, &values);
    if (r == 0)
        r = fd_text_features_of(reading->extractor, row, values);
    if (r < 0)
        return r;
    struct counted *counted = reading->counted;
    counted->cosines[counted->count++] =
        row->embedding ? fd_text_features_cosine(reading->options, row) : 0;
    reading->bytes += strlen(row->prompt) + strlen(row->response);
    return reading->bytes >= BYTES_AT_ONCE;
}

/* Whether the cosines of the vectors that serve matter. */
static bool takes_embeddings(fd_engine *engine, uint64_t *ret_re_embeddings) {
    FD_READ_LOCKED(&engine->state_lock);
    *ret_re_embeddings = engine->re_embeddings;
    return fd_text_features_take_embeddings(&engine->options, engine->dimension);
}

/* Counts the texts of some items from *next on. */
static int count_some(fd_engine *engine, fd_text_extractor *extractor, struct counted *counted,
                      uint32_t *next) {
    struct reading reading = {&engine->options, extractor, counted, *next, 0};
    uint64_t unused;
    bool embeddings = takes_embeddings(engine, &unused);
    int r = engine->store->operations->items_read(engine->store, *next, ROWS_AT_ONCE, embeddings,
                                                  count_item, &reading);
    if (r < 0)
        counted->count = counted->stored; /* they are counted again */
    else
        *next = reading.next;
    return r < 0 ? r : 0;
}

/* ---- storing ---- */

struct fill_job {
    fd_job job;
    struct counted *counted;
    bool shows; /* readers get all that was counted */
};

static int write_counted(fd_engine *engine, const struct counted *counted) {
    size_t n = counted->count - counted->stored;
    FD_FREE fd_text_features_row *rows = calloc(n + 1, sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        rows[i] = (fd_text_features_row){
            .index = counted->items[counted->stored + i],
            .version = FD_TEXT_FEATURES_VERSION,
            .count = FD_TEXT_FEATURES,
            .values = counted->values + (counted->stored + i) * FD_TEXT_FEATURES,
        };
    return engine->store->operations->text_features_write(engine->store, rows, n);
}

static void place_counted(const struct counted *counted, fd_growing_matrix *matrix) {
    for (size_t i = counted->shown; i < counted->count; i++) {
        float *row = fd_growing_matrix_row(matrix, counted->items[i]);
        memcpy(row, counted->values + i * FD_TEXT_FEATURES, FD_TEXT_FEATURES * sizeof(*row));
        row[FD_TEXT_COSINE] = counted->cosines[i];
    }
}

/* Makes another matrix with what was counted. Jobs that follow in the same transaction add their
 * rows to it; should the transaction be undone, the numbers are right all the same. */
static int show_counted(fd_engine *engine, const fd_pending *pending,
                        const struct counted *counted) {
    FD_CLEANUP(fd_growing_matrix_freep) fd_growing_matrix *matrix = NULL;
    int r = fd_growing_matrix_new(FD_TEXT_FEATURES, pending->items, &matrix);
    if (r < 0)
        return r;
    memcpy(matrix->data, engine->text_features->data,
           pending->items * FD_TEXT_FEATURES * sizeof(float));
    place_counted(counted, matrix);
    FD_WRITE_LOCKED(&engine->state_lock);
    fd_growing_matrix *before = engine->text_features;
    engine->text_features = matrix;
    engine->extra_changes++;
    matrix = before; /* its last reader frees it */
    return 0;
}

static int store_fill(fd_engine *engine, fd_job *job, fd_pending *pending) {
    const struct fill_job *fill = (const struct fill_job *)job;
    if (fill->shows && fill->counted->re_embeddings != engine->re_embeddings)
        return -ECANCELED;
    int r = write_counted(engine, fill->counted);
    return r == 0 && fill->shows ? show_counted(engine, pending, fill->counted) : r;
}

static void apply_fill(fd_engine *engine, fd_job *job) {
    (void)engine;
    (void)job;
}

struct cosine_reading {
    const fd_engine_options *options;
    float *to;
};

static int take_cosine(void *context, const fd_item_row *row) {
    const struct cosine_reading *reading = context;
    *reading->to = fd_text_features_cosine(reading->options, row);
    return 0;
}

/* Where other vectors serve by now, reads the cosines of what nobody has seen once more. */
static int renew_cosines(fd_engine *engine, struct counted *counted) {
    const fd_vector_source source = {.store = engine->store};
    uint64_t re_embeddings;
    bool embeddings = takes_embeddings(engine, &re_embeddings);
    if (counted->re_embeddings == re_embeddings)
        return 0;
    int r = 0;
    for (size_t i = counted->shown; i < counted->count && r == 0; i++) {
        struct cosine_reading reading = {&engine->options, &counted->cosines[i]};
        counted->cosines[i] = 0;
        if (embeddings)
            r = fd_stored_vectors_visit(&source, counted->items[i], (size_t)counted->items[i] + 1,
                                        take_cosine, &reading);
    }
    if (r == 0)
        counted->re_embeddings = re_embeddings;
    return r;
}

static int store_counted(fd_engine *engine, struct counted *counted, bool done) {
    size_t due = counted->shown > 0 ? 2 * counted->shown : SHOWN_FIRST;
    struct fill_job job = {
        .job = {.store = store_fill, .apply = apply_fill},
        .counted = counted,
        .shows = counted->count > counted->shown && (done || counted->count >= due),
    };
    if (counted->count == counted->stored && !job.shows)
        return 0;
    int r = renew_cosines(engine, counted);
    if (r == 0)
        r = fd_writer_run(engine, &job.job);
    if (r < 0)
        return r == -ECANCELED ? 0 : r;
    counted->stored = counted->count;
    if (job.shows)
        counted->shown = counted->count;
    return 0;
}

/* ---- the thread ---- */

static int fill_some(fd_engine *engine, struct counted *counted, uint32_t *next) {
    /* A new one each time, so that a long text does not hold memory. */
    FD_CLEANUP(fd_text_extractor_freep) fd_text_extractor *extractor = NULL;
    int r = 0;
    if (counted->stored == counted->count) {
        r = fd_text_extractor_new(&extractor);
        if (r == 0)
            r = count_some(engine, extractor, counted, next);
    }
    return r < 0 ? r : store_counted(engine, counted, *next > engine->text_fill->last);
}

static void *fill_loop(void *context) {
    fd_engine *engine = context;
    struct fd_text_fill *fill = engine->text_fill;
    struct counted counted = {0};
    double start = fd_monotonic_seconds();
    uint32_t next = fill->first;
    bool has_failed = false;
    fd_thread_name("text-fill");
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    while ((next <= fill->last || counted.shown < counted.count) && !is_stopped(engine)) {
        int r = fill_some(engine, &counted, &next);
        if (r == -ESHUTDOWN)
            break;
        if (r < 0 && !has_failed) /* the first of several in a row */
            fd_log(FD_LOG_ERROR, "text-features-failed", FD_STR("error", strerror(-r)));
        has_failed = r < 0;
        if (r < 0)
            rest(engine, retry_seconds);
    }
    fd_log(FD_LOG_INFO, "text-features-counted", FD_INT("items", counted.stored),
           FD_INT("missing", fill->missing - counted.stored),
           FD_REAL("seconds", fd_monotonic_seconds() - start));
    free(counted.items);
    free(counted.values);
    free(counted.cosines);
    return NULL;
}

int fd_text_fill_start(fd_engine *engine) {
    struct fd_text_fill *fill = engine->text_fill;
    if (fill->missing == 0)
        return 0;
    int r = -pthread_create(&fill->thread, NULL, fill_loop, engine);
    fill->runs = r == 0;
    return r;
}

void fd_text_fill_interrupt(fd_engine *engine) {
    FD_LOCKED(&engine->text_fill->lock);
    engine->text_fill->stop = true;
    (void)pthread_cond_signal(&engine->text_fill->stopped);
}

void fd_text_fill_stop(fd_engine *engine) {
    fd_text_fill_interrupt(engine);
    if (engine->text_fill->runs)
        (void)pthread_join(engine->text_fill->thread, NULL);
}
