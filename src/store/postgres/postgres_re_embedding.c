/* Re-embedding a database: its counts, its steps, and the switch at the end. */
#include "postgres_re_embedding.h"

#include <errno.h>
#include <string.h>

#include "postgres_items.h"
#include "postgres_project.h"
#include "postgres_transaction.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are stored little-endian");

/* ---- reading ---- */

static int read_counts(fd_store *store, fd_re_embedding *ret) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_RE_EMBEDDING_READ);
    int r = fd_postgres_reading_next(&reading);
    if (r <= 0)
        return r < 0 ? r : -EIO;
    *ret = (fd_re_embedding){
        .is_begun = fd_postgres_integer_of(&reading, 0) != 0,
        .items = (uint64_t)fd_postgres_integer_of(&reading, 1),
        .made = (uint64_t)fd_postgres_integer_of(&reading, 2),
        .left = (uint64_t)fd_postgres_integer_of(&reading, 3),
    };
    return 0;
}

static int visit_coming(fd_store *store, fd_embedder_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_RE_EMBEDDING_COMING);
    return fd_postgres_embedder_visit(&reading, -1, visit, context);
}

/* Visits rows of items: index, id, prompt, response. */
static int visit_items(fd_postgres_reading *reading, fd_item_visit *visit, void *context) {
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(reading);
        if (r <= 0)
            return r;
        const fd_item_row row = {
            .index = (uint32_t)fd_postgres_integer_of(reading, 0),
            .id = fd_postgres_text_of(reading, 1),
            .prompt = fd_postgres_text_of(reading, 2),
            .response = fd_postgres_text_of(reading, 3),
        };
        r = visit(context, &row);
    }
    return r;
}

static int visit_textless(fd_store *store, fd_item_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_ITEMS_TEXTLESS);
    return visit_items(&reading, visit, context);
}

static int visit_missing(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                         void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_RE_EMBEDDING_MISSING);
    fd_postgres_bind_integer(&reading.binding, first);
    fd_postgres_bind_integer(&reading.binding, fd_postgres_clamp(limit));
    return visit_items(&reading, visit, context);
}

static int visit_vectors(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                         void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_RE_EMBEDDING_VECTORS);
    return fd_postgres_vectors_visit(&reading, first, limit, visit, context);
}

/* ---- writing ---- */

/* Returns 1 if rows changed, 0 if none did. */
static int run(fd_postgres_store *store, fd_postgres_statement identifier,
               const fd_postgres_binding *binding) {
    int r = fd_postgres_modify(&store->writer, identifier, binding);
    store->has_written |= r > 0;
    return r;
}

static int begin(fd_store *store, const fd_embedder_row *row) {
    int r = fd_postgres_embedder_put(store, FD_PG_RE_EMBEDDING_BEGIN, row);
    if (r == 0)
        r = run(fd_postgres_writing(store), FD_PG_RE_EMBEDDING_DROP_OTHER, NULL);
    return r < 0 ? r : 0;
}

static int abandon(fd_store *store) {
    int r = run(fd_postgres_writing(store), FD_PG_RE_EMBEDDING_ABANDON, NULL);
    return r < 0 ? r : 0;
}

struct adding {
    const uint32_t *items;
    const float *vectors;
    size_t dimension;
};

static void bind_vector(void *context, size_t i, fd_postgres_binding *binding) {
    const struct adding *adding = context;
    fd_postgres_bind_integer(binding, adding->items[i]);
    fd_postgres_bind_bytes(binding, adding->vectors + i * adding->dimension,
                           adding->dimension * sizeof(*adding->vectors));
}

static int check_added(void *context, size_t i, const PGresult *result) {
    (void)context;
    (void)i;
    return strcmp(PQcmdTuples((PGresult *)result), "1") == 0 ? 0 : -EINVAL;
}

/* All vectors are added or none is, and the transaction goes on. */
static int add(fd_store *store, const uint32_t *items, size_t n, const float *vectors,
               size_t dimension) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    struct adding adding = {items, vectors, dimension};
    int r = fd_postgres_execute(&postgres->writer, "SAVEPOINT list");
    if (r == 0)
        r = fd_postgres_run_rows(&postgres->writer, FD_PG_RE_EMBEDDING_ADD, n, bind_vector,
                                 check_added, &adding);
    postgres->has_written |= r == 0 && n > 0;
    if (r != -EINVAL)
        return r;
    int undone = fd_postgres_execute(&postgres->writer, "ROLLBACK TO list");
    return undone < 0 ? undone : r;
}

/* The others read the row of the embedder and those of the models again. */
static int finish(fd_store *store) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    fd_postgres_binding tick = {0};
    FD_CLEANUP(PQclearp) PGresult *switched = NULL;
    int r = fd_postgres_run(&postgres->writer, FD_PG_RE_EMBEDDING_SWITCH, NULL, &switched);
    if (r < 0 || PQntuples(switched) == 0)
        return r < 0 ? r : -EAGAIN;
    postgres->now.embedder = fd_postgres_integer_at(switched, 0, 0);
    fd_postgres_bind_integer(&tick, postgres->clock.tick + 1);
    r = run(postgres, FD_PG_RE_EMBEDDING_TELL, &tick);
    if (r >= 0)
        r = run(postgres, FD_PG_RE_EMBEDDING_REJECT, &tick);
    return r < 0 ? r : 0;
}

static int clean(fd_store *store, size_t limit, uint64_t *ret_deleted) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    FD_CLEANUP(PQclearp) PGresult *result = NULL;
    fd_postgres_binding binding = {0};
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(limit));
    int r = fd_postgres_run(&postgres->writer, FD_PG_RE_EMBEDDING_CLEAN, &binding, &result);
    if (r < 0)
        return r;
    *ret_deleted = strtoull(PQcmdTuples(result), NULL, 10);
    postgres->has_written |= *ret_deleted > 0;
    if (*ret_deleted == 0)
        r = run(postgres, FD_PG_RE_EMBEDDING_CLEAN_ROWS, NULL);
    return r < 0 ? r : 0;
}

const fd_re_embedding_operations fd_postgres_re_embedding_operations = {
    .read = read_counts,
    .coming = visit_coming,
    .textless = visit_textless,
    .missing = visit_missing,
    .vectors = visit_vectors,
    .begin = begin,
    .abandon = abandon,
    .add = add,
    .finish = finish,
    .clean = clean,
};
