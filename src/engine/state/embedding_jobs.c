/* Keeps embedding jobs in the store, through the writer, and finds them there. */
#include "embedding_jobs.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "engine_state.h"
#include "writer.h"

static const int64_t day_ms = (int64_t)24 * 60 * 60 * 1000;

static bool has_ended(const fd_embedding_job_row *row) {
    return row->state >= FD_EMBEDDING_JOB_DONE;
}

void fd_embedding_job_draw_id(char id[static FD_EMBEDDING_JOB_ID_SIZE]) {
    unsigned char bytes[(FD_EMBEDDING_JOB_ID_SIZE - 1) / 2];
    randombytes_buf(bytes, sizeof(bytes));
    (void)sodium_bin2hex(id, FD_EMBEDDING_JOB_ID_SIZE, bytes, sizeof(bytes));
}

/* ---- changing ---- */

struct embedding_change {
    fd_job job;
    fd_embedding_job_row row;
    const fd_embedding_job_item *items;
    size_t n;
    fd_embedding_job_limits limits;
};

static void apply_nothing(fd_engine *engine, fd_job *job) {
    (void)engine;
    (void)job;
}

/* In the store alone. */
static int add_row(fd_engine *engine, const fd_embedding_job_row *row,
                   const fd_embedding_job_item *items, size_t n,
                   const fd_embedding_job_limits *limits) {
    const fd_store_operations *store = engine->store->operations;
    int64_t before = fd_engine_now_ms(engine) - FD_EMBEDDING_JOB_DAYS * day_ms;
    int r = store->embedding_jobs_prune(engine->store, before, FD_EMBEDDING_JOBS_KEPT - 1);
    return r < 0 ? r
                 : store->embedding_job_add(engine->store, row, items, n, limits->jobs,
                                            limits->bytes);
}

static int store_added(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct embedding_change *change = (struct embedding_change *)job;
    (void)pending;
    return add_row(engine, &change->row, change->items, change->n, &change->limits);
}

static int store_written(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct embedding_change *change = (struct embedding_change *)job;
    (void)pending;
    return engine->store->operations->embedding_job_write(engine->store, &change->row,
                                                          change->items, change->n);
}

int fd_engine_embedding_job_add(fd_engine *engine, const fd_embedding_job_row *row,
                                const fd_embedding_job_item *items, size_t n,
                                const fd_embedding_job_limits *limits, fd_fault *fault) {
    struct embedding_change change = {
        .job = {.store = store_added, .apply = apply_nothing},
        .row = *row,
        .items = items,
        .n = n,
        .limits = *limits,
    };
    change.row.created_ms = fd_engine_now_ms(engine);
    int r = fd_writer_run(engine, &change.job);
    if (r == -EINVAL)
        return fd_fault_set(fault, -EBUSY, "",
                            "too many embedding jobs have not ended yet: there may be %llu, with "
                            "%llu bytes of items",
                            (unsigned long long)limits->jobs, (unsigned long long)limits->bytes);
    if (r == 0)
        fd_embedding_jobs_gauge(engine);
    return r;
}

int fd_engine_embedding_job_write(fd_engine *engine, const fd_embedding_job_row *row,
                                  const fd_embedding_job_item *items, size_t n) {
    struct embedding_change change = {
        .job = {.store = store_written, .apply = apply_nothing},
        .row = *row,
        .items = items,
        .n = n,
    };
    if (has_ended(row))
        change.row.finished_ms = fd_engine_now_ms(engine);
    int r = fd_writer_run(engine, &change.job);
    if (r == 0 && has_ended(row))
        fd_embedding_jobs_gauge(engine);
    return r;
}

int fd_embedding_job_store_end(fd_engine *engine, const fd_embedding_job_row *row,
                               const fd_added *added) {
    fd_embedding_job_row end = *row;
    const fd_embedding_job_limits none = {0};
    end.state = FD_EMBEDDING_JOB_DONE;
    end.done = row->total;
    end.created = added->created;
    end.unchanged = added->unchanged;
    end.error = NULL;
    end.finished_ms = fd_engine_now_ms(engine);
    if (row->sequence > 0)
        return engine->store->operations->embedding_job_write(engine->store, &end, NULL, 0);
    end.created_ms = end.finished_ms;
    int r = add_row(engine, &end, NULL, 0, &none);
    return r == -EEXIST ? -EIO : r; /* a request holds its key until it has its answer */
}

int fd_embedding_job_store_unfinished(fd_engine *engine, const fd_embedding_job_row *row) {
    return row->sequence > 0
               ? engine->store->operations->embedding_job_write(engine->store, row, NULL, 0)
               : 0;
}

/* ---- finding ---- */

static size_t put_text(char *at, const char **text) {
    size_t size = *text ? strlen(*text) + 1 : 0;
    if (at && *text)
        *text = memcpy(at, *text, size);
    return size;
}

static size_t put_texts(char *at, fd_embedding_job_row *row) {
    const char **const texts[] = {&row->id, &row->author, &row->key, &row->error};
    size_t size = 0;
    for (size_t i = 0; i < FD_LENGTH(texts); i++)
        size += put_text(at ? at + size : NULL, texts[i]);
    return size;
}

static int copy_row(const fd_embedding_job_row *row, fd_embedding_job_row **ret) {
    fd_embedding_job_row copied = *row;
    fd_embedding_job_row *copy = malloc(sizeof(*copy) + put_texts(NULL, &copied));
    if (!copy)
        return -ENOMEM;
    *copy = *row;
    (void)put_texts((char *)(copy + 1), copy);
    free(*ret);
    *ret = copy;
    return 0;
}

struct wanted {
    const char *id;
    const char *author;
    const char *key;
    fd_embedding_job_row **ret;
};

static int take_by_id(void *context, const fd_embedding_job_row *row) {
    const struct wanted *wanted = context;
    if (strcmp(row->id, wanted->id) != 0)
        return 0;
    int r = copy_row(row, wanted->ret);
    return r < 0 ? r : 1;
}

static int take_by_key(void *context, const fd_embedding_job_row *row) {
    const struct wanted *wanted = context;
    if (!row->key || strcmp(row->key, wanted->key) != 0 || strcmp(row->author, wanted->author) != 0)
        return 0;
    int r = copy_row(row, wanted->ret);
    return r < 0 ? r : 1;
}

/* The last one visited is the oldest. */
static int take_unfinished(void *context, const fd_embedding_job_row *row) {
    const struct wanted *wanted = context;
    return has_ended(row) ? 0 : copy_row(row, wanted->ret);
}

static int find(fd_engine *engine, fd_embedding_job_visit *take, struct wanted *wanted) {
    *wanted->ret = NULL;
    int r = fd_engine_embedding_jobs_read(engine, INT64_MAX, SIZE_MAX, take, wanted);
    if (r < 0)
        free(FD_STEAL(*wanted->ret));
    return r < 0 ? r : 0;
}

int fd_engine_embedding_job_find(fd_engine *engine, const char *id, fd_embedding_job_row **ret) {
    int r = find(engine, take_by_id, &(struct wanted){.id = id, .ret = ret});
    return r == 0 && !*ret ? -ENOENT : r;
}

int fd_engine_embedding_job_of_key(fd_engine *engine, const char *author, const char *key,
                                   fd_embedding_job_row **ret) {
    return find(engine, take_by_key, &(struct wanted){.author = author, .key = key, .ret = ret});
}

int fd_engine_embedding_job_next(fd_engine *engine, fd_embedding_job_row **ret) {
    return find(engine, take_unfinished, &(struct wanted){.ret = ret});
}

int fd_engine_embedding_jobs_read(fd_engine *engine, int64_t before, size_t limit,
                                  fd_embedding_job_visit *visit, void *context) {
    return engine->store->operations->embedding_jobs_read(engine->store, before, limit, visit,
                                                          context);
}

int fd_engine_embedding_job_items(fd_engine *engine, int64_t sequence, uint32_t first,
                                  fd_embedding_job_item_visit *visit, void *context) {
    return engine->store->operations->embedding_job_items_read(engine->store, sequence, first,
                                                               visit, context);
}

/* ---- counting ---- */

static int count_unfinished(void *context, const fd_embedding_job_row *row) {
    double *count = context;
    *count += !has_ended(row);
    return 0;
}

void fd_embedding_jobs_gauge(fd_engine *engine) {
    double count = 0;
    if (fd_engine_embedding_jobs_read(engine, INT64_MAX, SIZE_MAX, count_unfinished, &count) == 0)
        fd_metrics_set(engine->metrics, FD_METRIC_EMBEDDING_JOBS, NULL, NULL, count);
}
