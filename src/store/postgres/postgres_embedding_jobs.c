/* Embedding jobs in the database: adding, writing, pruning and reading them and their items. */
#include "postgres_embedding_jobs.h"

#include <errno.h>
#include <string.h>

#include "postgres_learning.h"
#include "postgres_reading.h"
#include "postgres_transaction.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are stored little-endian");

/* ---- writing ---- */

static int job_insert(fd_postgres_store *store, const fd_embedding_job_row *row, uint64_t most_jobs,
                      uint64_t most_bytes) {
    fd_postgres_binding binding = {0};
    fd_postgres_bind_text(&binding, row->id);
    fd_postgres_bind_text(&binding, row->author);
    fd_postgres_bind_text(&binding, row->key);
    fd_postgres_bind_bytes(&binding, row->body_hash, sizeof(row->body_hash));
    fd_postgres_bind_integer(&binding, row->immediate);
    fd_postgres_bind_text(&binding, fd_embedding_job_state_name(row->state));
    const uint64_t counts[] = {row->items, row->bytes,   row->total,
                               row->done,  row->created, row->unchanged};
    for (size_t i = 0; i < FD_LENGTH(counts); i++)
        fd_postgres_bind_integer(&binding, fd_postgres_clamp(counts[i]));
    fd_postgres_bind_text(&binding, row->error);
    fd_postgres_bind_integer(&binding, row->embedder_ms);
    fd_postgres_bind_integer(&binding, row->created_ms);
    fd_postgres_bind_integer(&binding, row->started_ms);
    fd_postgres_bind_integer(&binding, row->finished_ms);
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(most_jobs));
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(most_bytes));
    int r = fd_postgres_modify(&store->writer, FD_PG_EMBEDDING_JOB_ADD, &binding);
    return r == 0 ? -EINVAL : r < 0 ? r : 0;
}

static int check_key(fd_postgres_store *store, const fd_embedding_job_row *row) {
    if (!row->key)
        return 0;
    FD_CLEANUP(PQclearp) PGresult *result = NULL;
    fd_postgres_binding binding = {0};
    fd_postgres_bind_text(&binding, row->author);
    fd_postgres_bind_text(&binding, row->key);
    int r = fd_postgres_run(&store->writer, FD_PG_EMBEDDING_JOB_KEY, &binding, &result);
    return r < 0 ? r : PQntuples(result) > 0 ? -EEXIST : 0;
}

struct listing {
    const fd_embedding_job_item *items;
    int64_t job;
};

static void bind_item(void *context, size_t i, fd_postgres_binding *binding) {
    const struct listing *listing = context;
    fd_postgres_bind_integer(binding, listing->items[i].place);
    fd_postgres_bind_integer(binding, listing->items[i].wanted);
    fd_postgres_bind_text(binding, listing->items[i].content);
}

static void bind_vector(void *context, size_t i, fd_postgres_binding *binding) {
    const struct listing *listing = context;
    const fd_embedding_job_item *item = &listing->items[i];
    fd_postgres_bind_integer(binding, listing->job);
    fd_postgres_bind_integer(binding, item->place);
    fd_postgres_bind_bytes(binding, item->vector, item->dimension * sizeof(*item->vector));
}

static int ignore_result(void *context, size_t i, const PGresult *result) {
    (void)context;
    (void)i;
    (void)result;
    return 0;
}

int fd_postgres_embedding_job_add(fd_store *store, const fd_embedding_job_row *row,
                                  const fd_embedding_job_item *items, size_t n, uint64_t most_jobs,
                                  uint64_t most_bytes) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    struct listing listing = {.items = items};
    int r = check_key(postgres, row);
    if (r == 0)
        r = job_insert(postgres, row, most_jobs, most_bytes);
    if (r < 0)
        return r;
    postgres->has_written = true;
    return fd_postgres_run_rows(&postgres->writer, FD_PG_EMBEDDING_JOB_ITEM_ADD, n, bind_item,
                                ignore_result, &listing);
}

static int drop(fd_postgres_store *store, fd_postgres_statement identifier, int64_t sequence) {
    fd_postgres_binding binding = {0};
    fd_postgres_bind_integer(&binding, sequence);
    int r = fd_postgres_modify(&store->writer, identifier, &binding);
    return r < 0 ? r : 0;
}

static int job_update(fd_postgres_store *store, const fd_embedding_job_row *row) {
    fd_postgres_binding binding = {0};
    fd_postgres_bind_integer(&binding, row->sequence);
    fd_postgres_bind_text(&binding, fd_embedding_job_state_name(row->state));
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(row->done));
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(row->created));
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(row->unchanged));
    fd_postgres_bind_text(&binding, row->error);
    fd_postgres_bind_integer(&binding, row->embedder_ms);
    fd_postgres_bind_integer(&binding, row->started_ms);
    fd_postgres_bind_integer(&binding, row->finished_ms);
    int r = fd_postgres_modify(&store->writer, FD_PG_EMBEDDING_JOB_WRITE, &binding);
    return r == 0 ? -ECANCELED : r < 0 ? r : 0;
}

/* The replica that trains works on jobs; a person cancels one anywhere. */
static int check_writer(fd_postgres_store *store, const fd_embedding_job_row *row) {
    return row->state == FD_EMBEDDING_JOB_CANCELLED ? 0 : fd_postgres_check_right(store);
}

int fd_postgres_embedding_job_write(fd_store *store, const fd_embedding_job_row *row,
                                    const fd_embedding_job_item *items, size_t n) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    struct listing listing = {.items = items, .job = row->sequence};
    bool has_ended = row->state >= FD_EMBEDDING_JOB_DONE;
    int r = check_writer(postgres, row);
    if (r == 0)
        r = job_update(postgres, row);
    if (r == 0)
        postgres->has_written = true;
    if (r == 0 && (has_ended || row->done == 0))
        r = drop(postgres, FD_PG_EMBEDDING_JOB_DROP_VECTORS, row->sequence);
    if (r == 0 && has_ended)
        r = drop(postgres, FD_PG_EMBEDDING_JOB_DROP_ITEMS, row->sequence);
    if (r < 0)
        return r;
    return fd_postgres_run_rows(&postgres->writer, FD_PG_EMBEDDING_JOB_VECTOR_ADD, n, bind_vector,
                                ignore_result, &listing);
}

int fd_postgres_embedding_jobs_prune(fd_store *store, int64_t before_ms, size_t keep) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    fd_postgres_binding binding = {0};
    fd_postgres_bind_integer(&binding, before_ms);
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(keep));
    int r = fd_postgres_modify(&postgres->writer, FD_PG_EMBEDDING_JOBS_PRUNE, &binding);
    postgres->has_written |= r > 0;
    return r < 0 ? r : 0;
}

/* ---- reading ---- */

static uint64_t count_of(const fd_postgres_reading *reading, int column) {
    return (uint64_t)fd_postgres_integer_of(reading, column);
}

static int job_row(const fd_postgres_reading *reading, fd_embedding_job_row *ret) {
    *ret = (fd_embedding_job_row){
        .sequence = fd_postgres_integer_of(reading, 0),
        .id = fd_postgres_text_of(reading, 1),
        .author = fd_postgres_text_of(reading, 2),
        .key = fd_postgres_text_of(reading, 3),
        .immediate = fd_postgres_integer_of(reading, 5) != 0,
        .items = count_of(reading, 7),
        .bytes = count_of(reading, 8),
        .total = count_of(reading, 9),
        .done = count_of(reading, 10),
        .created = count_of(reading, 11),
        .unchanged = count_of(reading, 12),
        .error = fd_postgres_text_of(reading, 13),
        .embedder_ms = fd_postgres_integer_of(reading, 14),
        .created_ms = fd_postgres_integer_of(reading, 15),
        .started_ms = fd_postgres_integer_of(reading, 16),
        .finished_ms = fd_postgres_integer_of(reading, 17),
    };
    if (fd_postgres_size_of(reading, 4) != FD_BODY_HASH_SIZE)
        return -EBADMSG;
    memcpy(ret->body_hash, fd_postgres_text_of(reading, 4), FD_BODY_HASH_SIZE);
    int r = fd_embedding_job_state_parse(fd_postgres_text_of(reading, 6), &ret->state);
    return r < 0 ? -EBADMSG : 0;
}

int fd_postgres_embedding_jobs_read(fd_store *store, int64_t before, size_t limit,
                                    fd_embedding_job_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_EMBEDDING_JOBS_READ);
    fd_postgres_bind_integer(&reading.binding, before);
    fd_postgres_bind_integer(&reading.binding, fd_postgres_clamp(limit));
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_embedding_job_row row;
        r = job_row(&reading, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_postgres_embedding_job_items_read(fd_store *store, int64_t sequence, uint32_t first,
                                         fd_embedding_job_item_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_EMBEDDING_JOB_ITEMS_READ);
    fd_postgres_bind_integer(&reading.binding, sequence);
    fd_postgres_bind_integer(&reading.binding, first);
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_embedding_job_item item = {
            .place = (uint32_t)fd_postgres_integer_of(&reading, 0),
            .wanted = fd_postgres_integer_of(&reading, 1) != 0,
            .content = fd_postgres_text_of(&reading, 2),
            .vector = (const float *)(const void *)fd_postgres_text_of(&reading, 3),
            .dimension = fd_postgres_size_of(&reading, 3) / sizeof(float),
        };
        r = visit(context, &item);
    }
    return r;
}
