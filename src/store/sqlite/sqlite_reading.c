/* Reading: each call borrows one of the read-only connections and sees what was committed. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdalign.h>
#include <string.h>

#include "sqlite_backend.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "embeddings are stored as they lie");

/* ---- readers ---- */

fd_sqlite_connection *fd_sqlite_borrow_reader(fd_sqlite_store *store) {
    (void)pthread_mutex_lock(&store->readers_lock);
    while (store->n_idle == 0 || store->gate_closed)
        (void)pthread_cond_wait(&store->reader_returned, &store->readers_lock);
    fd_sqlite_connection *reader = store->idle[--store->n_idle];
    (void)pthread_mutex_unlock(&store->readers_lock);
    return reader;
}

void fd_sqlite_return_reader(fd_sqlite_store *store, fd_sqlite_connection *reader) {
    (void)pthread_mutex_lock(&store->readers_lock);
    store->idle[store->n_idle++] = reader;
    if (store->gate_closed) /* the writer waits too */
        (void)pthread_cond_broadcast(&store->reader_returned);
    else
        (void)pthread_cond_signal(&store->reader_returned);
    (void)pthread_mutex_unlock(&store->readers_lock);
}

/* One statement on one reader, from borrowing to returning. */
struct reading {
    fd_sqlite_store *store;
    fd_sqlite_connection *reader;
    fd_sqlite_statement identifier;
    sqlite3_stmt *statement;
    fd_sqlite_binding binding;
};

static struct reading reading_start(fd_store *store, fd_sqlite_statement identifier) {
    fd_sqlite_store *sqlite = (fd_sqlite_store *)store;
    fd_sqlite_connection *reader = fd_sqlite_borrow_reader(sqlite);
    return (struct reading){sqlite, reader, identifier, reader->statements[identifier],
                            fd_sqlite_bind(reader, identifier)};
}

static void reading_end(struct reading *reading) {
    fd_sqlite_reset(reading->reader, reading->identifier); /* ends the read transaction */
    fd_sqlite_return_reader(reading->store, reading->reader);
}

static int reading_next(struct reading *reading) {
    return fd_sqlite_step(reading->reader, reading->identifier);
}

static int64_t at_most_signed(uint64_t value) {
    return value < INT64_MAX ? (int64_t)value : INT64_MAX;
}

/* ---- columns ---- */

static const char *text_at(sqlite3_stmt *statement, int column) {
    return (const char *)sqlite3_column_text(statement, column);
}

static double real_at(sqlite3_stmt *statement, int column) {
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(statement, column);
}

/* 0 if the columns of a row could be read and those that must be there are. */
static int row_result(const struct reading *reading, bool complete) {
    if (sqlite3_errcode(reading->reader->database) == SQLITE_NOMEM)
        return -ENOMEM;
    return complete ? 0 : -EBADMSG;
}

/* ---- rows ---- */

static int item_row(const struct reading *reading, bool embedding, fd_item_row *ret) {
    sqlite3_stmt *statement = reading->statement;
    int64_t index = sqlite3_column_int64(statement, 0);
    int64_t dimension = sqlite3_column_int64(statement, 6);
    *ret = (fd_item_row){
        .index = (uint32_t)index,
        .id = text_at(statement, 1),
        .prompt_id = text_at(statement, 2),
        .prompt = text_at(statement, 3),
        .response = text_at(statement, 4),
        .metadata = text_at(statement, 5),
        .dimension = (size_t)dimension,
        .created_ms = sqlite3_column_int64(statement, 7),
    };
    int r = row_result(reading, ret->id && ret->prompt_id && index >= 0 && index <= UINT32_MAX &&
                                    dimension >= 0);
    if (r < 0 || !embedding)
        return r;

    const void *blob = sqlite3_column_blob(statement, 8);
    int size = sqlite3_column_bytes(statement, 8);
    assert((uintptr_t)blob % alignof(float) == 0); /* SQLite copies columns out of their pages */
    ret->embedding = blob;
    return row_result(reading, size % 4 == 0 && dimension == size / 4);
}

static int label_row(const struct reading *reading, fd_label_row *ret) {
    sqlite3_stmt *statement = reading->statement;
    int64_t item_a = sqlite3_column_int64(statement, 3);
    int64_t item_b = sqlite3_column_int64(statement, 4);
    const char *name = text_at(statement, 5);
    *ret = (fd_label_row){
        .sequence = sqlite3_column_int64(statement, 0),
        .id = text_at(statement, 1),
        .revision = (uint32_t)sqlite3_column_int64(statement, 2),
        .item_a = (uint32_t)item_a,
        .item_b = (uint32_t)item_b,
        .annotator = text_at(statement, 6),
        .assignment = text_at(statement, 7),
        .duration_ms = sqlite3_column_int64(statement, 8),
        .created_ms = sqlite3_column_int64(statement, 9),
        .comment = text_at(statement, 10),
        .original = sqlite3_column_int64(statement, 11),
    };
    bool known = name && fd_preference_parse(name, &ret->preference) == 0;
    if (name && strcmp(name, fd_preference_name(FD_PREFER_RETRACTED)) == 0) {
        ret->preference = FD_PREFER_RETRACTED;
        known = true;
    }
    return row_result(reading, known && ret->id && ret->annotator && item_a >= 0 &&
                                   item_a <= UINT32_MAX && item_b >= 0 && item_b <= UINT32_MAX);
}

static int model_row(const struct reading *reading, bool bytes, fd_model_row *ret) {
    sqlite3_stmt *statement = reading->statement;
    const char *state = text_at(statement, 1);
    bool known_information = sqlite3_column_type(statement, 20) != SQLITE_NULL;
    bool known_start = sqlite3_column_type(statement, 4) != SQLITE_NULL;
    *ret = (fd_model_row){
        .version = (uint64_t)sqlite3_column_int64(statement, 0),
        .reason = text_at(statement, 2),
        .parent = (uint64_t)sqlite3_column_int64(statement, 3),
        .scratch = known_start ? sqlite3_column_int(statement, 4) : -1,
        .labels = (uint64_t)sqlite3_column_int64(statement, 5),
        .items = (uint64_t)sqlite3_column_int64(statement, 6),
        .iterations = (uint32_t)sqlite3_column_int64(statement, 7),
        .prior_precision = real_at(statement, 8),
        .train_loss = real_at(statement, 9),
        .held_out_labels = (uint64_t)sqlite3_column_int64(statement, 10),
        .held_out_loss = real_at(statement, 11),
        .held_out_accuracy = real_at(statement, 12),
        .held_out_accuracy_low = real_at(statement, 13),
        .held_out_accuracy_high = real_at(statement, 14),
        .held_out_calibration_error = real_at(statement, 15),
        .control_labels = (uint64_t)sqlite3_column_int64(statement, 16),
        .control_accuracy = real_at(statement, 17),
        .seconds = sqlite3_column_double(statement, 18),
        .created_ms = sqlite3_column_int64(statement, 19),
        .answers = known_information ? sqlite3_column_int64(statement, 20) : -1,
        .logdet = real_at(statement, 21),
    };
    if (bytes) {
        ret->bytes = sqlite3_column_blob(statement, 22);
        ret->size = (size_t)sqlite3_column_bytes(statement, 22);
    }
    bool known = state && fd_model_state_parse(state, &ret->state) == 0;
    return row_result(reading, known && (ret->bytes || !bytes));
}

/* ---- operations ---- */

int fd_sqlite_items_read(fd_store *store, uint32_t first, size_t limit, bool embeddings,
                         fd_item_visit *visit, void *context) {
    FD_CLEANUP(reading_end) struct reading reading = reading_start(store, FD_SQL_ITEMS_READ);
    fd_sqlite_bind_integer(&reading.binding, first);
    fd_sqlite_bind_integer(&reading.binding, at_most_signed(limit));
    fd_sqlite_bind_integer(&reading.binding, embeddings);
    int r = fd_sqlite_bound(&reading.binding);
    while (r == 0) {
        r = reading_next(&reading);
        if (r <= 0)
            return r;
        fd_item_row row;
        r = item_row(&reading, embeddings, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_sqlite_labels_read(fd_store *store, int64_t after, size_t limit, fd_label_visit *visit,
                          void *context) {
    FD_CLEANUP(reading_end) struct reading reading = reading_start(store, FD_SQL_LABELS_READ);
    fd_sqlite_bind_integer(&reading.binding, after);
    fd_sqlite_bind_integer(&reading.binding, at_most_signed(limit));
    int r = fd_sqlite_bound(&reading.binding);
    while (r == 0) {
        r = reading_next(&reading);
        if (r <= 0)
            return r;
        fd_label_row row;
        r = label_row(&reading, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_sqlite_models_read(fd_store *store, uint64_t highest, size_t limit, bool bytes,
                          fd_model_visit *visit, void *context) {
    FD_CLEANUP(reading_end) struct reading reading = reading_start(store, FD_SQL_MODELS_READ);
    fd_sqlite_bind_integer(&reading.binding, at_most_signed(highest));
    fd_sqlite_bind_integer(&reading.binding, at_most_signed(limit));
    fd_sqlite_bind_integer(&reading.binding, bytes);
    int r = fd_sqlite_bound(&reading.binding);
    while (r == 0) {
        r = reading_next(&reading);
        if (r <= 0)
            return r;
        fd_model_row row;
        r = model_row(&reading, bytes, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_sqlite_read_counts(fd_sqlite_connection *connection, fd_counts *ret) {
    int r = fd_sqlite_step(connection, FD_SQL_COUNTS);
    if (r <= 0)
        return r;
    sqlite3_stmt *statement = connection->statements[FD_SQL_COUNTS];
    *ret = (fd_counts){
        .items = (uint64_t)sqlite3_column_int64(statement, 0),
        .labels = (uint64_t)sqlite3_column_int64(statement, 1),
        .label_rows = (uint64_t)sqlite3_column_int64(statement, 2),
        .models = (uint64_t)sqlite3_column_int64(statement, 3),
    };
    fd_sqlite_reset(connection, FD_SQL_COUNTS);
    return 0;
}

int fd_sqlite_counts(fd_store *store, fd_counts *ret) {
    fd_sqlite_store *sqlite = (fd_sqlite_store *)store;
    fd_sqlite_connection *reader = fd_sqlite_borrow_reader(sqlite);
    int r = fd_sqlite_read_counts(reader, ret);
    fd_sqlite_return_reader(sqlite, reader);
    return r;
}
