/* The project's settings and the embedder of the items: writing and reading them. */
#include "postgres_project.h"

#include <errno.h>
#include <limits.h>

#include "postgres_transaction.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are stored little-endian");

/* ---- the project ---- */

int fd_postgres_project_add(fd_store *store, const fd_project_row *row) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    fd_postgres_binding binding = {0};
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(row->version));
    fd_postgres_bind_text(&binding, row->author);
    fd_postgres_bind_integer(&binding, row->created_ms);
    fd_postgres_bind_text(&binding, row->settings);
    int r = fd_postgres_modify(&postgres->writer, FD_PG_PROJECT_ADD, &binding);
    if (r <= 0)
        return r == 0 ? -EEXIST : r;
    postgres->now.project = (int64_t)row->version;
    postgres->has_written = true;
    return 0;
}

int fd_postgres_project_visit(fd_postgres_reading *reading, int64_t after, fd_project_visit *visit,
                              void *context) {
    fd_postgres_bind_integer(&reading->binding, after);
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(reading);
        if (r <= 0)
            return r;
        fd_project_row row = {
            .version = (uint64_t)fd_postgres_integer_of(reading, 0),
            .author = fd_postgres_text_of(reading, 1),
            .created_ms = fd_postgres_integer_of(reading, 2),
            .settings = fd_postgres_text_of(reading, 3),
        };
        r = visit(context, &row);
    }
    return r;
}

int fd_postgres_project_read(fd_store *store, fd_project_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_PROJECT_READ);
    return fd_postgres_project_visit(&reading, 0, visit, context);
}

int fd_postgres_project_versions_read(fd_store *store, fd_project_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_PROJECT_VERSIONS_READ);
    return fd_postgres_project_visit(&reading, 0, visit, context);
}

/* ---- the embedder ---- */

int fd_postgres_embedder_put(fd_store *store, fd_postgres_statement identifier,
                             const fd_embedder_row *row) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    fd_postgres_binding binding = {0};
    fd_postgres_bind_text(&binding, row->name);
    fd_postgres_bind_text(&binding, row->template);
    fd_postgres_bind_integer(&binding, fd_postgres_clamp(row->dimension));
    fd_postgres_bind_bytes(&binding, row->probes,
                           row->n_probes * row->dimension * sizeof(*row->probes));
    fd_postgres_bind_integer(&binding, row->created_ms);
    fd_postgres_bind_integer(&binding, postgres->clock.tick + 1);
    int r = fd_postgres_modify(&postgres->writer, identifier, &binding);
    postgres->has_written = true;
    return r < 0 ? r : 0;
}

int fd_postgres_embedder_write(fd_store *store, const fd_embedder_row *row) {
    return fd_postgres_embedder_put(store, FD_PG_EMBEDDER_WRITE, row);
}

int fd_postgres_embedder_visit(fd_postgres_reading *reading, int64_t after_tick,
                               fd_embedder_visit *visit, void *context) {
    fd_postgres_bind_integer(&reading->binding, after_tick);
    int r = fd_postgres_reading_next(reading);
    if (r <= 0)
        return r;
    fd_embedder_row row = {
        .name = fd_postgres_text_of(reading, 0),
        .template = fd_postgres_text_of(reading, 1),
        .dimension = (size_t)fd_postgres_integer_of(reading, 2),
        .probes = (const float *)(const void *)fd_postgres_text_of(reading, 3),
        .created_ms = fd_postgres_integer_of(reading, 4),
    };
    if (row.dimension == 0)
        return -EBADMSG;
    row.n_probes = fd_postgres_size_of(reading, 3) / sizeof(*row.probes) / row.dimension;
    return visit(context, &row);
}

int fd_postgres_embedder_read(fd_store *store, fd_embedder_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_EMBEDDER_READ);
    return fd_postgres_embedder_visit(&reading, -1, visit, context);
}
