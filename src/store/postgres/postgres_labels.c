/* Labels in the database: adding them, revising them, and reading their history. */
#include "postgres_labels.h"

#include <errno.h>
#include <string.h>

#include "postgres_list.h"
#include "postgres_transaction.h"

/* Unlike fd_preference_parse, knows "retracted" too. -EBADMSG for any other name. */
static int parse_preference(const char *name, fd_preference *ret) {
    if (strcmp(name, fd_preference_name(FD_PREFER_RETRACTED)) == 0) {
        *ret = FD_PREFER_RETRACTED;
        return 0;
    }
    return fd_preference_parse(name, ret) == 0 ? 0 : -EBADMSG;
}

static bool has_items(const fd_postgres_store *store, const fd_label_row *row) {
    return row->item_a < store->now.items && row->item_b < store->now.items &&
           row->item_a != row->item_b;
}

/* ---- adding ---- */

static void bind_label(void *context, size_t i, fd_postgres_binding *binding) {
    const fd_label_row *row = (const fd_label_row *)context + i;
    fd_postgres_bind_integer(binding, row->created_ms);
    fd_postgres_bind_text(binding, row->id);
    fd_postgres_bind_integer(binding, row->item_a);
    fd_postgres_bind_integer(binding, row->item_b);
    fd_postgres_bind_text(binding, fd_preference_name(row->preference));
    fd_postgres_bind_text(binding, row->annotator);
    fd_postgres_bind_text(binding, row->assignment);
    fd_postgres_bind_integer(binding, row->duration_ms);
    fd_postgres_bind_text(binding, row->comment);
}

/* What asks the server about labels must see those that wait. */
static int send_new(fd_postgres_store *store) {
    return fd_postgres_new_labels_send(&store->new_labels, &store->writer);
}

/* A row without its items is not added, unless its label is stored already. */
static size_t count_addable(const fd_postgres_store *store, const fd_label_row *rows, size_t n) {
    size_t i = 0;
    while (i < n && has_items(store, &rows[i]))
        i++;
    return i;
}

/* What is wrong with a row that cannot be added. */
static int refuse(fd_postgres_store *store, const fd_label_row *row, bool *ret_is_foreign) {
    FD_CLEANUP(PQclearp) PGresult *result = NULL;
    fd_postgres_binding binding = {0};
    bind_label((void *)row, 0, &binding);
    int r = fd_postgres_run(&store->writer, FD_PG_LABEL_SAME, &binding, &result);
    if (r < 0)
        return r;
    if (PQntuples(result) == 0 || row->item_a == row->item_b)
        return -EINVAL;
    *ret_is_foreign = fd_postgres_integer_at(result, 0, 1) != 0;
    return -EEXIST;
}

/* Every id that this replica adds is noted. True if one may have been noted before. */
static bool note_ids(fd_postgres_store *store, const fd_label_row *rows, size_t n) {
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= fd_postgres_known_ids_add(&store->new_labels.known, rows[i].id);
    return any;
}

/* Right after catching up, labels whose ids are not known are new: no question to the server is
 * needed, and their insertion can wait for the end. */
static bool add_later(fd_postgres_store *store, const fd_label_row *rows, size_t n,
                      size_t n_addable, int64_t *sequences) {
    bool is_in_step = store->has_applied && store->applied.tick == store->clock.tick;
    if (note_ids(store, rows, n) || !is_in_step || n_addable < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        sequences[i] = ++store->now.labels;
        fd_postgres_new_labels_keep(&store->new_labels, &rows[i], sequences[i]);
    }
    store->has_written |= n > 0;
    return true;
}

int fd_postgres_labels_add(fd_store *store, const fd_label_row *rows, size_t n, int64_t *sequences,
                           fd_added *ret) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    size_t n_addable = count_addable(postgres, rows, n);
    FD_CLEANUP(fd_postgres_list_clear)
    fd_postgres_list list = {.add = FD_PG_LABEL_ADD,
                             .same = FD_PG_LABEL_SAME,
                             .n = n_addable,
                             .goes_on = n_addable < n,
                             .bind = bind_label,
                             .context = (void *)rows};
    *ret = (fd_added){0};
    if (add_later(postgres, rows, n, n_addable, sequences)) {
        ret->created = n;
        return 0;
    }
    int r = send_new(postgres);
    if (r == 0)
        r = fd_postgres_list_add(postgres, &list);
    if (r < 0) {
        *ret = (fd_added){.conflict = list.failed, .is_foreign = list.failed_number != 0};
        return r == -ENOENT ? -EBADMSG : r;
    }
    if (n_addable < n) {
        *ret = (fd_added){.conflict = n_addable};
        r = refuse(postgres, &rows[n_addable], &ret->is_foreign);
        return fd_postgres_list_undo(postgres, &list, r);
    }
    for (size_t i = 0; i < n; i++)
        sequences[i] = list.is_new[i] ? list.numbers[i] : 0;
    ret->unchanged = list.n_stored;
    ret->created = n - list.n_stored;
    postgres->now.labels += (int64_t)ret->created;
    return 0;
}

/* ---- rows of another store ---- */

static void bind_label_row(void *context, size_t i, fd_postgres_binding *binding) {
    const fd_label_row *row = (const fd_label_row *)context + i;
    bind_label(context, i, binding);
    fd_postgres_bind_integer(binding, row->sequence);
    fd_postgres_bind_integer(binding, row->revision);
}

static int expect_added(void *context, size_t i, const PGresult *result) {
    (void)context;
    (void)i;
    return strcmp(PQcmdTuples((PGresult *)result), "1") == 0 ? 0 : -EINVAL;
}

int fd_postgres_label_rows_add(fd_store *store, const fd_label_row *rows, size_t n) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    if (count_addable(postgres, rows, n) < n)
        return -EINVAL;
    (void)note_ids(postgres, rows, n);
    int r = send_new(postgres);
    if (r == 0)
        r = fd_postgres_execute(&postgres->writer, "SAVEPOINT list");
    if (r < 0)
        return r;
    r = fd_postgres_run_rows(&postgres->writer, FD_PG_LABEL_ROW_ADD, n, bind_label_row,
                             expect_added, (void *)rows);
    if (r < 0) {
        int undone = fd_postgres_execute(&postgres->writer, "ROLLBACK TO list");
        return undone < 0 ? undone : r;
    }
    postgres->has_written |= n > 0;
    postgres->now.labels += (int64_t)n;
    return 0;
}

/* ---- revising ---- */

static void bind_change(fd_postgres_binding *binding, const fd_label_change *change) {
    fd_postgres_bind_text(binding, change->id);
    fd_postgres_bind_text(binding, fd_preference_name(change->preference));
    fd_postgres_bind_integer(binding, change->duration_ms);
    fd_postgres_bind_text(binding, change->comment);
    fd_postgres_bind_integer(binding, change->created_ms);
    fd_postgres_bind_text(binding, change->annotator);
}

static int find_newest(fd_postgres_store *store, const fd_postgres_binding *binding,
                       fd_label_changed *ret) {
    FD_CLEANUP(PQclearp) PGresult *result = NULL;
    int r = fd_postgres_run(&store->writer, FD_PG_LABEL_NEWEST, binding, &result);
    if (r < 0 || PQntuples(result) == 0)
        return r < 0 ? r : -ENOENT;
    *ret = (fd_label_changed){
        .original = fd_postgres_integer_at(result, 0, 0),
        .revision = (uint32_t)fd_postgres_integer_at(result, 0, 1),
        .changed = fd_postgres_integer_at(result, 0, 3) == 0,
    };
    return parse_preference(PQgetvalue(result, 0, 2), &ret->before);
}

int fd_postgres_label_revise(fd_store *store, const fd_label_change *change,
                             fd_label_changed *ret) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    fd_postgres_binding binding = {0};
    bind_change(&binding, change);
    int r = send_new(postgres);
    if (r == 0)
        r = find_newest(postgres, &binding, ret);
    if (r == 0 && !ret->changed)
        postgres->owes_flush = true;
    if (r < 0 || !ret->changed)
        return r;
    r = fd_postgres_modify(&postgres->writer, FD_PG_LABEL_REVISE, &binding);
    if (r <= 0)
        return r < 0 ? r : -EBADMSG;
    postgres->has_written = true;
    postgres->now.labels++;
    ret->revision++;
    return 0;
}

/* ---- reading ---- */

int fd_postgres_label_of(const fd_postgres_reading *reading, fd_label_row *ret) {
    *ret = (fd_label_row){
        .sequence = fd_postgres_integer_of(reading, 0),
        .id = fd_postgres_text_of(reading, 1),
        .revision = (uint32_t)fd_postgres_integer_of(reading, 2),
        .item_a = (uint32_t)fd_postgres_integer_of(reading, 3),
        .item_b = (uint32_t)fd_postgres_integer_of(reading, 4),
        .annotator = fd_postgres_text_of(reading, 6),
        .assignment = fd_postgres_text_of(reading, 7),
        .duration_ms = fd_postgres_integer_of(reading, 8),
        .created_ms = fd_postgres_integer_of(reading, 9),
        .comment = fd_postgres_text_of(reading, 10),
        .original = fd_postgres_integer_of(reading, 11),
        .is_old_assignment = fd_postgres_integer_of(reading, 12) != 0,
    };
    return parse_preference(fd_postgres_text_of(reading, 5), &ret->preference);
}

int fd_postgres_labels_visit(fd_postgres_reading *reading, int64_t after, uint64_t limit,
                             fd_label_visit *visit, void *context) {
    fd_postgres_bind_integer(&reading->binding, after);
    fd_postgres_bind_integer(&reading->binding, fd_postgres_clamp(limit));
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(reading);
        if (r <= 0)
            return r;
        fd_label_row row;
        r = fd_postgres_label_of(reading, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_postgres_labels_read(fd_store *store, int64_t after, size_t limit, fd_label_visit *visit,
                            void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_LABELS_READ);
    return fd_postgres_labels_visit(&reading, after, limit, visit, context);
}

int fd_postgres_label_newest(fd_store *store, const char *id, int64_t *ret_sequence) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_LABEL_SEQUENCE);
    fd_postgres_bind_text(&reading.binding, id);
    int r = fd_postgres_reading_next(&reading);
    if (r <= 0)
        return r < 0 ? r : -ENOENT;
    *ret_sequence = fd_postgres_integer_of(&reading, 0);
    return 0;
}
