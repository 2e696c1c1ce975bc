/* Scores of items in the database: adding them and reading their history. */
#include "postgres_scores.h"

#include <errno.h>
#include <string.h>

#include "postgres_transaction.h"

struct writing {
    const fd_score_row *rows;
    int64_t newest; /* sequence */
    size_t n_changed;
};

static void bind_score(void *context, size_t i, fd_postgres_binding *binding) {
    const struct writing *writing = context;
    const fd_score_row *row = &writing->rows[i];
    fd_postgres_bind_integer(binding, row->item);
    fd_postgres_bind_text(binding, row->name);
    fd_postgres_bind_real(binding, row->value);
    fd_postgres_bind_integer(binding, row->set_ms);
    fd_postgres_bind_integer(binding, writing->newest + (int64_t)i + 1);
}

static int count_change(void *context, size_t i, const PGresult *result) {
    struct writing *writing = context;
    (void)i;
    writing->n_changed += strcmp(PQcmdTuples((PGresult *)result), "0") != 0;
    return 0;
}

/* Rows that are not written leave gaps in the sequence, which mean nothing. */
int fd_postgres_scores_add(fd_store *store, const fd_score_row *rows, size_t n,
                           size_t *ret_changed) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    struct writing writing = {.rows = rows, .newest = postgres->now.scores};
    *ret_changed = 0;
    for (size_t i = 0; i < n; i++)
        if (rows[i].item >= postgres->now.items)
            return -EINVAL;
    int r = fd_postgres_run_rows(&postgres->writer, FD_PG_SCORE_ADD, n, bind_score, count_change,
                                 &writing);
    if (r < 0)
        return r;
    *ret_changed = writing.n_changed;
    postgres->owes_flush |= writing.n_changed < n;
    if (writing.n_changed > 0) {
        postgres->has_written = true;
        postgres->now.scores += (int64_t)n;
    }
    return 0;
}

int fd_postgres_scores_visit(fd_postgres_reading *reading, int64_t after, fd_score_visit *visit,
                             void *context) {
    fd_postgres_bind_integer(&reading->binding, after);
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(reading);
        if (r <= 0)
            return r;
        fd_score_row row = {
            .item = (uint32_t)fd_postgres_integer_of(reading, 0),
            .name = fd_postgres_text_of(reading, 1),
            .value = fd_postgres_real_of(reading, 2),
            .set_ms = fd_postgres_integer_of(reading, 3),
        };
        r = visit(context, &row);
    }
    return r;
}

int fd_postgres_scores_read(fd_store *store, fd_score_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_SCORES_READ);
    return fd_postgres_scores_visit(&reading, 0, visit, context);
}
