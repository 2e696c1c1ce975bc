/* Writing, by one thread through the one connection that writes. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "sqlite_backend.h"

static fd_sqlite_connection *writer_of(fd_store *store) {
    return &((fd_sqlite_store *)store)->writer;
}

static bool in_transaction(const fd_sqlite_connection *writer) {
    return writer->database && !sqlite3_get_autocommit(writer->database);
}

/* ---- transactions ---- */

/* A rollback that failed is made up for here. */
static int store_begin(fd_store *store) {
    fd_sqlite_connection *writer = writer_of(store);
    if (!writer->database)
        return -EROFS;
    int r = in_transaction(writer) ? fd_sqlite_run(writer, FD_SQL_ROLLBACK) : 0;
    return r < 0 ? r : fd_sqlite_run(writer, FD_SQL_BEGIN);
}

static int store_commit(fd_store *store) {
    int r = fd_sqlite_run(writer_of(store), FD_SQL_COMMIT);
    if (r == 0)
        fd_write_ahead_log_checkpoint((fd_sqlite_store *)store);
    return r;
}

static void store_rollback(fd_store *store) {
    fd_sqlite_connection *writer = writer_of(store);
    /* A failure such as a full disk may have rolled back already. */
    if (in_transaction(writer))
        (void)!fd_sqlite_run(writer, FD_SQL_ROLLBACK);
}

static int store_probe(fd_store *store) {
    int r = store_begin(store);
    if (r < 0)
        return r;
    r = fd_sqlite_run(writer_of(store), FD_SQL_PROBE);
    if (r == 0)
        r = store_commit(store);
    if (r < 0)
        store_rollback(store);
    return r;
}

/* Ends the list that SAVEPOINT began, keeping all of it or, after a failure, nothing. */
static int end_list(fd_sqlite_connection *writer, int result) {
    if (!in_transaction(writer))
        return result < 0 ? result : -EIO;
    int r = result < 0 ? fd_sqlite_run(writer, FD_SQL_ROLLBACK_LIST) : 0;
    if (r == 0)
        r = fd_sqlite_run(writer, FD_SQL_RELEASE_LIST);
    return r < 0 ? r : result;
}

/* 1: rows were changed, 0: none was, as when the id of one to insert is taken. */
static int modify(fd_sqlite_connection *writer, fd_sqlite_statement identifier,
                  const fd_sqlite_binding *binding) {
    int r = fd_sqlite_bound(binding);
    if (r == 0)
        r = fd_sqlite_run(writer, identifier);
    return r < 0 ? r : sqlite3_changes(writer->database) > 0;
}

/* Runs a *_SAME: -EEXIST if the row there differs. `second` gets its second column, if there. */
static int compare(fd_sqlite_connection *writer, fd_sqlite_statement identifier,
                   const fd_sqlite_binding *binding, int64_t *second) {
    int r = fd_sqlite_bound(binding);
    if (r == 0)
        r = fd_sqlite_step(writer, identifier);
    if (r <= 0)
        return r < 0 ? r : -EBADMSG; /* an index that holds an id without a row */
    sqlite3_stmt *statement = writer->statements[identifier];
    bool same = sqlite3_column_int(statement, 0) != 0;
    *second = sqlite3_column_int64(statement, 1);
    fd_sqlite_reset(writer, identifier);
    return same ? 0 : -EEXIST;
}

/* ---- items ---- */

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
    fd_sqlite_bind_blob(&binding, row->embedding, row->dimension * sizeof(float));
    return binding;
}

static int item_add(fd_sqlite_connection *writer, const fd_item_row *row, int64_t *next,
                    uint32_t *ret_index, fd_added *added) {
    int64_t index = *next;
    fd_sqlite_binding binding = bind_item(writer, FD_SQL_ITEM_ADD, row, index);
    int r = modify(writer, FD_SQL_ITEM_ADD, &binding);
    if (r < 0)
        return r;
    if (r == 1) {
        (*next)++;
        added->created++;
    } else {
        binding = bind_item(writer, FD_SQL_ITEM_SAME, row, index);
        r = compare(writer, FD_SQL_ITEM_SAME, &binding, &index);
        if (r < 0)
            return r;
        added->unchanged++;
    }
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

static int store_items_add(fd_store *store, const fd_item_row *rows, size_t n, uint32_t *indices,
                           fd_added *ret) {
    fd_sqlite_connection *writer = writer_of(store);
    assert(in_transaction(writer));
    int64_t next;
    *ret = (fd_added){0};
    int r = fd_sqlite_run(writer, FD_SQL_SAVEPOINT);
    if (r < 0)
        return r;
    r = next_index(writer, &next);
    for (size_t i = 0; i < n && r == 0; i++) {
        r = item_add(writer, &rows[i], &next, &indices[i], ret);
        if (r < 0)
            *ret = (fd_added){.conflict = i};
    }
    return end_list(writer, r);
}

/* ---- labels ---- */

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
    int r = modify(writer, FD_SQL_LABEL_ADD, &binding);
    if (r < 0)
        return r;
    if (r == 1) {
        *ret_sequence = sqlite3_last_insert_rowid(writer->database);
        added->created++;
        return 0;
    }
    int64_t unused;
    binding = bind_label(writer, FD_SQL_LABEL_SAME, row);
    r = compare(writer, FD_SQL_LABEL_SAME, &binding, &unused);
    if (r < 0)
        return r;
    *ret_sequence = 0;
    added->unchanged++;
    return 0;
}

static int store_labels_add(fd_store *store, const fd_label_row *rows, size_t n, int64_t *sequences,
                            fd_added *ret) {
    fd_sqlite_connection *writer = writer_of(store);
    assert(in_transaction(writer));
    *ret = (fd_added){0};
    int r = fd_sqlite_run(writer, FD_SQL_SAVEPOINT);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++) {
        r = label_add(writer, &rows[i], &sequences[i], ret);
        if (r < 0)
            *ret = (fd_added){.conflict = i};
    }
    return end_list(writer, r);
}

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
        .before = FD_PREFER_RETRACTED,
        .changed = sqlite3_column_int(statement, 3) == 0,
    };
    r = !name ? -ENOMEM : 0;
    if (name && strcmp(name, fd_preference_name(FD_PREFER_RETRACTED)) != 0)
        r = fd_preference_parse(name, &ret->before) == 0 ? 0 : -EBADMSG;
    fd_sqlite_reset(writer, FD_SQL_LABEL_NEWEST);
    return r;
}

static int store_label_revise(fd_store *store, const fd_label_change *change,
                              fd_label_changed *ret) {
    fd_sqlite_connection *writer = writer_of(store);
    assert(in_transaction(writer));
    int r = find_newest(writer, change, ret);
    if (r < 0 || !ret->changed)
        return r;
    fd_sqlite_binding binding = bind_change(writer, FD_SQL_LABEL_REVISE, change);
    r = modify(writer, FD_SQL_LABEL_REVISE, &binding);
    if (r <= 0)
        return r < 0 ? r : -EBADMSG;
    ret->revision++;
    return 0;
}

/* ---- models ---- */

static int store_model_add(fd_store *store, const fd_model_row *row) {
    fd_sqlite_connection *writer = writer_of(store);
    assert(in_transaction(writer) && row->state != FD_MODEL_ACTIVE);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_MODEL_ADD);
    fd_sqlite_bind_integer(&binding, (int64_t)row->version);
    fd_sqlite_bind_text(&binding, fd_model_state_name(row->state));
    fd_sqlite_bind_text(&binding, row->reason);
    fd_sqlite_bind_integer(&binding, (int64_t)row->parent);
    fd_sqlite_bind_integer(&binding, row->scratch);
    fd_sqlite_bind_integer(&binding, (int64_t)row->labels);
    fd_sqlite_bind_integer(&binding, (int64_t)row->items);
    fd_sqlite_bind_integer(&binding, row->iterations);
    fd_sqlite_bind_real(&binding, row->prior_precision);
    fd_sqlite_bind_real(&binding, row->train_loss);
    fd_sqlite_bind_integer(&binding, (int64_t)row->held_out_labels);
    fd_sqlite_bind_real(&binding, row->held_out_loss);
    fd_sqlite_bind_real(&binding, row->held_out_accuracy);
    fd_sqlite_bind_real(&binding, row->held_out_accuracy_low);
    fd_sqlite_bind_real(&binding, row->held_out_accuracy_high);
    fd_sqlite_bind_real(&binding, row->held_out_calibration_error);
    fd_sqlite_bind_integer(&binding, (int64_t)row->control_labels);
    fd_sqlite_bind_real(&binding, row->control_accuracy);
    fd_sqlite_bind_real(&binding, row->seconds);
    fd_sqlite_bind_integer(&binding, row->created_ms);
    fd_sqlite_bind_integer(&binding, row->answers);
    fd_sqlite_bind_real(&binding, row->logdet);
    fd_sqlite_bind_blob(&binding, row->bytes, row->size);
    int r = modify(writer, FD_SQL_MODEL_ADD, &binding);
    return r == 0 ? -EEXIST : r < 0 ? r : 0;
}

static int store_model_activate(fd_store *store, uint64_t version) {
    fd_sqlite_connection *writer = writer_of(store);
    assert(in_transaction(writer));
    const fd_sqlite_statement steps[] = {FD_SQL_MODEL_RETIRE, FD_SQL_MODEL_ACTIVATE};
    int changed = 0;
    for (size_t i = 0; i < FD_LENGTH(steps); i++) {
        fd_sqlite_binding binding = fd_sqlite_bind(writer, steps[i]);
        fd_sqlite_bind_integer(&binding, (int64_t)version);
        changed = modify(writer, steps[i], &binding);
        if (changed < 0)
            return changed;
    }
    return changed ? 0 : -ENOENT;
}

static int store_models_prune(fd_store *store, size_t keep, uint64_t spare, size_t *ret_deleted) {
    fd_sqlite_connection *writer = writer_of(store);
    assert(in_transaction(writer));
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_MODELS_PRUNE);
    fd_sqlite_bind_integer(&binding, (int64_t)keep);
    fd_sqlite_bind_integer(&binding, (int64_t)spare);
    int r = modify(writer, FD_SQL_MODELS_PRUNE, &binding);
    *ret_deleted = r > 0 ? (size_t)sqlite3_changes(writer->database) : 0;
    return r < 0 ? r : 0;
}

const fd_store_operations fd_sqlite_operations = {
    .begin = store_begin,
    .commit = store_commit,
    .rollback = store_rollback,
    .probe = store_probe,
    .items_add = store_items_add,
    .labels_add = store_labels_add,
    .label_revise = store_label_revise,
    .model_add = store_model_add,
    .model_activate = store_model_activate,
    .models_prune = store_models_prune,
    .items_read = fd_sqlite_items_read,
    .labels_read = fd_sqlite_labels_read,
    .models_read = fd_sqlite_models_read,
    .counts = fd_sqlite_counts,
    .log_bytes = fd_write_ahead_log_bytes,
    .check = fd_sqlite_check,
    .back_up = fd_sqlite_back_up,
    .close = fd_sqlite_close,
};
