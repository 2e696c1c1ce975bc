/* Connections to a PostgreSQL server: their settings, SQL that runs once, and errors. */
#include "postgres_connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "postgres_wire.h"

/* ---- errors ---- */

/* A failing server may be asked by every request: one line a second is enough. */
static void log_failure(fd_postgres_connection *connection, const char *message) {
    double now = fd_monotonic_seconds();
    if (connection->logged > 0.0 && now - connection->logged < 1.0)
        return;
    connection->logged = now;
    size_t length = strcspn(message, "\n");
    FD_FREE char *line = strndup(message, length);
    fd_log(FD_LOG_ERROR, "postgresql-failed", FD_STR("message", line ? line : ""),
           FD_STR("sqlstate", connection->sqlstate));
}

static const struct {
    const char *state; /* or the class that it begins with */
    int error;
} errors[] = {
    {"53100", -ENOSPC},  {"53200", -ENOMEM},  {"54", -EFBIG},     {"25006", -EROFS},
    {"42501", -EACCES},  {"28", -EACCES},     {"40001", -EAGAIN}, {"40P01", -EAGAIN},
    {"XX001", -EBADMSG}, {"XX002", -EBADMSG},
};

static int error_of(const char *state) {
    for (size_t i = 0; i < FD_LENGTH(errors); i++)
        if (strncmp(state, errors[i].state, strlen(errors[i].state)) == 0)
            return errors[i].error;
    return -EIO;
}

bool fd_postgres_may_try_again(const fd_postgres_connection *connection) {
    return error_of(connection->sqlstate) == -EAGAIN;
}

int fd_postgres_result_error(fd_postgres_connection *connection, const PGresult *result) {
    switch (PQresultStatus(result)) { /* of NULL: PGRES_FATAL_ERROR */
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
    case PGRES_PIPELINE_SYNC:
        return 0;
    case PGRES_PIPELINE_ABORTED: /* a statement before has failed */
        return -EIO;
    default:
        break;
    }
    const char *severity =
        result ? PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED) : NULL;
    connection->is_lost |= !severity || strcmp(severity, "ERROR") != 0;
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    (void)snprintf(connection->sqlstate, sizeof(connection->sqlstate), "%s", state ? state : "");
    log_failure(connection, message ? message : PQerrorMessage(connection->wire));
    return error_of(connection->sqlstate);
}

static void receive_notice(void *context, const PGresult *result) {
    fd_postgres_connection *connection = context;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!severity || strcmp(severity, "WARNING") != 0)
        return;
    connection->was_warned = true;
    fd_log(FD_LOG_WARNING, "postgresql-warned", FD_STR("message", message ? message : ""));
}

/* ---- connections ---- */

/* What stands before the URL may be said otherwise in it. A network that drops packets is noticed
 * within seconds. */
fd_postgres_parameters fd_postgres_parameters_of(const char *url) {
    return (fd_postgres_parameters){
        .keywords = {"connect_timeout", "keepalives_idle", "keepalives_interval",
                     "keepalives_count", "tcp_user_timeout", "application_name",
                     "target_session_attrs", "dbname", "client_encoding"},
        .values = {"3", "1", "1", "3", "3000", "fisherd", "read-write", url, "UTF8"},
    };
}

int fd_postgres_connect(fd_postgres_connection *connection, const char *url,
                        fd_postgres_purpose purpose) {
    fd_postgres_parameters parameters = fd_postgres_parameters_of(url);
    fd_postgres_disconnect(connection);
    connection->wire = PQconnectdbParams(parameters.keywords, parameters.values, 1);
    if (!connection->wire)
        return -ENOMEM;
    if (PQstatus(connection->wire) != CONNECTION_OK) {
        connection->sqlstate[0] = '\0';
        log_failure(connection, PQerrorMessage(connection->wire));
        return -EIO;
    }
    return fd_postgres_set_up(connection, purpose);
}

/* Plans: a table that was never analysed is read by its index all the same, and nothing is compiled
 * for a statement that takes microseconds. Locks: one who stops, or cannot be reached, while it
 * holds the clock keeps all others waiting. */
int fd_postgres_set_up(fd_postgres_connection *connection, fd_postgres_purpose purpose) {
    (void)PQsetNoticeReceiver(connection->wire, receive_notice, connection);
    if (PQsetnonblocking(connection->wire, 1) != 0)
        return -ENOMEM;
    int r = fd_postgres_execute(
        connection, "SET enable_seqscan = off; SET enable_bitmapscan = off;"
                    "SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;"
                    "SET client_min_messages = warning; SET TimeZone = 'UTC';"
                    "SET default_transaction_isolation = 'read committed'");
    if (r < 0)
        return r;
    return fd_postgres_execute(
        connection, purpose == FD_POSTGRES_WRITES
                        ? "SET lock_timeout = '8s'; SET idle_in_transaction_session_timeout = '3s';"
                          "SET tcp_user_timeout = 3000; SET tcp_keepalives_idle = 1;"
                          "SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3"
                        : "SET default_transaction_read_only = on");
}

void fd_postgres_disconnect(fd_postgres_connection *connection) {
    if (connection->wire)
        PQfinish(connection->wire);
    *connection = (fd_postgres_connection){.logged = connection->logged};
}

bool fd_postgres_is_connected(const fd_postgres_connection *connection) {
    return connection->wire && !connection->is_lost && PQstatus(connection->wire) == CONNECTION_OK;
}

/* ---- statements that run once ---- */

PGresult *fd_postgres_query(fd_postgres_connection *connection, const char *sql) {
    return PQsendQuery(connection->wire, sql) ? fd_postgres_wire_last_result(connection) : NULL;
}

int fd_postgres_execute(fd_postgres_connection *connection, const char *sql) {
    FD_CLEANUP(PQclearp) PGresult *result = fd_postgres_query(connection, sql);
    return fd_postgres_result_error(connection, result);
}

int fd_postgres_query_text(fd_postgres_connection *connection, const char *sql, char *text,
                           size_t size) {
    FD_CLEANUP(PQclearp) PGresult *result = fd_postgres_query(connection, sql);
    int r = fd_postgres_result_error(connection, result);
    bool found = r == 0 && PQntuples(result) > 0;
    (void)snprintf(text, size, "%s", found ? PQgetvalue(result, 0, 0) : "");
    return r;
}

int fd_postgres_query_integer(fd_postgres_connection *connection, const char *sql, int64_t *ret) {
    char text[24];
    int r = fd_postgres_query_text(connection, sql, text, sizeof(text));
    *ret = strtoll(text, NULL, 10);
    return r;
}
