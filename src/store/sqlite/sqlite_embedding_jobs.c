/* Embedding jobs in the database: adding, writing, pruning and reading them and their items. */
#include "sqlite_embedding_jobs.h"

#include <errno.h>
#include <string.h>

#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are stored little-endian");

/* ---- writing ---- */

static int job_insert(fd_sqlite_connection *writer, const fd_embedding_job_row *row,
                      uint64_t most_jobs, uint64_t most_bytes) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_EMBEDDING_JOB_ADD);
    fd_sqlite_bind_text(&binding, row->id);
    fd_sqlite_bind_text(&binding, row->author);
    fd_sqlite_bind_text(&binding, row->key);
    fd_sqlite_bind_blob(&binding, row->body_hash, sizeof(row->body_hash));
    fd_sqlite_bind_integer(&binding, row->immediate);
    fd_sqlite_bind_text(&binding, fd_embedding_job_state_name(row->state));
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(row->items));
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(row->bytes));
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(row->total));
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(row->done));
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(row->created));
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(row->unchanged));
    fd_sqlite_bind_text(&binding, row->error);
    fd_sqlite_bind_integer(&binding, row->embedder_ms);
    fd_sqlite_bind_integer(&binding, row->created_ms);
    fd_sqlite_bind_integer(&binding, row->started_ms);
    fd_sqlite_bind_integer(&binding, row->finished_ms);
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(most_jobs));
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(most_bytes));
    int r = fd_sqlite_modify(writer, FD_SQL_EMBEDDING_JOB_ADD, &binding);
    return r == 0 ? -EINVAL : r < 0 ? r : 0;
}

static int check_key(fd_sqlite_connection *writer, const fd_embedding_job_row *row) {
    if (!row->key)
        return 0;
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_EMBEDDING_JOB_KEY);
    fd_sqlite_bind_text(&binding, row->author);
    fd_sqlite_bind_text(&binding, row->key);
    int r = fd_sqlite_bound(&binding);
    if (r == 0)
        r = fd_sqlite_step(writer, FD_SQL_EMBEDDING_JOB_KEY);
    if (r <= 0)
        return r;
    fd_sqlite_reset(writer, FD_SQL_EMBEDDING_JOB_KEY);
    return -EEXIST;
}

static int item_insert(fd_sqlite_connection *writer, const fd_embedding_job_item *item) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_EMBEDDING_JOB_ITEM_ADD);
    fd_sqlite_bind_integer(&binding, item->place);
    fd_sqlite_bind_integer(&binding, item->wanted);
    fd_sqlite_bind_text(&binding, item->content);
    int r = fd_sqlite_modify(writer, FD_SQL_EMBEDDING_JOB_ITEM_ADD, &binding);
    return r < 0 ? r : 0;
}

int fd_sqlite_embedding_job_add(fd_store *store, const fd_embedding_job_row *row,
                                const fd_embedding_job_item *items, size_t n, uint64_t most_jobs,
                                uint64_t most_bytes) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    int r = check_key(writer, row);
    if (r == 0)
        r = job_insert(writer, row, most_jobs, most_bytes);
    for (size_t i = 0; i < n && r == 0; i++)
        r = item_insert(writer, &items[i]);
    return r;
}

static int vector_insert(fd_sqlite_connection *writer, int64_t sequence,
                         const fd_embedding_job_item *item) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_EMBEDDING_JOB_VECTOR_ADD);
    fd_sqlite_bind_integer(&binding, sequence);
    fd_sqlite_bind_integer(&binding, item->place);
    fd_sqlite_bind_blob(&binding, item->vector, item->dimension * sizeof(*item->vector));
    int r = fd_sqlite_modify(writer, FD_SQL_EMBEDDING_JOB_VECTOR_ADD, &binding);
    return r < 0 ? r : 0;
}

static int drop(fd_sqlite_connection *writer, fd_sqlite_statement identifier, int64_t sequence) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, identifier);
    fd_sqlite_bind_integer(&binding, sequence);
    int r = fd_sqlite_modify(writer, identifier, &binding);
    return r < 0 ? r : 0;
}

static int job_update(fd_sqlite_connection *writer, const fd_embedding_job_row *row) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_EMBEDDING_JOB_WRITE);
    fd_sqlite_bind_integer(&binding, row->sequence);
    fd_sqlite_bind_text(&binding, fd_embedding_job_state_name(row->state));
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(row->done));
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(row->created));
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(row->unchanged));
    fd_sqlite_bind_text(&binding, row->error);
    fd_sqlite_bind_integer(&binding, row->embedder_ms);
    fd_sqlite_bind_integer(&binding, row->started_ms);
    fd_sqlite_bind_integer(&binding, row->finished_ms);
    int r = fd_sqlite_modify(writer, FD_SQL_EMBEDDING_JOB_WRITE, &binding);
    return r == 0 ? -ECANCELED : r < 0 ? r : 0;
}

int fd_sqlite_embedding_job_write(fd_store *store, const fd_embedding_job_row *row,
                                  const fd_embedding_job_item *items, size_t n) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    bool has_ended = row->state >= FD_EMBEDDING_JOB_DONE;
    int r = job_update(writer, row);
    if (r == 0 && (has_ended || row->done == 0))
        r = drop(writer, FD_SQL_EMBEDDING_JOB_DROP_VECTORS, row->sequence);
    if (r == 0 && has_ended)
        r = drop(writer, FD_SQL_EMBEDDING_JOB_DROP_ITEMS, row->sequence);
    for (size_t i = 0; i < n && r == 0; i++)
        r = vector_insert(writer, row->sequence, &items[i]);
    return r;
}

int fd_sqlite_embedding_jobs_prune(fd_store *store, int64_t before_ms, size_t keep) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_EMBEDDING_JOBS_PRUNE);
    fd_sqlite_bind_integer(&binding, before_ms);
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(keep));
    int r = fd_sqlite_modify(writer, FD_SQL_EMBEDDING_JOBS_PRUNE, &binding);
    return r < 0 ? r : 0;
}

/* ---- reading ---- */

static uint64_t count_at(const fd_sqlite_reading *reading, int column) {
    return (uint64_t)fd_sqlite_integer_at(reading, column);
}

static int job_row(const fd_sqlite_reading *reading, fd_embedding_job_row *ret) {
    const char *state = fd_sqlite_text_at(reading, 6);
    const void *hash = sqlite3_column_blob(reading->statement, 4);
    int size = sqlite3_column_bytes(reading->statement, 4);
    *ret = (fd_embedding_job_row){
        .sequence = fd_sqlite_integer_at(reading, 0),
        .id = fd_sqlite_text_at(reading, 1),
        .author = fd_sqlite_text_at(reading, 2),
        .key = fd_sqlite_text_at(reading, 3),
        .immediate = fd_sqlite_integer_at(reading, 5) != 0,
        .items = count_at(reading, 7),
        .bytes = count_at(reading, 8),
        .total = count_at(reading, 9),
        .done = count_at(reading, 10),
        .created = count_at(reading, 11),
        .unchanged = count_at(reading, 12),
        .error = fd_sqlite_text_at(reading, 13),
        .embedder_ms = fd_sqlite_integer_at(reading, 14),
        .created_ms = fd_sqlite_integer_at(reading, 15),
        .started_ms = fd_sqlite_integer_at(reading, 16),
        .finished_ms = fd_sqlite_integer_at(reading, 17),
    };
    if (hash && size == FD_BODY_HASH_SIZE)
        memcpy(ret->body_hash, hash, FD_BODY_HASH_SIZE);
    return fd_sqlite_row_result(reading, ret->id && ret->author && state &&
                                             fd_embedding_job_state_parse(state, &ret->state) == 0);
}

int fd_sqlite_embedding_jobs_read(fd_store *store, int64_t before, size_t limit,
                                  fd_embedding_job_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_EMBEDDING_JOBS_READ);
    fd_sqlite_bind_integer(&reading.binding, before);
    fd_sqlite_bind_integer(&reading.binding, fd_sqlite_clamp(limit));
    int r = fd_sqlite_bound(&reading.binding);
    while (r == 0) {
        r = fd_sqlite_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_embedding_job_row row;
        r = job_row(&reading, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

static int job_item(const fd_sqlite_reading *reading, fd_embedding_job_item *ret) {
    *ret = (fd_embedding_job_item){
        .place = (uint32_t)fd_sqlite_integer_at(reading, 0),
        .wanted = fd_sqlite_integer_at(reading, 1) != 0,
        .content = fd_sqlite_text_at(reading, 2),
        .vector = sqlite3_column_blob(reading->statement, 3),
    };
    int size = sqlite3_column_bytes(reading->statement, 3);
    ret->dimension = (size_t)size / sizeof(*ret->vector);
    return fd_sqlite_row_result(reading, ret->content && size % 4 == 0);
}

int fd_sqlite_embedding_job_items_read(fd_store *store, int64_t sequence, uint32_t first,
                                       fd_embedding_job_item_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_EMBEDDING_JOB_ITEMS_READ);
    fd_sqlite_bind_integer(&reading.binding, sequence);
    fd_sqlite_bind_integer(&reading.binding, first);
    int r = fd_sqlite_bound(&reading.binding);
    while (r == 0) {
        r = fd_sqlite_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_embedding_job_item item;
        r = job_item(&reading, &item);
        if (r == 0)
            r = visit(context, &item);
    }
    return r;
}
