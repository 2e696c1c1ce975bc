/* Opens and closes connections, refuses what the framing check refuses, enforces the deadlines. */
#include "connections.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "clock.h"
#include "forwarded_client.h"
#include "log.h"
#include "request_id.h"
#include "response_headers.h"
#include "server_state.h"
#include "thread.h"

/* How often the deadlines are checked, in seconds. */
static const double check_seconds = 0.25;

/* How long a client that was refused has to read the response and close, in seconds. */
static const double linger_seconds = 2;

/* libmicrohttpd keeps a pointer to it from the callback that opens a connection to the one that
 * closes it. The socket stays open between them. */
typedef struct fd_connection {
    fd_server *server;
    fd_receive_hook hook;    /* used only by the thread that serves the connection */
    fd_connection_slot slot; /* guarded by server->lock */

    /* Of a request with a streamed body. */
    void (*break_off)(void *context, unsigned status); /* NULL: none */
    void *stream;                                      /* its context */
} fd_connection;

static fd_connection *connection_of(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

bool fd_connection_is_known(struct MHD_Connection *connection) {
    return connection_of(connection) != NULL;
}

int fd_connection_socket(struct MHD_Connection *connection) {
    return connection_of(connection)->slot.fd;
}

fd_receive_hook *fd_connection_receive_hook(struct MHD_Connection *connection) {
    return &connection_of(connection)->hook;
}

void fd_connection_enter(struct MHD_Connection *connection, fd_activity activity) {
    fd_connection *found = connection_of(connection);
    FD_LOCKED(&found->server->lock);
    fd_connection_slots_enter(&found->server->slots, &found->slot, activity,
                              fd_monotonic_seconds());
}

bool fd_connection_has_slot(struct MHD_Connection *connection) {
    fd_connection *found = connection_of(connection);
    FD_LOCKED(&found->server->lock);
    return fd_connection_slots_has(&found->server->slots, &found->slot);
}

/* ---- responses that do not go through libmicrohttpd ---- */

static void linger(fd_connection *connection) {
    FD_LOCKED(&connection->server->lock);
    connection->slot.deadline = fd_monotonic_seconds() + linger_seconds;
}

/* Without memory the connection ends without a response. */
static void respond(fd_connection *connection, const fd_response *response, const fd_cors *cors,
                    bool is_secure) {
    FD_FREE char *text = NULL;
    size_t size = 0;
    bool has_body = response->body && !connection->hook.framing.is_head;
    linger(connection);
    int r = fd_response_print(response, cors, is_secure, has_body, &text, &size);
    fd_receive_hook_respond(&connection->hook, text, r == 0 ? size : 0);
}

bool fd_connection_respond_directly(struct MHD_Connection *connection, const fd_response *response,
                                    const fd_cors *cors, bool is_secure) {
    fd_connection *found = connection_of(connection);
    if (fd_receive_hook_has_all(&found->hook))
        return false;
    respond(found, response, cors, is_secure);
    return true;
}

/* ---- refusals of the framing check ---- */

static void log_refusal(const fd_receive_hook *hook, const char *id) {
    struct sockaddr_storage peer = {0}; /* stays all zero where the peer is not known */
    socklen_t size = sizeof(peer);
    char client[INET6_ADDRSTRLEN];
    (void)getpeername(hook->fd, (struct sockaddr *)&peer, &size);
    fd_address address = fd_address_of((struct sockaddr *)&peer);
    fd_address_print(&address, client);
    fd_log(FD_LOG_DEBUG, "refused", FD_INT("status", hook->framing.status),
           FD_STR("detail", hook->framing.detail), FD_STR("client", client),
           FD_STR("request_id", id));
}

static void refuse(fd_receive_hook *hook) {
    fd_connection *connection = (fd_connection *)((char *)hook - offsetof(fd_connection, hook));
    const fd_server *server = connection->server;
    char id[FD_REQUEST_ID_SIZE], status[8];
    fd_request_id_make(id);
    (void)snprintf(status, sizeof(status), "%u", hook->framing.status);
    fd_metrics_add(server->metrics, FD_METRIC_REQUESTS, "refused", status, 1);
    log_refusal(hook, id);

    fd_response response = {.request_id = id};
    server->hooks.refuse(&response, hook->framing.status, hook->framing.detail);
    response.closes = true;
    respond(connection, &response, &(fd_cors){0}, hook->session != NULL);
    free(response.body);
}

/* ---- streamed bodies ---- */

/* libmicrohttpd's own timeout would count the time in which a piece is worked on. */
void fd_connection_begin_stream(struct MHD_Connection *connection,
                                void (*break_off)(void *context, unsigned status), void *context) {
    fd_connection *found = connection_of(connection);
    found->break_off = break_off;
    found->stream = context;
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    FD_LOCKED(&found->server->lock);
    fd_connection_slots_enter(&found->server->slots, &found->slot, FD_ACTIVITY_STREAMING,
                              fd_monotonic_seconds());
    if (found->server->is_draining)
        fd_connection_slots_break_off_streams(&found->server->slots, 503);
}

void fd_connection_end_stream(struct MHD_Connection *connection) {
    fd_connection *found = connection_of(connection);
    found->break_off = NULL;
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                    (unsigned)found->server->options.idle_seconds);
}

void fd_connection_take_piece(struct MHD_Connection *connection, size_t size) {
    fd_connection *found = connection_of(connection);
    double now = fd_monotonic_seconds();
    FD_LOCKED(&found->server->lock);
    fd_connection_slots_count_streamed(&found->server->slots, &found->slot, size, now);
    fd_connection_slots_enter(&found->server->slots, &found->slot, FD_ACTIVITY_RUNNING, now);
}

void fd_connection_await_piece(struct MHD_Connection *connection) {
    fd_connection_enter(connection, FD_ACTIVITY_STREAMING);
}

/* The receive hook asks this before each reading. */
static bool break_off(fd_receive_hook *hook) {
    fd_connection *connection = (fd_connection *)((char *)hook - offsetof(fd_connection, hook));
    unsigned status = connection->break_off ? atomic_load(&connection->slot.broken_off) : 0;
    if (status == 0 || fd_receive_hook_has_all(hook))
        return false;
    hook->is_shut = true;
    void (*respond_early)(void *, unsigned) = connection->break_off;
    connection->break_off = NULL;
    respond_early(connection->stream, status);
    return hook->has_responded;
}

/* ---- opening and closing ---- */

static struct gnutls_session_int *session_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

static void take_slot(fd_connection *connection, const fd_address *address) {
    FD_LOCKED(&connection->server->lock);
    fd_connection_slots_add(&connection->server->slots, &connection->slot, address,
                            fd_monotonic_seconds());
}

static void leave_slot(fd_connection *connection) {
    FD_LOCKED(&connection->server->lock);
    fd_connection_slots_remove(&connection->server->slots, &connection->slot);
}

/* NULL without memory: libmicrohttpd reads from the connection, but no request is served. */
static fd_connection *open_connection(fd_server *server, struct MHD_Connection *connection) {
    fd_connection *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return NULL;
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    fd_address address = fd_address_of(fd_peer_address(connection));
    opened->server = server;
    opened->hook = (fd_receive_hook){.fd = fd,
                                     .session = session_of(connection),
                                     .refuse = refuse,
                                     .break_off = break_off,
                                     .is_edge_triggered = server->options.threads > 0,
                                     .framing.head_max = server->options.head_size};
    opened->slot.fd = fd;
    opened->slot.is_trusted = fd_networks_contain(&server->trusted, &address);
    take_slot(opened, &address);
    fd_receive_hook_open(&opened->hook);
    fd_metrics_add(server->metrics, FD_METRIC_CONNECTIONS, NULL, NULL, 1);
    return opened;
}

static void close_connection(fd_server *server, fd_connection *closed) {
    fd_receive_hook_close(&closed->hook);
    leave_slot(closed);
    free(closed);
    fd_metrics_add(server->metrics, FD_METRIC_CONNECTIONS, NULL, NULL, -1);
}

void fd_connection_notify(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *socket_context = open_connection(context, connection);
    else if (*socket_context)
        close_connection(context, *socket_context);
}

/* libmicrohttpd's own timeout counts only inactivity: one byte now and then would keep a request
 * open forever. */
void *fd_connection_enforce_deadlines(void *context) {
    fd_server *server = context;
    fd_thread_name("deadlines");
    FD_LOCKED(&server->lock);
    while (!server->is_stopping) {
        double now = fd_monotonic_seconds();
        fd_connection_slots_close_overdue(&server->slots, now);
        fd_condition_wait_until(&server->changed, &server->lock, now + check_seconds);
    }
    return NULL;
}
