/* Prepared statements: their parameters, running one, running many in a pipeline, and columns. */
#include "postgres_statement.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "postgres_wire.h"

/* Types of PostgreSQL's catalogue. */
enum { BYTES = 17, INTEGER = 20, TEXT = 25, REAL = 701 };

/* Statements of a pipeline: what is in flight is kept in memory by both sides. Bytes of a pipeline
 * that may wait to be sent. */
enum { PIPELINE_MAX = 256, UNSENT_MAX = 65536 };

static const char *const texts[] = {
#define X(identifier, sql) [FD_PG_##identifier] = sql,
#include "postgres_statements.def"
#undef X
};

/* ---- parameters ---- */

void fd_postgres_bind_text(fd_postgres_binding *binding, const char *text) {
    fd_postgres_bind_bytes(binding, text, text ? strlen(text) : 0);
    binding->parameters[binding->n - 1].type = TEXT;
}

void fd_postgres_bind_bytes(fd_postgres_binding *binding, const void *bytes, size_t size) {
    assert(binding->n < FD_POSTGRES_PARAMETERS_MAX);
    binding->too_large |= size > INT_MAX;
    binding->parameters[binding->n].type = BYTES;
    binding->parameters[binding->n].is_null = !bytes;
    binding->parameters[binding->n].length = (int)size;
    binding->parameters[binding->n++].bytes = bytes;
}

static void bind_number(fd_postgres_binding *binding, Oid type, uint64_t bits, bool is_null) {
    assert(binding->n < FD_POSTGRES_PARAMETERS_MAX);
    uint64_t big_endian = htobe64(bits);
    binding->parameters[binding->n].type = type;
    binding->parameters[binding->n].is_null = is_null;
    binding->parameters[binding->n].length = sizeof(big_endian);
    binding->parameters[binding->n].bytes = NULL;
    memcpy(binding->parameters[binding->n++].number, &big_endian, sizeof(big_endian));
}

void fd_postgres_bind_integer(fd_postgres_binding *binding, int64_t value) {
    bind_number(binding, INTEGER, (uint64_t)value, false);
}

void fd_postgres_bind_real(fd_postgres_binding *binding, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    bind_number(binding, REAL, bits, isnan(value));
}

/* A binding as libpq takes it. */
struct arguments {
    const char *values[FD_POSTGRES_PARAMETERS_MAX];
    int lengths[FD_POSTGRES_PARAMETERS_MAX];
    int formats[FD_POSTGRES_PARAMETERS_MAX];
    Oid types[FD_POSTGRES_PARAMETERS_MAX];
    int n;
};

static void arguments_of(const fd_postgres_binding *binding, struct arguments *ret) {
    ret->n = binding ? binding->n : 0;
    for (int i = 0; i < ret->n; i++) {
        const char *bytes = binding->parameters[i].bytes;
        const char *value = bytes ? bytes : (const char *)binding->parameters[i].number;
        ret->values[i] = binding->parameters[i].is_null ? NULL : value;
        ret->lengths[i] = binding->parameters[i].length;
        ret->formats[i] = 1;
        ret->types[i] = binding->parameters[i].type;
    }
}

static size_t bytes_of(const fd_postgres_binding *binding) {
    size_t bytes = 0;
    for (int i = 0; i < binding->n; i++)
        bytes += (size_t)binding->parameters[i].length;
    return bytes;
}

/* ---- one statement ---- */

static const char *name_of(fd_postgres_statement identifier, char name[static 12]) {
    (void)snprintf(name, 12, "s%u", (unsigned)identifier);
    return name;
}

int fd_postgres_prepare(fd_postgres_connection *connection, fd_postgres_statement identifier,
                        const fd_postgres_binding *binding) {
    if (connection->prepared[identifier])
        return 0;
    char name[12];
    struct arguments arguments;
    arguments_of(binding, &arguments);
    int sent = PQsendPrepare(connection->wire, name_of(identifier, name), texts[identifier],
                             arguments.n, arguments.types);
    FD_CLEANUP(PQclearp)
    PGresult *result = sent ? fd_postgres_wire_last_result(connection) : NULL;
    int r = fd_postgres_result_error(connection, result);
    connection->prepared[identifier] = r == 0;
    return r;
}

/* What libpq itself could not do: memory ran out, or the connection is gone. */
static int own_failure(fd_postgres_connection *connection) {
    return fd_postgres_result_error(connection, NULL);
}

int fd_postgres_send(fd_postgres_connection *connection, fd_postgres_statement identifier,
                     const fd_postgres_binding *binding) {
    char name[12];
    struct arguments arguments;
    assert(connection->prepared[identifier]);
    if (binding && binding->too_large)
        return -EFBIG;
    arguments_of(binding, &arguments);
    return PQsendQueryPrepared(connection->wire, name_of(identifier, name), arguments.n,
                               arguments.values, arguments.lengths, arguments.formats, 1)
               ? 0
               : own_failure(connection);
}

int fd_postgres_run(fd_postgres_connection *connection, fd_postgres_statement identifier,
                    const fd_postgres_binding *binding, PGresult **ret) {
    *ret = NULL;
    int r = fd_postgres_prepare(connection, identifier, binding);
    if (r == 0)
        r = fd_postgres_send(connection, identifier, binding);
    if (r < 0)
        return r;
    FD_CLEANUP(PQclearp) PGresult *result = fd_postgres_wire_last_result(connection);
    r = fd_postgres_result_error(connection, result);
    if (r == 0)
        *ret = FD_STEAL(result);
    return r;
}

static bool has_changed(const PGresult *result) {
    return strcmp(PQcmdTuples((PGresult *)result), "0") != 0;
}

int fd_postgres_modify(fd_postgres_connection *connection, fd_postgres_statement identifier,
                       const fd_postgres_binding *binding) {
    FD_CLEANUP(PQclearp) PGresult *result = NULL;
    int r = fd_postgres_run(connection, identifier, binding, &result);
    return r < 0 ? r : has_changed(result);
}

/* ---- pipelines ---- */

int fd_postgres_enter(fd_postgres_connection *connection) {
    return PQenterPipelineMode(connection->wire) ? 0 : own_failure(connection);
}

int fd_postgres_sent(fd_postgres_connection *connection) {
    return PQpipelineSync(connection->wire) ? 0 : own_failure(connection);
}

/* A NULL ends the results of each statement. */
static PGresult *next_result(fd_postgres_connection *connection) {
    PGresult *result = fd_postgres_wire_result(connection);
    return result ? result : fd_postgres_wire_result(connection);
}

int fd_postgres_take(fd_postgres_connection *connection, PGresult **ret) {
    *ret = next_result(connection);
    return fd_postgres_result_error(connection, *ret);
}

int fd_postgres_leave(fd_postgres_connection *connection) {
    PGresult *result;
    bool in_sync = false;
    while (!in_sync && (result = next_result(connection))) {
        in_sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        PQclear(result);
    }
    PQclear(fd_postgres_wire_last_result(connection));
    return in_sync && PQexitPipelineMode(connection->wire) ? 0 : -EIO;
}

struct rows {
    fd_postgres_statement identifier;
    fd_postgres_bind_row *bind;
    fd_postgres_row_done *done;
    void *context;
};

static int send_rows(fd_postgres_connection *connection, const struct rows *rows, size_t first,
                     size_t end) {
    int r = 0;
    size_t unsent = 0;
    for (size_t i = first; i < end && r == 0; i++) {
        fd_postgres_binding binding = {0};
        rows->bind(rows->context, i, &binding);
        r = fd_postgres_send(connection, rows->identifier, &binding);
        unsent += bytes_of(&binding);
        if (r == 0 && unsent >= UNSENT_MAX) {
            r = fd_postgres_wire_flush(connection) ? 0 : own_failure(connection);
            unsent = 0;
        }
    }
    int last = fd_postgres_sent(connection);
    return r < 0 ? r : last;
}

static int run_pipeline(fd_postgres_connection *connection, const struct rows *rows, size_t first,
                        size_t end) {
    int r = fd_postgres_enter(connection);
    if (r < 0)
        return r;
    r = send_rows(connection, rows, first, end);
    for (size_t i = first; i < end && r == 0; i++) {
        FD_CLEANUP(PQclearp) PGresult *result = NULL;
        r = fd_postgres_take(connection, &result);
        if (r == 0)
            r = rows->done(rows->context, i, result);
    }
    int left = fd_postgres_leave(connection);
    return r != 0 ? r : left;
}

int fd_postgres_run_rows(fd_postgres_connection *connection, fd_postgres_statement identifier,
                         size_t n, fd_postgres_bind_row *bind, fd_postgres_row_done *done,
                         void *context) {
    struct rows rows = {identifier, bind, done, context};
    fd_postgres_binding first = {0};
    if (n == 0)
        return 0;
    bind(context, 0, &first);
    int r = fd_postgres_prepare(connection, identifier, &first);
    for (size_t i = 0; i < n && r == 0; i += PIPELINE_MAX)
        r = run_pipeline(connection, &rows, i, n - i < PIPELINE_MAX ? n : i + PIPELINE_MAX);
    return r;
}

/* ---- columns ---- */

static uint64_t bits_at(const PGresult *result, int row, int column) {
    uint64_t big_endian = 0;
    size_t size = fd_postgres_size_at(result, row, column);
    assert(size <= sizeof(big_endian));
    memcpy((char *)&big_endian + sizeof(big_endian) - size, PQgetvalue(result, row, column), size);
    return be64toh(big_endian);
}

/* Of 8, 4 or 2 bytes, or a truth value of one. */
int64_t fd_postgres_integer_at(const PGresult *result, int row, int column) {
    uint64_t bits = bits_at(result, row, column);
    switch (fd_postgres_size_at(result, row, column)) {
    case 4:
        return (int32_t)(uint32_t)bits;
    case 2:
        return (int16_t)(uint16_t)bits;
    default:
        return (int64_t)bits;
    }
}

double fd_postgres_real_at(const PGresult *result, int row, int column) {
    uint64_t bits = bits_at(result, row, column);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return PQgetisnull(result, row, column) ? NAN : value;
}

const char *fd_postgres_text_at(const PGresult *result, int row, int column) {
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

size_t fd_postgres_size_at(const PGresult *result, int row, int column) {
    return (size_t)PQgetlength(result, row, column);
}
