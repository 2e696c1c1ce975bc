/* Assignments in the database: writing them, reading them, and the key of their ids. */
#include "sqlite_assignments.h"

#include <errno.h>
#include <string.h>

#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

static int assignment_write(fd_sqlite_connection *writer, const fd_assignment_row *row) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_ASSIGNMENT_WRITE);
    fd_sqlite_bind_text(&binding, row->id);
    fd_sqlite_bind_integer(&binding, row->item_a);
    fd_sqlite_bind_integer(&binding, row->item_b);
    fd_sqlite_bind_text(&binding, row->annotator);
    fd_sqlite_bind_integer(&binding, row->slot);
    fd_sqlite_bind_text(&binding, row->control ? "control" : "active");
    fd_sqlite_bind_real(&binding, row->p);
    fd_sqlite_bind_real(&binding, row->gain);
    fd_sqlite_bind_text(&binding, row->strategy);
    fd_sqlite_bind_integer(&binding, row->swapped);
    fd_sqlite_bind_integer(&binding, row->model_version);
    fd_sqlite_bind_integer(&binding, row->expires_ms);
    fd_sqlite_bind_integer(&binding, row->ended_ms);
    int r = fd_sqlite_modify(writer, FD_SQL_ASSIGNMENT_WRITE, &binding);
    return r < 0 ? r : 0;
}

int fd_sqlite_assignments_write(fd_store *store, const fd_assignment_row *rows, size_t n) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    int r = fd_sqlite_list_begin(writer);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++)
        r = assignment_write(writer, &rows[i]);
    return fd_sqlite_list_end(writer, r);
}

int fd_sqlite_assignment_key_write(fd_store *store,
                                   const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_ASSIGNMENT_KEY_WRITE);
    fd_sqlite_bind_blob(&binding, key, FD_ASSIGNMENT_KEY_SIZE);
    int r = fd_sqlite_modify(writer, FD_SQL_ASSIGNMENT_KEY_WRITE, &binding);
    return r == 0 ? -EBADMSG : r < 0 ? r : 0;
}

/* ---- reading ---- */

int fd_sqlite_assignment_at(const fd_sqlite_reading *reading, int first, fd_assignment_row *ret) {
    int64_t item_a = fd_sqlite_integer_at(reading, first + 1);
    int64_t item_b = fd_sqlite_integer_at(reading, first + 2);
    const char *arm = fd_sqlite_text_at(reading, first + 5);
    *ret = (fd_assignment_row){
        .id = fd_sqlite_text_at(reading, first),
        .item_a = (uint32_t)item_a,
        .item_b = (uint32_t)item_b,
        .annotator = fd_sqlite_text_at(reading, first + 3),
        .slot = fd_sqlite_integer_at(reading, first + 4),
        .control = arm && strcmp(arm, "control") == 0,
        .p = fd_sqlite_real_at(reading, first + 6),
        .gain = fd_sqlite_real_at(reading, first + 7),
        .strategy = fd_sqlite_text_at(reading, first + 8),
        .swapped = (int)fd_sqlite_integer_at(reading, first + 9),
        .model_version = fd_sqlite_integer_at(reading, first + 10),
        .expires_ms = fd_sqlite_integer_at(reading, first + 11),
        .ended_ms = fd_sqlite_integer_at(reading, first + 12),
    };
    return fd_sqlite_row_result(reading, arm && ret->id && ret->annotator && item_a >= 0 &&
                                             item_a <= UINT32_MAX && item_b >= 0 &&
                                             item_b <= UINT32_MAX);
}

static int read_rows(fd_store *store, fd_sqlite_statement identifier,
                     fd_assignment_row_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, identifier);
    int r = 0;
    while (r == 0) {
        r = fd_sqlite_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_assignment_row row;
        r = fd_sqlite_assignment_at(&reading, 0, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_sqlite_assignments_read_open(fd_store *store, fd_assignment_row_visit *visit,
                                    void *context) {
    return read_rows(store, FD_SQL_ASSIGNMENTS_READ_OPEN, visit, context);
}

int fd_sqlite_assignments_read(fd_store *store, fd_assignment_row_visit *visit, void *context) {
    return read_rows(store, FD_SQL_ASSIGNMENTS_READ, visit, context);
}

int fd_sqlite_assignment_key(fd_store *store, unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_ASSIGNMENT_KEY);
    int r = fd_sqlite_reading_next(&reading);
    if (r <= 0)
        return r < 0 ? r : -EBADMSG;
    const void *bytes = sqlite3_column_blob(reading.statement, 0);
    int size = sqlite3_column_bytes(reading.statement, 0);
    r = fd_sqlite_row_result(&reading, bytes && size == FD_ASSIGNMENT_KEY_SIZE);
    if (r == 0)
        memcpy(key, bytes, FD_ASSIGNMENT_KEY_SIZE);
    return r;
}
