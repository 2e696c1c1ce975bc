/* Items in the database: adding them and reading them. */
#include "sqlite_items.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>

#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_text_features.h"
#include "sqlite_transaction.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "embeddings are stored little-endian");

/* ---- adding ---- */

static fd_sqlite_binding bind_item(fd_sqlite_connection *writer, fd_sqlite_statement identifier,
                                   const fd_item_row *row, int64_t index) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, identifier);
    fd_sqlite_bind_integer(&binding, index);
    fd_sqlite_bind_integer(&binding, row->created_ms);
    fd_sqlite_bind_text(&binding, row->id);
    fd_sqlite_bind_text(&binding, row->prompt_id);
    fd_sqlite_bind_text(&binding, row->prompt);
    fd_sqlite_bind_text(&binding, row->response);
    fd_sqlite_bind_text(&binding, row->metadata);
    return binding;
}

static fd_sqlite_binding bind_embedding(fd_sqlite_connection *writer,
                                        fd_sqlite_statement identifier, const fd_item_row *row,
                                        int64_t index) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, identifier);
    fd_sqlite_bind_integer(&binding, index);
    fd_sqlite_bind_blob(&binding, row->embedding, row->dimension * sizeof(float));
    return binding;
}

static int embedding_add(fd_sqlite_connection *writer, const fd_item_row *row, int64_t index) {
    fd_sqlite_binding binding = bind_embedding(writer, FD_SQL_EMBEDDING_ADD, row, index);
    int r = fd_sqlite_modify(writer, FD_SQL_EMBEDDING_ADD, &binding);
    return r < 0 ? r : 0;
}

static int text_features_add(fd_sqlite_connection *writer, const fd_item_row *row, int64_t index) {
    fd_text_features_row features = row->text_features;
    features.index = (uint32_t)index;
    return features.values ? fd_sqlite_text_features_put(writer, &features) : 0;
}

/* Finds the index of a stored item, and compares the item with it. */
static int item_compare(fd_sqlite_connection *writer, const fd_item_row *row, int64_t *ret_index) {
    int64_t unused;
    fd_sqlite_binding binding = bind_item(writer, FD_SQL_ITEM_SAME, row, 0);
    int r = fd_sqlite_compare(writer, FD_SQL_ITEM_SAME, &binding, ret_index);
    if (r < 0)
        return r;
    binding = bind_embedding(writer, FD_SQL_EMBEDDING_SAME, row, *ret_index);
    return fd_sqlite_compare(writer, FD_SQL_EMBEDDING_SAME, &binding, &unused);
}

static int item_add(fd_sqlite_connection *writer, const fd_item_row *row, int64_t *next,
                    uint32_t *ret_index, fd_added *added) {
    int64_t index = *next;
    fd_sqlite_binding binding = bind_item(writer, FD_SQL_ITEM_ADD, row, index);
    int r = fd_sqlite_modify(writer, FD_SQL_ITEM_ADD, &binding);
    bool is_new = r == 1;
    if (r >= 0)
        r = is_new ? embedding_add(writer, row, index) : item_compare(writer, row, &index);
    if (r == 0 && is_new)
        r = text_features_add(writer, row, index);
    if (r < 0)
        return r;
    *next += is_new;
    added->created += is_new;
    added->unchanged += !is_new;
    *ret_index = (uint32_t)index;
    return 0;
}

static int next_index(fd_sqlite_connection *writer, int64_t *ret) {
    int r = fd_sqlite_step(writer, FD_SQL_ITEM_NEXT);
    if (r <= 0)
        return r < 0 ? r : -EIO;
    *ret = sqlite3_column_int64(writer->statements[FD_SQL_ITEM_NEXT], 0);
    fd_sqlite_reset(writer, FD_SQL_ITEM_NEXT);
    return 0;
}

int fd_sqlite_items_add(fd_store *store, const fd_item_row *rows, size_t n, uint32_t *indices,
                        fd_added *ret) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    int64_t next;
    *ret = (fd_added){0};
    int r = fd_sqlite_list_begin(writer);
    if (r < 0)
        return r;
    r = next_index(writer, &next);
    for (size_t i = 0; i < n && r == 0; i++) {
        r = item_add(writer, &rows[i], &next, &indices[i], ret);
        if (r < 0)
            *ret = (fd_added){.conflict = i};
    }
    return fd_sqlite_list_end(writer, r);
}

/* ---- reading ---- */

/* Numbers of a blob, which SQLite copies out of its page. */
static const float *floats_at(const fd_sqlite_reading *reading, int column) {
    const void *blob = sqlite3_column_blob(reading->statement, column);
    assert((uintptr_t)blob % alignof(float) == 0);
    return blob;
}

static fd_text_features_row text_features_at(const fd_sqlite_reading *reading, int column,
                                             int64_t index) {
    const float *values = floats_at(reading, column + 1);
    int size = sqlite3_column_bytes(reading->statement, column + 1);
    return (fd_text_features_row){
        .index = (uint32_t)index,
        .version = (uint32_t)fd_sqlite_integer_at(reading, column),
        .count = (size_t)size / sizeof(*values),
        .values = values,
    };
}

static int item_row(const fd_sqlite_reading *reading, bool embedding, fd_item_row *ret) {
    int64_t index = fd_sqlite_integer_at(reading, 0);
    int64_t dimension = fd_sqlite_integer_at(reading, 6);
    *ret = (fd_item_row){
        .index = (uint32_t)index,
        .id = fd_sqlite_text_at(reading, 1),
        .prompt_id = fd_sqlite_text_at(reading, 2),
        .prompt = fd_sqlite_text_at(reading, 3),
        .response = fd_sqlite_text_at(reading, 4),
        .metadata = fd_sqlite_text_at(reading, 5),
        .dimension = (size_t)dimension,
        .text_features = text_features_at(reading, 9, index),
        .created_ms = fd_sqlite_integer_at(reading, 7),
    };
    bool has_embedding = !fd_sqlite_is_null_at(reading, 6);
    int r = fd_sqlite_row_result(reading, ret->id && ret->prompt_id && index >= 0 &&
                                              index <= UINT32_MAX && has_embedding);
    if (r < 0 || !embedding)
        return r;

    ret->embedding = floats_at(reading, 8);
    int size = sqlite3_column_bytes(reading->statement, 8);
    return fd_sqlite_row_result(reading, size % 4 == 0 && dimension == size / 4);
}

int fd_sqlite_items_read(fd_store *store, uint32_t first, size_t limit, bool embeddings,
                         fd_item_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading =
        fd_sqlite_reading_start(store, embeddings ? FD_SQL_ITEMS_READ : FD_SQL_ITEMS_READ_PLAIN);
    fd_sqlite_bind_integer(&reading.binding, first);
    fd_sqlite_bind_integer(&reading.binding, fd_sqlite_clamp(limit));
    int r = fd_sqlite_bound(&reading.binding);
    while (r == 0) {
        r = fd_sqlite_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_item_row row;
        r = item_row(&reading, embeddings, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_sqlite_vectors_visit(fd_store *store, fd_sqlite_statement identifier, uint32_t first,
                            size_t limit, fd_item_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, identifier);
    fd_sqlite_bind_integer(&reading.binding, first);
    fd_sqlite_bind_integer(&reading.binding, fd_sqlite_clamp(limit));
    int r = fd_sqlite_bound(&reading.binding);
    while (r == 0) {
        r = fd_sqlite_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_item_row row = {.index = (uint32_t)fd_sqlite_integer_at(&reading, 0),
                           .embedding = floats_at(&reading, 1)};
        row.dimension = (size_t)sqlite3_column_bytes(reading.statement, 1) / sizeof(*row.embedding);
        r = fd_sqlite_row_result(&reading, row.embedding != NULL);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_sqlite_vectors_read(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                           void *context) {
    return fd_sqlite_vectors_visit(store, FD_SQL_VECTORS_READ, first, limit, visit, context);
}
