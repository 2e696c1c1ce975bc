/* Re-embedding a database: its counts, its steps, and the switch at the end. */
#include "sqlite_re_embedding.h"

#include <errno.h>

#include "sqlite_embedders.h"
#include "sqlite_items.h"
#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are stored little-endian");

/* ---- reading ---- */

static int read_counts(fd_store *store, fd_re_embedding *ret) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_RE_EMBEDDING_READ);
    int r = fd_sqlite_reading_next(&reading);
    if (r <= 0)
        return r < 0 ? r : -EIO;
    *ret = (fd_re_embedding){
        .is_begun = fd_sqlite_integer_at(&reading, 0) != 0,
        .items = (uint64_t)fd_sqlite_integer_at(&reading, 1),
        .made = (uint64_t)fd_sqlite_integer_at(&reading, 2),
        .left = (uint64_t)fd_sqlite_integer_at(&reading, 3),
    };
    return fd_sqlite_row_result(&reading, true);
}

static int visit_coming(fd_store *store, fd_embedder_visit *visit, void *context) {
    return fd_sqlite_embedder_visit(store, FD_SQL_RE_EMBEDDING_COMING, visit, context);
}

/* Visits rows of items: index, id, prompt, response. */
static int visit_items(fd_sqlite_reading *reading, fd_item_visit *visit, void *context) {
    int r = fd_sqlite_bound(&reading->binding);
    while (r == 0) {
        r = fd_sqlite_reading_next(reading);
        if (r <= 0)
            return r;
        fd_item_row row = {
            .index = (uint32_t)fd_sqlite_integer_at(reading, 0),
            .id = fd_sqlite_text_at(reading, 1),
            .prompt = fd_sqlite_text_at(reading, 2),
            .response = fd_sqlite_text_at(reading, 3),
        };
        r = fd_sqlite_row_result(reading, row.id != NULL);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

static int visit_textless(fd_store *store, fd_item_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_ITEMS_TEXTLESS);
    return visit_items(&reading, visit, context);
}

static int visit_missing(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                         void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_RE_EMBEDDING_MISSING);
    fd_sqlite_bind_integer(&reading.binding, first);
    fd_sqlite_bind_integer(&reading.binding, fd_sqlite_clamp(limit));
    return visit_items(&reading, visit, context);
}

static int visit_vectors(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                         void *context) {
    return fd_sqlite_vectors_visit(store, FD_SQL_RE_EMBEDDING_VECTORS, first, limit, visit,
                                   context);
}

/* ---- writing ---- */

static int run(fd_store *store, fd_sqlite_statement identifier) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, identifier);
    return fd_sqlite_modify(writer, identifier, &binding);
}

static int begin(fd_store *store, const fd_embedder_row *row) {
    int r = fd_sqlite_embedder_put(store, FD_SQL_RE_EMBEDDING_BEGIN, row);
    if (r >= 0)
        r = run(store, FD_SQL_RE_EMBEDDING_DROP_OTHER);
    return r < 0 ? r : 0;
}

static int abandon(fd_store *store) {
    int r = run(store, FD_SQL_RE_EMBEDDING_ABANDON);
    return r < 0 ? r : 0;
}

static int add_vector(fd_sqlite_connection *writer, uint32_t item, const float *vector,
                      size_t dimension) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_RE_EMBEDDING_ADD);
    fd_sqlite_bind_integer(&binding, item);
    fd_sqlite_bind_blob(&binding, vector, dimension * sizeof(*vector));
    return fd_sqlite_modify(writer, FD_SQL_RE_EMBEDDING_ADD, &binding);
}

static int add(fd_store *store, const uint32_t *items, size_t n, const float *vectors,
               size_t dimension) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    int r = fd_sqlite_list_begin(writer);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && r >= 0; i++)
        r = add_vector(writer, items[i], vectors + i * dimension, dimension);
    return fd_sqlite_list_end(writer, r < 0 ? r : 0);
}

static int finish(fd_store *store) {
    int r = run(store, FD_SQL_RE_EMBEDDING_SWITCH);
    if (r <= 0)
        return r < 0 ? r : -EAGAIN;
    r = run(store, FD_SQL_RE_EMBEDDING_REJECT);
    return r < 0 ? r : 0;
}

static int clean(fd_store *store, size_t limit, uint64_t *ret_deleted) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_RE_EMBEDDING_CLEAN);
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(limit));
    int r = fd_sqlite_modify(writer, FD_SQL_RE_EMBEDDING_CLEAN, &binding);
    *ret_deleted = r > 0 ? (uint64_t)sqlite3_changes(writer->database) : 0;
    if (r == 0)
        r = run(store, FD_SQL_RE_EMBEDDING_CLEAN_ROWS);
    return r < 0 ? r : 0;
}

const fd_re_embedding_operations fd_sqlite_re_embedding_operations = {
    .read = read_counts,
    .coming = visit_coming,
    .textless = visit_textless,
    .missing = visit_missing,
    .vectors = visit_vectors,
    .begin = begin,
    .abandon = abandon,
    .add = add,
    .finish = finish,
    .clean = clean,
};
