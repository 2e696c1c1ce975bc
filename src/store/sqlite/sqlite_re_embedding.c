/* Re-embedding a database: its counts, its steps, and the switch at the end. */
#include <errno.h>

#include "re_embedding.h"
#include "sqlite_embedders.h"
#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are stored little-endian");

/* ---- reading ---- */

int fd_re_embedding_read(fd_store *store, fd_re_embedding *ret) {
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

int fd_re_embedding_coming(fd_store *store, fd_embedder_visit *visit, void *context) {
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

int fd_re_embedding_textless(fd_store *store, fd_item_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_ITEMS_TEXTLESS);
    return visit_items(&reading, visit, context);
}

int fd_re_embedding_missing(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                            void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_RE_EMBEDDING_MISSING);
    fd_sqlite_bind_integer(&reading.binding, first);
    fd_sqlite_bind_integer(&reading.binding, fd_sqlite_clamp(limit));
    return visit_items(&reading, visit, context);
}

/* ---- writing ---- */

static int run(fd_store *store, fd_sqlite_statement identifier) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, identifier);
    return fd_sqlite_modify(writer, identifier, &binding);
}

/* Commits what was done since begin, or undoes it. */
static int end(fd_store *store, int r) {
    if (r >= 0)
        r = fd_sqlite_commit(store);
    if (r < 0)
        fd_sqlite_rollback(store);
    return r < 0 ? r : 0;
}

int fd_re_embedding_begin(fd_store *store, const fd_embedder_row *row) {
    int r = fd_sqlite_begin(store);
    if (r < 0)
        return r;
    r = fd_sqlite_embedder_put(store, FD_SQL_RE_EMBEDDING_BEGIN, row);
    return end(store, r < 0 ? r : run(store, FD_SQL_RE_EMBEDDING_DROP_OTHER));
}

int fd_re_embedding_abandon(fd_store *store) {
    int r = fd_sqlite_begin(store);
    return r < 0 ? r : end(store, run(store, FD_SQL_RE_EMBEDDING_ABANDON));
}

static int add_vector(fd_sqlite_connection *writer, uint32_t item, const float *vector,
                      size_t dimension) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_RE_EMBEDDING_ADD);
    fd_sqlite_bind_integer(&binding, item);
    fd_sqlite_bind_blob(&binding, vector, dimension * sizeof(*vector));
    return fd_sqlite_modify(writer, FD_SQL_RE_EMBEDDING_ADD, &binding);
}

int fd_re_embedding_add(fd_store *store, const uint32_t *items, size_t n, const float *vectors,
                        size_t dimension) {
    int r = fd_sqlite_begin(store);
    if (r < 0)
        return r;
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    for (size_t i = 0; i < n && r >= 0; i++)
        r = add_vector(writer, items[i], vectors + i * dimension, dimension);
    return end(store, r);
}

int fd_re_embedding_switch(fd_store *store) {
    int r = fd_sqlite_begin(store);
    if (r < 0)
        return r;
    r = run(store, FD_SQL_RE_EMBEDDING_SWITCH);
    if (r == 0)
        r = -EAGAIN;
    return end(store, r < 0 ? r : run(store, FD_SQL_RE_EMBEDDING_REJECT));
}

int fd_re_embedding_clean(fd_store *store, size_t limit, uint64_t *ret_deleted) {
    *ret_deleted = 0;
    int r = fd_sqlite_begin(store);
    if (r < 0)
        return r;
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_RE_EMBEDDING_CLEAN);
    fd_sqlite_bind_integer(&binding, fd_sqlite_clamp(limit));
    r = fd_sqlite_modify(writer, FD_SQL_RE_EMBEDDING_CLEAN, &binding);
    if (r > 0)
        *ret_deleted = (uint64_t)sqlite3_changes(writer->database);
    if (r == 0)
        r = run(store, FD_SQL_RE_EMBEDDING_CLEAN_ROWS);
    return end(store, r);
}
