/* Assignments in the database: writing them, reading the open ones, and the key of their ids. */
#include "postgres_assignments.h"

#include <errno.h>
#include <string.h>

#include "postgres_transaction.h"

/* ---- writing ---- */

struct writing {
    const fd_assignment_row *rows;
    const fd_postgres_store *store;
};

static void bind_assignment(void *context, size_t i, fd_postgres_binding *binding) {
    const struct writing *writing = context;
    const fd_assignment_row *row = &writing->rows[i];
    fd_postgres_bind_text(binding, row->id);
    fd_postgres_bind_integer(binding, row->item_a);
    fd_postgres_bind_integer(binding, row->item_b);
    fd_postgres_bind_text(binding, row->annotator);
    fd_postgres_bind_integer(binding, row->slot);
    fd_postgres_bind_text(binding, row->control ? "control" : "active");
    fd_postgres_bind_real(binding, row->p);
    fd_postgres_bind_real(binding, row->gain);
    fd_postgres_bind_text(binding, row->strategy);
    fd_postgres_bind_integer(binding, row->swapped);
    fd_postgres_bind_integer(binding, row->model_version);
    fd_postgres_bind_integer(binding, row->expires_ms);
    fd_postgres_bind_integer(binding, row->ended_ms);
    fd_postgres_bind_integer(binding, writing->store->now.assignments + (int64_t)i + 1);
    fd_postgres_bind_integer(binding, writing->store->clock.tick + 1);
}

static int ignore_result(void *context, size_t i, const PGresult *result) {
    (void)context;
    (void)i;
    (void)result;
    return 0;
}

int fd_postgres_assignments_write(fd_store *store, const fd_assignment_row *rows, size_t n) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    struct writing writing = {rows, postgres};
    for (size_t i = 0; i < n; i++)
        if (rows[i].item_a >= postgres->now.items || rows[i].item_b >= postgres->now.items ||
            rows[i].item_a == rows[i].item_b)
            return -EINVAL;
    int r = fd_postgres_run_rows(&postgres->writer, FD_PG_ASSIGNMENT_WRITE, n, bind_assignment,
                                 ignore_result, &writing);
    postgres->now.assignments += (int64_t)n;
    postgres->has_written |= n > 0;
    return r;
}

int fd_postgres_assignment_key_write(fd_store *store,
                                     const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    fd_postgres_binding binding = {0};
    fd_postgres_bind_bytes(&binding, key, FD_ASSIGNMENT_KEY_SIZE);
    int r = fd_postgres_modify(&postgres->writer, FD_PG_ASSIGNMENT_KEY_WRITE, &binding);
    postgres->has_written = true;
    return r < 0 ? r : 0;
}

/* ---- reading ---- */

fd_assignment_row fd_postgres_assignment_of(const fd_postgres_reading *reading, int first) {
    return (fd_assignment_row){
        .id = fd_postgres_text_of(reading, first),
        .item_a = (uint32_t)fd_postgres_integer_of(reading, first + 1),
        .item_b = (uint32_t)fd_postgres_integer_of(reading, first + 2),
        .annotator = fd_postgres_text_of(reading, first + 3),
        .slot = fd_postgres_integer_of(reading, first + 4),
        .control = strcmp(fd_postgres_text_of(reading, first + 5), "control") == 0,
        .p = fd_postgres_real_of(reading, first + 6),
        .gain = fd_postgres_real_of(reading, first + 7),
        .strategy = fd_postgres_text_of(reading, first + 8),
        .swapped = (int)fd_postgres_integer_of(reading, first + 9),
        .model_version = fd_postgres_integer_of(reading, first + 10),
        .expires_ms = fd_postgres_integer_of(reading, first + 11),
        .ended_ms = fd_postgres_integer_of(reading, first + 12),
    };
}

int fd_postgres_assignments_visit(fd_postgres_reading *reading, fd_assignment_row_visit *visit,
                                  void *context) {
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(reading);
        if (r <= 0)
            return r;
        fd_assignment_row row = fd_postgres_assignment_of(reading, 0);
        r = visit(context, &row);
    }
    return r;
}

int fd_postgres_assignments_read_open(fd_store *store, fd_assignment_row_visit *visit,
                                      void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_ASSIGNMENTS_READ_OPEN);
    return fd_postgres_assignments_visit(&reading, visit, context);
}

int fd_postgres_assignments_read(fd_store *store, fd_assignment_row_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_ASSIGNMENTS_READ);
    return fd_postgres_assignments_visit(&reading, visit, context);
}

int fd_postgres_assignment_key(fd_store *store, unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_ASSIGNMENT_KEY);
    int r = fd_postgres_reading_next(&reading);
    if (r <= 0 || fd_postgres_size_of(&reading, 0) != FD_ASSIGNMENT_KEY_SIZE)
        return r < 0 ? r : -EBADMSG;
    memcpy(key, fd_postgres_text_of(&reading, 0), FD_ASSIGNMENT_KEY_SIZE);
    return 0;
}
