/* Scores of items in the database: adding them and reading their history. */
#include "sqlite_scores.h"

#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

static int score_add(fd_sqlite_connection *writer, const fd_score_row *row, size_t *changed) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_SCORE_ADD);
    fd_sqlite_bind_integer(&binding, row->item);
    fd_sqlite_bind_text(&binding, row->name);
    fd_sqlite_bind_real(&binding, row->value);
    fd_sqlite_bind_integer(&binding, row->set_ms);
    int r = fd_sqlite_modify(writer, FD_SQL_SCORE_ADD, &binding);
    *changed += r > 0;
    return r < 0 ? r : 0;
}

int fd_sqlite_scores_add(fd_store *store, const fd_score_row *rows, size_t n, size_t *ret_changed) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    *ret_changed = 0;
    int r = fd_sqlite_list_begin(writer);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++)
        r = score_add(writer, &rows[i], ret_changed);
    return fd_sqlite_list_end(writer, r);
}

static int score_row(const fd_sqlite_reading *reading, fd_score_row *ret) {
    int64_t item = fd_sqlite_integer_at(reading, 0);
    *ret = (fd_score_row){
        .item = (uint32_t)item,
        .name = fd_sqlite_text_at(reading, 1),
        .value = fd_sqlite_real_at(reading, 2),
        .set_ms = fd_sqlite_integer_at(reading, 3),
    };
    return fd_sqlite_row_result(reading, ret->name && item >= 0 && item <= UINT32_MAX);
}

int fd_sqlite_scores_read(fd_store *store, fd_score_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_SCORES_READ);
    int r = 0;
    while (r == 0) {
        r = fd_sqlite_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_score_row row;
        r = score_row(&reading, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}
