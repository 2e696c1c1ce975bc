/* Labels in the database: adding them, revising them, and reading their history. */
#include "sqlite_labels.h"

#include <errno.h>
#include <string.h>

#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

/* Unlike fd_preference_parse, knows "retracted" too. -EBADMSG for any other name. */
static int parse_preference(const char *name, fd_preference *ret) {
    if (strcmp(name, fd_preference_name(FD_PREFER_RETRACTED)) == 0) {
        *ret = FD_PREFER_RETRACTED;
        return 0;
    }
    return fd_preference_parse(name, ret) == 0 ? 0 : -EBADMSG;
}

/* ---- adding ---- */

static fd_sqlite_binding bind_label(fd_sqlite_connection *writer, fd_sqlite_statement identifier,
                                    const fd_label_row *row) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, identifier);
    fd_sqlite_bind_integer(&binding, row->created_ms);
    fd_sqlite_bind_text(&binding, row->id);
    fd_sqlite_bind_integer(&binding, row->item_a);
    fd_sqlite_bind_integer(&binding, row->item_b);
    fd_sqlite_bind_text(&binding, fd_preference_name(row->preference));
    fd_sqlite_bind_text(&binding, row->annotator);
    fd_sqlite_bind_text(&binding, row->assignment);
    fd_sqlite_bind_integer(&binding, row->duration_ms);
    fd_sqlite_bind_text(&binding, row->comment);
    return binding;
}

static int label_add(fd_sqlite_connection *writer, const fd_label_row *row, int64_t *ret_sequence,
                     fd_added *added) {
    fd_sqlite_binding binding = bind_label(writer, FD_SQL_LABEL_ADD, row);
    int r = fd_sqlite_modify(writer, FD_SQL_LABEL_ADD, &binding);
    if (r < 0)
        return r;
    if (r == 1) {
        *ret_sequence = sqlite3_last_insert_rowid(writer->database);
        added->created++;
        return 0;
    }
    int64_t is_foreign = 0;
    binding = bind_label(writer, FD_SQL_LABEL_SAME, row);
    r = fd_sqlite_compare(writer, FD_SQL_LABEL_SAME, &binding, &is_foreign);
    added->is_foreign = is_foreign != 0;
    if (r < 0)
        return r;
    *ret_sequence = 0;
    added->unchanged++;
    return 0;
}

int fd_sqlite_labels_add(fd_store *store, const fd_label_row *rows, size_t n, int64_t *sequences,
                         fd_added *ret) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    *ret = (fd_added){0};
    int r = fd_sqlite_list_begin(writer);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++) {
        r = label_add(writer, &rows[i], &sequences[i], ret);
        if (r < 0)
            *ret = (fd_added){.conflict = i, .is_foreign = ret->is_foreign};
    }
    return fd_sqlite_list_end(writer, r);
}

static int label_row_add(fd_sqlite_connection *writer, const fd_label_row *row) {
    fd_sqlite_binding binding = bind_label(writer, FD_SQL_LABEL_ROW_ADD, row);
    fd_sqlite_bind_integer(&binding, row->revision);
    fd_sqlite_bind_integer(&binding, row->sequence);
    int r = fd_sqlite_modify(writer, FD_SQL_LABEL_ROW_ADD, &binding);
    return r == 0 ? -EINVAL : r < 0 ? r : 0;
}

int fd_sqlite_label_rows_add(fd_store *store, const fd_label_row *rows, size_t n) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    int r = fd_sqlite_list_begin(writer);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++)
        r = label_row_add(writer, &rows[i]);
    return fd_sqlite_list_end(writer, r);
}

/* ---- revising ---- */

static fd_sqlite_binding bind_change(fd_sqlite_connection *writer, fd_sqlite_statement identifier,
                                     const fd_label_change *change) {
    fd_sqlite_binding binding = fd_sqlite_bind(writer, identifier);
    fd_sqlite_bind_text(&binding, change->id);
    fd_sqlite_bind_text(&binding, fd_preference_name(change->preference));
    fd_sqlite_bind_integer(&binding, change->duration_ms);
    fd_sqlite_bind_text(&binding, change->comment);
    fd_sqlite_bind_integer(&binding, change->created_ms);
    fd_sqlite_bind_text(&binding, change->annotator);
    return binding;
}

static int find_newest(fd_sqlite_connection *writer, const fd_label_change *change,
                       fd_label_changed *ret) {
    fd_sqlite_binding binding = bind_change(writer, FD_SQL_LABEL_NEWEST, change);
    int r = fd_sqlite_bound(&binding);
    if (r == 0)
        r = fd_sqlite_step(writer, FD_SQL_LABEL_NEWEST);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    sqlite3_stmt *statement = writer->statements[FD_SQL_LABEL_NEWEST];
    const char *name = (const char *)sqlite3_column_text(statement, 2);
    *ret = (fd_label_changed){
        .original = sqlite3_column_int64(statement, 0),
        .revision = (uint32_t)sqlite3_column_int64(statement, 1),
        .changed = sqlite3_column_int(statement, 3) == 0,
    };
    r = name ? parse_preference(name, &ret->before) : -ENOMEM;
    fd_sqlite_reset(writer, FD_SQL_LABEL_NEWEST);
    return r;
}

int fd_sqlite_label_revise(fd_store *store, const fd_label_change *change, fd_label_changed *ret) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    int r = find_newest(writer, change, ret);
    if (r < 0 || !ret->changed)
        return r;
    fd_sqlite_binding binding = bind_change(writer, FD_SQL_LABEL_REVISE, change);
    r = fd_sqlite_modify(writer, FD_SQL_LABEL_REVISE, &binding);
    if (r <= 0)
        return r < 0 ? r : -EBADMSG;
    ret->revision++;
    return 0;
}

/* ---- reading ---- */

int fd_sqlite_label_at(const fd_sqlite_reading *reading, fd_label_row *ret) {
    int64_t item_a = fd_sqlite_integer_at(reading, 3);
    int64_t item_b = fd_sqlite_integer_at(reading, 4);
    const char *name = fd_sqlite_text_at(reading, 5);
    *ret = (fd_label_row){
        .sequence = fd_sqlite_integer_at(reading, 0),
        .id = fd_sqlite_text_at(reading, 1),
        .revision = (uint32_t)fd_sqlite_integer_at(reading, 2),
        .item_a = (uint32_t)item_a,
        .item_b = (uint32_t)item_b,
        .annotator = fd_sqlite_text_at(reading, 6),
        .assignment = fd_sqlite_text_at(reading, 7),
        .duration_ms = fd_sqlite_integer_at(reading, 8),
        .created_ms = fd_sqlite_integer_at(reading, 9),
        .comment = fd_sqlite_text_at(reading, 10),
        .original = fd_sqlite_integer_at(reading, 11),
        .is_old_assignment = fd_sqlite_integer_at(reading, 12) != 0,
    };
    bool known = name && parse_preference(name, &ret->preference) == 0;
    return fd_sqlite_row_result(reading, known && ret->id && ret->annotator && item_a >= 0 &&
                                             item_a <= UINT32_MAX && item_b >= 0 &&
                                             item_b <= UINT32_MAX);
}

int fd_sqlite_labels_read(fd_store *store, int64_t after, size_t limit, fd_label_visit *visit,
                          void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_LABELS_READ);
    fd_sqlite_bind_integer(&reading.binding, after);
    fd_sqlite_bind_integer(&reading.binding, fd_sqlite_clamp(limit));
    int r = fd_sqlite_bound(&reading.binding);
    while (r == 0) {
        r = fd_sqlite_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_label_row row;
        r = fd_sqlite_label_at(&reading, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_sqlite_label_newest(fd_store *store, const char *id, int64_t *ret_sequence) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_LABEL_SEQUENCE);
    fd_sqlite_bind_text(&reading.binding, id);
    int r = fd_sqlite_bound(&reading.binding);
    if (r == 0)
        r = fd_sqlite_reading_next(&reading);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *ret_sequence = fd_sqlite_integer_at(&reading, 0);
    return fd_sqlite_row_result(&reading, *ret_sequence > 0);
}
