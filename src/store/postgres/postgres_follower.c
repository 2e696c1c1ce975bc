/* Follows the history: listens for notices of commits, and looks at the clock all the same, because
 * notices are lost with a connection. */
#include "postgres_follower.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>

#include "clock.h"
#include "postgres_backend.h"
#include "postgres_time.h"

static const double look_seconds = 0.05, patience_seconds = 3.0, rest_seconds = 0.5;

/* Nothing is compiled for a query that takes microseconds and runs twenty times a second. */
static const char *const listen_query = "SET jit = off; LISTEN fisherd_clock";
static const char *const look_query =
    "SELECT tick, (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM clock";

void fd_postgres_follower_clear(fd_postgres_follower *follower) {
    fd_postgres_disconnect(&follower->connection);
}

static void enter(fd_postgres_follower *follower, fd_postgres_following state) {
    if (state == FD_POSTGRES_APART)
        fd_postgres_disconnect(&follower->connection);
    follower->state = state;
    follower->since = fd_monotonic_seconds();
}

/* Whether something came until the deadline; a negative socket only waits. */
static bool wait_for_socket(int socket, short events, double deadline) {
    double left = fmax(deadline - fd_monotonic_seconds(), 0.0);
    struct pollfd waited = {.fd = socket, .events = events};
    return poll(&waited, 1, (int)ceil(left * 1e3)) > 0;
}

static bool is_news(fd_postgres_store *store, int64_t tick) {
    if (tick > atomic_load(&store->follower.heard_of))
        atomic_store(&store->follower.heard_of, tick);
    return tick > atomic_load(&store->known_tick);
}

/* ---- connecting ---- */

static void start_connecting(fd_postgres_follower *follower, const char *url) {
    fd_postgres_parameters parameters = fd_postgres_parameters_of(url);
    follower->connection.wire = PQconnectStartParams(parameters.keywords, parameters.values, 1);
    follower->polling = PGRES_POLLING_WRITING;
    follower->is_new = true;
    bool has_begun = PQstatus(follower->connection.wire) != CONNECTION_BAD;
    enter(follower, has_begun ? FD_POSTGRES_CONNECTING : FD_POSTGRES_APART);
}

static void ignore_notice(void *context, const PGresult *result) {
    (void)context;
    (void)result;
}

static void ask(fd_postgres_follower *follower, const char *query) {
    bool sent = PQsendQuery(follower->connection.wire, query) != 0;
    enter(follower, sent ? FD_POSTGRES_ASKING : FD_POSTGRES_APART);
}

static void go_on_connecting(fd_postgres_follower *follower, double deadline) {
    PGconn *wire = follower->connection.wire;
    short events = follower->polling == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!wait_for_socket(PQsocket(wire), events, deadline))
        return;
    follower->polling = (int)PQconnectPoll(wire);
    if (follower->polling == PGRES_POLLING_FAILED) {
        enter(follower, FD_POSTGRES_APART);
    } else if (follower->polling == PGRES_POLLING_OK) {
        (void)PQsetNoticeReceiver(wire, ignore_notice, NULL);
        ask(follower, listen_query);
    }
}

/* ---- listening ---- */

/* The tick of a notice; its own commits are told to a replica too. */
static bool has_notices(fd_postgres_store *store, PGconn *wire) {
    bool news = false;
    for (PGnotify *notice; (notice = PQnotifies(wire)); PQfreemem(notice))
        news |= is_news(store, strtoll(notice->extra, NULL, 10));
    return news;
}

static bool listen_until(fd_postgres_store *store, double deadline) {
    fd_postgres_follower *follower = &store->follower;
    PGconn *wire = follower->connection.wire;
    double next_look = follower->since + look_seconds;
    if (has_notices(store, wire))
        return true;
    if (wait_for_socket(PQsocket(wire), POLLIN, fmin(deadline, next_look))) {
        if (!PQconsumeInput(wire))
            enter(follower, FD_POSTGRES_APART);
        else
            return has_notices(store, wire);
    } else if (fd_monotonic_seconds() >= next_look) {
        ask(follower, look_query);
    }
    return false;
}

/* ---- asking ---- */

/* Another server may answer than before: then it is to be found out whether its history is the
 * same. */
static bool take_answer(fd_postgres_store *store, const PGresult *result) {
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        return false;
    bool is_again = store->follower.is_new && store->follower.was_listening;
    store->follower.is_new = false;
    store->follower.was_listening = true;
    fd_postgres_note_time(store, strtoll(PQgetvalue(result, 0, 1), NULL, 10),
                          store->follower.since);
    return is_again || is_news(store, strtoll(PQgetvalue(result, 0, 0), NULL, 10));
}

static bool wait_for_answer(fd_postgres_store *store, double deadline) {
    fd_postgres_follower *follower = &store->follower;
    PGconn *wire = follower->connection.wire;
    bool news = false;
    while (!PQisBusy(wire)) {
        FD_CLEANUP(PQclearp) PGresult *result = PQgetResult(wire);
        if (!result) {
            enter(follower,
                  PQstatus(wire) == CONNECTION_OK ? FD_POSTGRES_LISTENING : FD_POSTGRES_APART);
            return news;
        }
        news |= take_answer(store, result);
    }
    if (wait_for_socket(PQsocket(wire), POLLIN, deadline) && !PQconsumeInput(wire))
        enter(follower, FD_POSTGRES_APART);
    return false;
}

/* ---- all states ---- */

static bool step(fd_postgres_store *store, double deadline) {
    fd_postgres_follower *follower = &store->follower;
    bool is_late = fd_monotonic_seconds() > follower->since + patience_seconds;
    switch (follower->state) {
    case FD_POSTGRES_APART:
        if (follower->since > 0.0 && fd_monotonic_seconds() < follower->since + rest_seconds)
            (void)wait_for_socket(-1, 0, fmin(deadline, follower->since + rest_seconds));
        else
            start_connecting(follower, store->url);
        return false;
    case FD_POSTGRES_CONNECTING:
        if (is_late)
            enter(follower, FD_POSTGRES_APART);
        else
            go_on_connecting(follower, deadline);
        return false;
    case FD_POSTGRES_LISTENING:
        return listen_until(store, deadline);
    case FD_POSTGRES_ASKING:
    default:
        if (!is_late)
            return wait_for_answer(store, deadline);
        enter(follower, FD_POSTGRES_APART);
        return false;
    }
}

int fd_postgres_wait_for_change(fd_store *store, double seconds) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    double deadline = fd_monotonic_seconds() + seconds;
    do {
        if (step(postgres, deadline))
            return 1;
    } while (fd_monotonic_seconds() < deadline);
    return 0;
}
