/* Sends to a server and waits for its answers, as long as it lives. */
#include "postgres_wire.h"

#include <poll.h>
#include <sys/socket.h>

#include "clock.h"
#include "log.h"

/* How long a server may say nothing before it is asked whether it lives, and how long it has for
 * that. It may need longer for a statement, or for a standby. */
enum { SILENT_SECONDS = 2 };
#define ALIVE_SECONDS "2"

/* Asks the server of this connection alone: others of its URL may live. */
static bool is_alive(const PGconn *wire) {
    const char *const keywords[] = {"host", "hostaddr",        "port", "dbname",
                                    "user", "connect_timeout", NULL};
    const char *const values[] = {PQhost(wire), PQhostaddr(wire), PQport(wire), PQdb(wire),
                                  PQuser(wire), ALIVE_SECONDS,    NULL};
    return PQpingParams(keywords, values, 0) != PQPING_NO_RESPONSE;
}

/* libpq finds a connection that was shut as it finds one that the server closed. */
static void give_up(const fd_postgres_connection *connection, double since) {
    fd_log(FD_LOG_ERROR, "postgresql-silent", FD_STR("host", PQhost(connection->wire)),
           FD_REAL("seconds", fd_monotonic_seconds() - since));
    (void)shutdown(PQsocket(connection->wire), SHUT_RDWR);
}

static void wait_for(const fd_postgres_connection *connection, short events) {
    double since = fd_monotonic_seconds();
    struct pollfd waited = {.fd = PQsocket(connection->wire), .events = events};
    while (poll(&waited, 1, SILENT_SECONDS * 1000) == 0)
        if (!is_alive(connection->wire)) {
            give_up(connection, since);
            return;
        }
}

/* The server may send while it is sent to. */
bool fd_postgres_wire_flush(fd_postgres_connection *connection) {
    int left;
    while ((left = PQflush(connection->wire)) > 0) {
        wait_for(connection, POLLIN | POLLOUT);
        if (!PQconsumeInput(connection->wire))
            return false;
    }
    return left == 0;
}

PGresult *fd_postgres_wire_result(fd_postgres_connection *connection) {
    while (fd_postgres_wire_flush(connection) && PQisBusy(connection->wire)) {
        wait_for(connection, POLLIN);
        if (!PQconsumeInput(connection->wire))
            break;
    }
    return PQgetResult(connection->wire);
}

PGresult *fd_postgres_wire_last_result(fd_postgres_connection *connection) {
    PGresult *last = NULL;
    for (PGresult *next; (next = fd_postgres_wire_result(connection)); last = next)
        PQclear(last);
    return last;
}
