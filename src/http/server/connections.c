/* Open connections, and until when something must arrive on each. */
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include "clock.h"
#include "log.h"
#include "problem.h"
#include "response_headers.h"
#include "server_state.h"

enum {
    WATCH_MILLISECONDS = 250,
    LINGER_SECONDS = 2, /* for the peer to read why it was refused, and close */
};

static void linger(fd_connection *connection) {
    (void)pthread_mutex_lock(&connection->server->lock);
    connection->place.deadline = fd_monotonic_seconds() + LINGER_SECONDS;
    (void)pthread_mutex_unlock(&connection->server->lock);
}

static fd_connection *connection_of(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

bool fd_connection_is_known(struct MHD_Connection *connection) {
    return connection_of(connection) != NULL;
}

int fd_connection_socket(struct MHD_Connection *connection) {
    return connection_of(connection)->place.fd;
}

fd_receive_hook *fd_connection_receive_hook(struct MHD_Connection *connection) {
    return &connection_of(connection)->wire;
}

void fd_connection_enter(struct MHD_Connection *connection, fd_activity activity) {
    fd_connection *at = connection_of(connection);
    (void)pthread_mutex_lock(&at->server->lock);
    fd_connection_slots_enter(&at->server->places, &at->place, activity, fd_monotonic_seconds());
    (void)pthread_mutex_unlock(&at->server->lock);
}

bool fd_connection_has_slot(struct MHD_Connection *connection) {
    fd_connection *at = connection_of(connection);
    (void)pthread_mutex_lock(&at->server->lock);
    bool has = fd_connection_slots_has(&at->server->places, &at->place);
    (void)pthread_mutex_unlock(&at->server->lock);
    return has;
}

/* ---- answers past libmicrohttpd ---- */

static fd_connection *connection_of_wire(fd_receive_hook *wire) {
    return (fd_connection *)((char *)wire - offsetof(fd_connection, wire));
}

/* Without memory for it the connection just ends. */
static void answer(fd_connection *connection, const fd_headers_of *of) {
    FD_FREE char *text = NULL;
    size_t size = 0;
    bool has_body = of->response->body && !connection->wire.guard.is_head;
    linger(connection);
    int r = fd_headers_print(of, has_body, &text, &size);
    fd_receive_hook_respond(&connection->wire, text, r == 0 ? size : 0);
}

bool fd_connection_respond(struct MHD_Connection *connection, const fd_headers_of *of) {
    fd_connection *at = connection_of(connection);
    if (fd_receive_hook_has_all(&at->wire))
        return false;
    answer(at, of);
    return true;
}

/* ---- what the guard refuses ---- */

static void log_refusal(const fd_receive_hook *wire, const char *id) {
    struct sockaddr_storage peer = {0}; /* which stays so where it is not known */
    socklen_t size = sizeof(peer);
    char client[INET6_ADDRSTRLEN];
    (void)getpeername(wire->fd, (struct sockaddr *)&peer, &size);
    fd_address address = fd_address_of((struct sockaddr *)&peer);
    fd_address_print(&address, client);
    fd_log(FD_LOG_DEBUG, "refused", FD_INT("status", wire->guard.status),
           FD_STR("detail", wire->guard.detail), FD_STR("client", client),
           FD_STR("request_id", id));
}

static void refuse(fd_receive_hook *wire) {
    fd_connection *at = connection_of_wire(wire);
    const fd_framing *guard = &wire->guard;
    char id[FD_REQUEST_ID_SIZE], status[8];
    fd_request_id_make(id);
    (void)snprintf(status, sizeof(status), "%u", guard->status);
    fd_metrics_add(fd_engine_metrics(at->server->engine), FD_METRIC_REQUESTS, "refused", status, 1);
    log_refusal(wire, id);

    fd_request request = {.request_id = id};
    fd_response response = {0};
    fd_client client = {.is_secure = wire->session != NULL};
    fd_problem(&request, &response, guard->status, guard->detail);
    answer(at, &(fd_headers_of){
                   .response = &response, .client = &client, .request_id = id, .close = true});
    free(response.body);
}

/* ---- open and closed ---- */

static struct gnutls_session_int *session_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

/* NULL without memory: libmicrohttpd will read from it, but no request is served. */
static fd_connection *open_connection(fd_server *server, struct MHD_Connection *connection) {
    fd_connection *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return NULL;
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    fd_address address = fd_address_of(fd_peer_address(connection));
    opened->server = server;
    opened->wire = (fd_receive_hook){.fd = fd,
                                     .session = session_of(connection),
                                     .refuse = refuse,
                                     .is_told_once = server->options.threads > 0,
                                     .guard.head_max = server->options.head_size};
    opened->place.fd = fd;
    opened->place.is_trusted = fd_networks_contain(&server->trusted, &address);
    (void)pthread_mutex_lock(&server->lock);
    fd_connection_slots_add(&server->places, &opened->place, &address, fd_monotonic_seconds());
    (void)pthread_mutex_unlock(&server->lock);
    fd_receive_hook_open(&opened->wire);
    fd_metrics_add(fd_engine_metrics(server->engine), FD_METRIC_CONNECTIONS, NULL, NULL, 1);
    return opened;
}

static void close_connection(fd_server *server, fd_connection *closed) {
    fd_receive_hook_close(&closed->wire);
    (void)pthread_mutex_lock(&server->lock);
    fd_connection_slots_remove(&server->places, &closed->place);
    (void)pthread_mutex_unlock(&server->lock);
    free(closed);
    fd_metrics_add(fd_engine_metrics(server->engine), FD_METRIC_CONNECTIONS, NULL, NULL, -1);
}

void fd_connection_notify(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *socket_context = open_connection(context, connection);
    else if (*socket_context)
        close_connection(context, *socket_context);
}

/* libmicrohttpd's time-out counts inactivity, so a byte now and then would keep a request forever.
 */
void *fd_connection_enforce_deadlines(void *context) {
    fd_server *server = context;
    (void)pthread_mutex_lock(&server->lock);
    while (!server->stopping) {
        double now = fd_monotonic_seconds();
        fd_connection_slots_next_deadline(&server->places, now);
        fd_server_wait_until(server, now + WATCH_MILLISECONDS / 1e3);
    }
    (void)pthread_mutex_unlock(&server->lock);
    return NULL;
}
