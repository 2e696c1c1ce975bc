/* One reading, from borrowing a reader to returning it. It sees committed rows only, except through
 * the writer's connection. */
#include "postgres_reading.h"

#include <errno.h>

#include "postgres_wire.h"

/* Rows that are left behind when a visit ends a reading are read, if they are this few. */
enum { LEFT_MAX = 100 };

fd_postgres_reading fd_postgres_reading_on(fd_postgres_connection *connection,
                                           fd_postgres_statement identifier) {
    return (fd_postgres_reading){.connection = connection, .identifier = identifier};
}

fd_postgres_reading fd_postgres_reading_start(fd_store *store, fd_postgres_statement identifier) {
    fd_postgres_readers *readers = &fd_postgres_store_of(store)->readers;
    fd_postgres_reading reading =
        fd_postgres_reading_on(fd_postgres_readers_borrow(readers), identifier);
    reading.readers = readers;
    return reading;
}

fd_postgres_reading fd_postgres_reading_of(PGresult *result) {
    return (fd_postgres_reading){.row = result, .at = -1, .is_whole = true};
}

/* A cancellation could reach the next statement, so a long rest ends with the connection. */
static void leave_rest(fd_postgres_reading *reading) {
    PGresult *row = NULL;
    for (int i = 0; i < LEFT_MAX && (i == 0 || row); i++) {
        row = fd_postgres_wire_result(reading->connection);
        PQclear(row);
    }
    if (row)
        fd_postgres_disconnect(reading->connection);
    reading->is_open = false;
}

void fd_postgres_reading_end(fd_postgres_reading *reading) {
    PQclear(reading->row);
    reading->row = NULL;
    if (reading->is_open)
        leave_rest(reading);
    if (reading->readers)
        fd_postgres_readers_return(reading->readers, reading->connection);
}

static int next_row(fd_postgres_reading *reading) {
    PQclear(reading->row);
    reading->row = fd_postgres_wire_result(reading->connection);
    ExecStatusType status = PQresultStatus(reading->row);
    if (status == PGRES_SINGLE_TUPLE)
        return 1;
    int r = fd_postgres_result_error(reading->connection, reading->row);
    leave_rest(reading);
    return r;
}

static int open_reading(fd_postgres_reading *reading) {
    fd_postgres_connection *connection = reading->connection;
    int r = reading->readers ? fd_postgres_readers_connect(reading->readers, connection) : 0;
    if (r == 0)
        r = fd_postgres_prepare(connection, reading->identifier, &reading->binding);
    if (r == 0)
        r = fd_postgres_send(connection, reading->identifier, &reading->binding);
    if (r < 0)
        return r;
    reading->is_open = true;
    (void)PQsetSingleRowMode(connection->wire);
    return next_row(reading);
}

/* A server that was started again has closed the connections that were idle: they are opened again
 * without a failure. */
int fd_postgres_reading_next(fd_postgres_reading *reading) {
    if (reading->is_whole)
        return ++reading->at < PQntuples(reading->row);
    if (reading->row)
        return reading->is_open ? next_row(reading) : 0;
    bool was_connected = fd_postgres_is_connected(reading->connection);
    int r = open_reading(reading);
    if (r >= 0 || !reading->readers || !was_connected ||
        fd_postgres_is_connected(reading->connection))
        return r;
    PQclear(reading->row);
    reading->row = NULL;
    return open_reading(reading);
}
