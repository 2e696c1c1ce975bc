/* Model versions in the database: adding, activating, pruning and reading them. */
#include "postgres_models.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "postgres_learning.h"
#include "postgres_transaction.h"

/* ---- writing ---- */

static void bind_model(fd_postgres_binding *binding, const fd_model_row *row, int64_t tick) {
    fd_postgres_bind_integer(binding, (int64_t)row->version);
    fd_postgres_bind_text(binding, fd_model_state_name(row->state));
    fd_postgres_bind_text(binding, row->reason);
    fd_postgres_bind_integer(binding, (int64_t)row->parent);
    fd_postgres_bind_integer(binding, row->scratch);
    fd_postgres_bind_integer(binding, (int64_t)row->labels);
    fd_postgres_bind_integer(binding, (int64_t)row->items);
    fd_postgres_bind_integer(binding, row->iterations);
    fd_postgres_bind_real(binding, row->prior_precision);
    fd_postgres_bind_real(binding, row->train_loss);
    fd_postgres_bind_integer(binding, (int64_t)row->held_out_labels);
    fd_postgres_bind_real(binding, row->held_out_loss);
    fd_postgres_bind_real(binding, row->held_out_accuracy);
    fd_postgres_bind_real(binding, row->held_out_accuracy_low);
    fd_postgres_bind_real(binding, row->held_out_accuracy_high);
    fd_postgres_bind_real(binding, row->held_out_calibration_error);
    fd_postgres_bind_integer(binding, (int64_t)row->control_labels);
    fd_postgres_bind_real(binding, row->control_accuracy);
    fd_postgres_bind_real(binding, row->seconds);
    fd_postgres_bind_integer(binding, row->created_ms);
    fd_postgres_bind_integer(binding, row->answers);
    fd_postgres_bind_real(binding, row->logdet);
    fd_postgres_bind_bytes(binding, row->bytes, row->size);
    fd_postgres_bind_bytes(binding, &row->unseen, sizeof(row->unseen));
    fd_postgres_bind_integer(binding, tick);
    fd_postgres_bind_integer(binding, row->is_foreign);
}

int fd_postgres_model_add(fd_store *store, const fd_model_row *row) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    assert(row->state != FD_MODEL_ACTIVE);
    if (row->version == 0 || row->version > INT64_MAX || row->size == 0)
        return -EINVAL;
    int r = fd_postgres_fence(postgres);
    if (r < 0)
        return r;
    fd_postgres_binding binding = {0};
    bind_model(&binding, row, postgres->clock.tick + 1);
    r = fd_postgres_modify(&postgres->writer, FD_PG_MODEL_ADD, &binding);
    if (r <= 0)
        return r == 0 ? -EEXIST : r;
    postgres->has_written = true;
    return 0;
}

int fd_postgres_model_activate(fd_store *store, uint64_t version) {
    static const fd_postgres_statement steps[] = {FD_PG_MODEL_RETIRE, FD_PG_MODEL_ACTIVATE};
    fd_postgres_store *postgres = fd_postgres_writing(store);
    if (postgres->is_fenced)
        return -ECANCELED;
    int changed = 0;
    for (size_t i = 0; i < FD_LENGTH(steps); i++) {
        fd_postgres_binding binding = {0};
        fd_postgres_bind_integer(&binding, fd_postgres_clamp(version));
        fd_postgres_bind_integer(&binding, postgres->clock.tick + 1);
        changed = fd_postgres_modify(&postgres->writer, steps[i], &binding);
        if (changed < 0)
            return changed;
    }
    postgres->has_written |= changed > 0;
    return changed ? 0 : -ENOENT;
}

int fd_postgres_model_announce(fd_store *store, uint64_t version) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    fd_postgres_binding binding = {0};
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(version));
    fd_postgres_bind_integer(&binding, postgres->clock.tick + 1);
    int changed = fd_postgres_modify(&postgres->writer, FD_PG_MODEL_ANNOUNCE, &binding);
    postgres->has_written |= changed > 0;
    return changed == 0 ? -ENOENT : changed < 0 ? changed : 0;
}

int fd_postgres_models_prune(fd_store *store, size_t keep, uint64_t spare, size_t *ret_deleted) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    FD_CLEANUP(PQclearp) PGresult *result = NULL;
    fd_postgres_binding binding = {0};
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(keep));
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(spare));
    int r = fd_postgres_run(&postgres->writer, FD_PG_MODELS_PRUNE, &binding, &result);
    *ret_deleted = r == 0 ? strtoul(PQcmdTuples(result), NULL, 10) : 0;
    postgres->has_written |= *ret_deleted > 0;
    return r;
}

/* ---- reading ---- */

static void read_unseen(const fd_postgres_reading *reading, int column, fd_unseen_figures *ret) {
    size_t size = fd_postgres_size_of(reading, column);
    fd_unseen_figures_clear(ret);
    if (!fd_postgres_is_null_of(reading, column))
        memcpy(ret, fd_postgres_text_of(reading, column),
               size < sizeof(*ret) ? size : sizeof(*ret));
}

static int integer_or_unknown(const fd_postgres_reading *reading, int column, int64_t *ret) {
    *ret = fd_postgres_is_null_of(reading, column) ? -1 : fd_postgres_integer_of(reading, column);
    return (int)*ret;
}

static int model_row(const fd_postgres_reading *reading, bool bytes, fd_model_row *ret) {
    int64_t scratch;
    *ret = (fd_model_row){
        .version = (uint64_t)fd_postgres_integer_of(reading, 0),
        .reason = fd_postgres_text_of(reading, 2),
        .parent = (uint64_t)fd_postgres_integer_of(reading, 3),
        .scratch = integer_or_unknown(reading, 4, &scratch),
        .labels = (uint64_t)fd_postgres_integer_of(reading, 5),
        .items = (uint64_t)fd_postgres_integer_of(reading, 6),
        .iterations = (uint32_t)fd_postgres_integer_of(reading, 7),
        .prior_precision = fd_postgres_real_of(reading, 8),
        .train_loss = fd_postgres_real_of(reading, 9),
        .held_out_labels = (uint64_t)fd_postgres_integer_of(reading, 10),
        .held_out_loss = fd_postgres_real_of(reading, 11),
        .held_out_accuracy = fd_postgres_real_of(reading, 12),
        .held_out_accuracy_low = fd_postgres_real_of(reading, 13),
        .held_out_accuracy_high = fd_postgres_real_of(reading, 14),
        .held_out_calibration_error = fd_postgres_real_of(reading, 15),
        .control_labels = (uint64_t)fd_postgres_integer_of(reading, 16),
        .control_accuracy = fd_postgres_real_of(reading, 17),
        .seconds = fd_postgres_real_of(reading, 18),
        .created_ms = fd_postgres_integer_of(reading, 19),
        .logdet = fd_postgres_real_of(reading, 21),
        .is_foreign = fd_postgres_integer_of(reading, 24) != 0,
    };
    (void)integer_or_unknown(reading, 20, &ret->answers);
    if (bytes) {
        ret->bytes = (const uint8_t *)fd_postgres_text_of(reading, 22);
        ret->size = fd_postgres_size_of(reading, 22);
    }
    read_unseen(reading, 23, &ret->unseen);
    if (bytes && !ret->bytes)
        return -EBADMSG;
    return fd_model_state_parse(fd_postgres_text_of(reading, 1), &ret->state) == 0 ? 0 : -EBADMSG;
}

int fd_postgres_models_visit(fd_postgres_reading *reading, bool bytes, fd_model_visit *visit,
                             void *context) {
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(reading);
        if (r <= 0)
            return r;
        fd_model_row row;
        r = model_row(reading, bytes, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_postgres_models_read(fd_store *store, uint64_t highest, size_t limit, bool bytes,
                            fd_model_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_MODELS_READ);
    fd_postgres_bind_integer(&reading.binding, fd_postgres_clamp(highest));
    fd_postgres_bind_integer(&reading.binding, fd_postgres_clamp(limit));
    fd_postgres_bind_integer(&reading.binding, bytes);
    return fd_postgres_models_visit(&reading, bytes, visit, context);
}
