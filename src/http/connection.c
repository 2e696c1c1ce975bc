/* Open connections, and until when something must arrive on each. */
#include <math.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"
#include "server_private.h"

enum { WATCH_MILLISECONDS = 250 };

static fd_connection *connection_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

int fd_connection_socket(struct MHD_Connection *connection) {
    const fd_connection *at = connection_of(connection);
    return at ? at->fd : -1;
}

void fd_connection_allow(fd_server *server, struct MHD_Connection *connection, double seconds) {
    fd_connection *at = connection_of(connection);
    if (!at)
        return;
    (void)pthread_mutex_lock(&server->lock);
    at->deadline = fd_monotonic_seconds() + seconds;
    (void)pthread_mutex_unlock(&server->lock);
}

double fd_connection_quiet_seconds(const fd_server *server) {
    return (double)server->options.idle_seconds + (double)server->options.request_seconds;
}

static fd_connection *open_connection(fd_server *server, int fd) {
    fd_connection *opened = calloc(1, sizeof(*opened));
    if (!opened)
        return NULL; /* it is served without a deadline */
    opened->fd = fd;
    opened->deadline = fd_monotonic_seconds() + fd_connection_quiet_seconds(server);
    (void)pthread_mutex_lock(&server->lock);
    opened->next = server->connections;
    opened->link = &server->connections;
    if (opened->next)
        opened->next->link = &opened->next;
    server->connections = opened;
    (void)pthread_mutex_unlock(&server->lock);
    fd_metrics_add(fd_engine_metrics(server->engine), FD_METRIC_CONNECTIONS, NULL, NULL, 1);
    return opened;
}

static void close_connection(fd_server *server, fd_connection *closed) {
    (void)pthread_mutex_lock(&server->lock);
    *closed->link = closed->next;
    if (closed->next)
        closed->next->link = closed->link;
    (void)pthread_mutex_unlock(&server->lock);
    free(closed);
    fd_metrics_add(fd_engine_metrics(server->engine), FD_METRIC_CONNECTIONS, NULL, NULL, -1);
}

void fd_connection_notify(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *socket_context = open_connection(
            context,
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
    else if (*socket_context)
        close_connection(context, *socket_context);
}

/* libmicrohttpd's time-out counts inactivity, so a byte now and then would keep a request forever.
 */
void *fd_connection_watch(void *context) {
    fd_server *server = context;
    (void)pthread_mutex_lock(&server->lock);
    while (!server->stopping) {
        double now = fd_monotonic_seconds();
        for (fd_connection *c = server->connections; c; c = c->next) {
            if (now < c->deadline)
                continue;
            c->deadline = INFINITY;
            (void)shutdown(c->fd, SHUT_RDWR);
        }
        fd_server_wait_until(server, now + WATCH_MILLISECONDS / 1e3);
    }
    (void)pthread_mutex_unlock(&server->lock);
    return NULL;
}
