/* Model versions in the database: adding, activating, pruning and reading them. */
#include "sqlite_models.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "sqlite_reading.h"
#include "sqlite_statement.h"
#include "sqlite_transaction.h"

/* ---- writing ---- */

int fd_sqlite_model_add(fd_store *store, const fd_model_row *row) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    assert(row->state != FD_MODEL_ACTIVE);
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
    fd_sqlite_bind_blob(&binding, &row->unseen, sizeof(row->unseen));
    fd_sqlite_bind_integer(&binding, row->is_foreign);
    int r = fd_sqlite_modify(writer, FD_SQL_MODEL_ADD, &binding);
    return r == 0 ? -EEXIST : r < 0 ? r : 0;
}

int fd_sqlite_model_activate(fd_store *store, uint64_t version) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    const fd_sqlite_statement steps[] = {FD_SQL_MODEL_RETIRE, FD_SQL_MODEL_ACTIVATE};
    int changed = 0;
    for (size_t i = 0; i < FD_LENGTH(steps); i++) {
        fd_sqlite_binding binding = fd_sqlite_bind(writer, steps[i]);
        fd_sqlite_bind_integer(&binding, (int64_t)version);
        changed = fd_sqlite_modify(writer, steps[i], &binding);
        if (changed < 0)
            return changed;
    }
    return changed ? 0 : -ENOENT;
}

int fd_sqlite_models_prune(fd_store *store, size_t keep, uint64_t spare, size_t *ret_deleted) {
    fd_sqlite_connection *writer = fd_sqlite_writer_of(store);
    fd_sqlite_binding binding = fd_sqlite_bind(writer, FD_SQL_MODELS_PRUNE);
    fd_sqlite_bind_integer(&binding, (int64_t)keep);
    fd_sqlite_bind_integer(&binding, (int64_t)spare);
    int r = fd_sqlite_modify(writer, FD_SQL_MODELS_PRUNE, &binding);
    *ret_deleted = r > 0 ? (size_t)sqlite3_changes(writer->database) : 0;
    return r < 0 ? r : 0;
}

/* ---- reading ---- */

static void read_unseen(const fd_sqlite_reading *reading, int column, fd_unseen_figures *ret) {
    const void *figures = sqlite3_column_blob(reading->statement, column);
    size_t size = (size_t)sqlite3_column_bytes(reading->statement, column);
    fd_unseen_figures_clear(ret);
    if (figures)
        memcpy(ret, figures, size < sizeof(*ret) ? size : sizeof(*ret));
}

static int model_row(const fd_sqlite_reading *reading, bool bytes, fd_model_row *ret) {
    const char *state = fd_sqlite_text_at(reading, 1);
    bool known_information = !fd_sqlite_is_null_at(reading, 20);
    bool known_start = !fd_sqlite_is_null_at(reading, 4);
    *ret = (fd_model_row){
        .version = (uint64_t)fd_sqlite_integer_at(reading, 0),
        .reason = fd_sqlite_text_at(reading, 2),
        .parent = (uint64_t)fd_sqlite_integer_at(reading, 3),
        .scratch = known_start ? sqlite3_column_int(reading->statement, 4) : -1,
        .labels = (uint64_t)fd_sqlite_integer_at(reading, 5),
        .items = (uint64_t)fd_sqlite_integer_at(reading, 6),
        .iterations = (uint32_t)fd_sqlite_integer_at(reading, 7),
        .prior_precision = fd_sqlite_real_at(reading, 8),
        .train_loss = fd_sqlite_real_at(reading, 9),
        .held_out_labels = (uint64_t)fd_sqlite_integer_at(reading, 10),
        .held_out_loss = fd_sqlite_real_at(reading, 11),
        .held_out_accuracy = fd_sqlite_real_at(reading, 12),
        .held_out_accuracy_low = fd_sqlite_real_at(reading, 13),
        .held_out_accuracy_high = fd_sqlite_real_at(reading, 14),
        .held_out_calibration_error = fd_sqlite_real_at(reading, 15),
        .control_labels = (uint64_t)fd_sqlite_integer_at(reading, 16),
        .control_accuracy = fd_sqlite_real_at(reading, 17),
        .seconds = sqlite3_column_double(reading->statement, 18),
        .created_ms = fd_sqlite_integer_at(reading, 19),
        .answers = known_information ? fd_sqlite_integer_at(reading, 20) : -1,
        .logdet = fd_sqlite_real_at(reading, 21),
        .is_foreign = fd_sqlite_integer_at(reading, 24) != 0,
    };
    if (bytes) {
        ret->bytes = sqlite3_column_blob(reading->statement, 22);
        ret->size = (size_t)sqlite3_column_bytes(reading->statement, 22);
    }
    read_unseen(reading, 23, &ret->unseen);
    bool known = state && fd_model_state_parse(state, &ret->state) == 0;
    return fd_sqlite_row_result(reading, known && (ret->bytes || !bytes));
}

int fd_sqlite_models_read(fd_store *store, uint64_t highest, size_t limit, bool bytes,
                          fd_model_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_MODELS_READ);
    fd_sqlite_bind_integer(&reading.binding, fd_sqlite_clamp(highest));
    fd_sqlite_bind_integer(&reading.binding, fd_sqlite_clamp(limit));
    fd_sqlite_bind_integer(&reading.binding, bytes);
    int r = fd_sqlite_bound(&reading.binding);
    while (r == 0) {
        r = fd_sqlite_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_model_row row;
        r = model_row(&reading, bytes, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}
