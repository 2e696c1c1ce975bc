/* Items in the database: adding them, reading them, and their text features. */
#include "postgres_items.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>

#include "postgres_list.h"
#include "postgres_transaction.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "embeddings are stored little-endian");

/* ---- adding ---- */

static void bind_item(void *context, size_t i, fd_postgres_binding *binding) {
    const fd_item_row *row = (const fd_item_row *)context + i;
    const fd_text_features_row *features = &row->text_features;
    fd_postgres_bind_integer(binding, row->created_ms);
    fd_postgres_bind_text(binding, row->id);
    fd_postgres_bind_text(binding, row->prompt_id);
    fd_postgres_bind_text(binding, row->prompt);
    fd_postgres_bind_text(binding, row->response);
    fd_postgres_bind_text(binding, row->metadata);
    fd_postgres_bind_bytes(binding, row->embedding, row->dimension * sizeof(float));
    fd_postgres_bind_integer(binding, features->version);
    fd_postgres_bind_bytes(binding, features->values, features->count * sizeof(float));
}

int fd_postgres_items_add(fd_store *store, const fd_item_row *rows, size_t n, uint32_t *indices,
                          fd_added *ret) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    FD_CLEANUP(fd_postgres_list_clear)
    fd_postgres_list list = {.add = FD_PG_ITEM_ADD,
                             .same = FD_PG_ITEM_SAME,
                             .n = n,
                             .bind = bind_item,
                             .context = (void *)rows};
    *ret = (fd_added){0};
    int r = fd_postgres_list_add(postgres, &list);
    if (r < 0) {
        *ret = (fd_added){.conflict = list.failed};
        return r == -ENOENT ? -EBADMSG : r;
    }
    for (size_t i = 0; i < n; i++)
        indices[i] = (uint32_t)list.numbers[i];
    ret->unchanged = list.n_stored;
    ret->created = n - list.n_stored;
    postgres->now.items += (int64_t)ret->created;
    return 0;
}

/* ---- text features ---- */

static void bind_text_features(void *context, size_t i, fd_postgres_binding *binding) {
    const fd_text_features_row *row = (const fd_text_features_row *)context + i;
    fd_postgres_bind_integer(binding, row->index);
    fd_postgres_bind_integer(binding, row->version);
    fd_postgres_bind_bytes(binding, row->values, row->count * sizeof(*row->values));
}

static int ignore_result(void *context, size_t i, const PGresult *result) {
    (void)context;
    (void)i;
    (void)result;
    return 0;
}

int fd_postgres_text_features_write(fd_store *store, const fd_text_features_row *rows, size_t n) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    for (size_t i = 0; i < n; i++)
        if (rows[i].index >= postgres->now.items || rows[i].version == 0 || !rows[i].values)
            return -EINVAL;
    postgres->has_written |= n > 0;
    return fd_postgres_run_rows(&postgres->writer, FD_PG_TEXT_FEATURES_WRITE, n, bind_text_features,
                                ignore_result, (void *)rows);
}

/* ---- reading ---- */

/* Numbers of a column, which libpq copied to an address of its own. */
static const float *floats_of(const fd_postgres_reading *reading, int column) {
    const char *bytes = fd_postgres_text_of(reading, column);
    assert((uintptr_t)bytes % alignof(float) == 0);
    return (const float *)(const void *)bytes;
}

static fd_text_features_row text_features_of(const fd_postgres_reading *reading, int column,
                                             int64_t index) {
    return (fd_text_features_row){
        .index = (uint32_t)index,
        .version = (uint32_t)fd_postgres_integer_of(reading, column),
        .count = fd_postgres_size_of(reading, column + 1) / sizeof(float),
        .values = floats_of(reading, column + 1),
    };
}

static int item_row(const fd_postgres_reading *reading, bool embedding, fd_item_row *ret) {
    int64_t index = fd_postgres_integer_of(reading, 0);
    int64_t dimension = fd_postgres_integer_of(reading, 6);
    *ret = (fd_item_row){
        .index = (uint32_t)index,
        .id = fd_postgres_text_of(reading, 1),
        .prompt_id = fd_postgres_text_of(reading, 2),
        .prompt = fd_postgres_text_of(reading, 3),
        .response = fd_postgres_text_of(reading, 4),
        .metadata = fd_postgres_text_of(reading, 5),
        .dimension = (size_t)dimension,
        .text_features = text_features_of(reading, 9, index),
        .created_ms = fd_postgres_integer_of(reading, 7),
    };
    if (fd_postgres_is_null_of(reading, 6))
        return -EBADMSG;
    if (!embedding)
        return 0;
    ret->embedding = floats_of(reading, 8);
    return fd_postgres_size_of(reading, 8) == sizeof(float) * (size_t)dimension ? 0 : -EBADMSG;
}

int fd_postgres_items_visit(fd_postgres_reading *reading, int64_t first, uint64_t limit,
                            bool embeddings, fd_item_visit *visit, void *context) {
    fd_postgres_bind_integer(&reading->binding, first);
    fd_postgres_bind_integer(&reading->binding, fd_postgres_clamp(limit));
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(reading);
        if (r <= 0)
            return r;
        fd_item_row row;
        r = item_row(reading, embeddings, &row);
        if (r == 0)
            r = visit(context, &row);
    }
    return r;
}

int fd_postgres_items_read(fd_store *store, uint32_t first, size_t limit, bool embeddings,
                           fd_item_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading =
        fd_postgres_reading_start(store, embeddings ? FD_PG_ITEMS_READ : FD_PG_ITEMS_READ_PLAIN);
    return fd_postgres_items_visit(&reading, first, limit, embeddings, visit, context);
}

int fd_postgres_vectors_visit(fd_postgres_reading *reading, int64_t first, uint64_t limit,
                              fd_item_visit *visit, void *context) {
    fd_postgres_bind_integer(&reading->binding, first);
    fd_postgres_bind_integer(&reading->binding, fd_postgres_clamp(limit));
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(reading);
        if (r <= 0)
            return r;
        const fd_item_row row = {
            .index = (uint32_t)fd_postgres_integer_of(reading, 0),
            .embedding = floats_of(reading, 1),
            .dimension = fd_postgres_size_of(reading, 1) / sizeof(float),
        };
        r = visit(context, &row);
    }
    return r;
}

int fd_postgres_vectors_read(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                             void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_VECTORS_READ);
    return fd_postgres_vectors_visit(&reading, first, limit, visit, context);
}
