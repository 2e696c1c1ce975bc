/* What the server's files share: its state, its connections and the requests on them. */
#ifndef FD_SERVER_PRIVATE_H
#define FD_SERVER_PRIVATE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>

#include "client_address.h"
#include "connection_slots.h"
#include "limiter.h"
#include "memory_budget.h"
#include "receive_hook.h"
#include "response_headers.h"
#include "router.h"
#include "server.h"

/* One open connection. It is linked from the callback that opens it to the one that closes it,
 * during which its socket stays open. */
typedef struct fd_connection {
    fd_server *server;
    fd_receive_hook wire;     /* used by the thread that serves the connection alone */
    fd_connection_slot place; /* guarded by server->lock */
} fd_connection;

struct fd_server {
    fd_server_options options;
    fd_engine *engine;
    struct MHD_Daemon *daemon;
    fd_networks trusted; /* proxies */
    int socket;
    uint16_t port;

    fd_limiter gates[FD_LIMITER_NONE];
    fd_memory_budget memory;

    pthread_mutex_t lock;
    pthread_cond_t changed;     /* monotonic; a handler ended, or the watch must stop */
    fd_connection_slots places; /* guarded by lock, as is all below */
    unsigned running;           /* requests between their body's end and their completion */
    bool draining;              /* somebody waits for `running` to fall */
    bool stopping;
    pthread_t watch;
};

/* With the lock held: waits for `changed`, or the monotonic time in seconds. */
void fd_server_wait_until(fd_server *server, double deadline);

/* ---- connection.c ---- */

void fd_connection_notify(void *server, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code);

/* False where there was no memory for it: no request on it is served, and none of these be asked.
 */
bool fd_connection_is_known(struct MHD_Connection *connection) FD_MUST_CHECK;
int fd_connection_socket(struct MHD_Connection *connection);
fd_receive_hook *fd_connection_receive_hook(struct MHD_Connection *connection);

/* What it waits for from now on, and for how long at most. */
void fd_connection_enter(struct MHD_Connection *connection, fd_activity activity);

/* False where all of the request was read, and libmicrohttpd can answer. Otherwise it would close
 * over the rest of the body, and who sends it would lose the answer: it goes past libmicrohttpd. */
bool fd_connection_respond(struct MHD_Connection *connection,
                           const fd_headers_of *of) FD_MUST_CHECK;

/* Whether it has one of the places, so that its requests are served. */
bool fd_connection_has_slot(struct MHD_Connection *connection) FD_MUST_CHECK;

void *
fd_connection_enforce_deadlines(void *server); /* the thread that ends those whose time is over */

/* ---- peer.c ---- */

const struct sockaddr *fd_peer_address(struct MHD_Connection *connection); /* NULL: not known */

/* Only with the headers of a request: who it comes from, as far as trusted proxies tell. */
fd_client fd_peer_client(const fd_server *server, struct MHD_Connection *connection);

/* ---- admission.c ---- */

void fd_request_limits_open(fd_server *server);
void fd_request_limits_close(fd_server *server);

/* Counts a request that a limit refuses; `limit` is static text. */
void fd_request_limits_count_refused(fd_server *server, const char *limit);

/* Has the handler of the route work as soon as its gate lets it and there is memory for it, which
 * is added to *held, or answers why it may not. */
void fd_request_limits_run(fd_server *server, const fd_route *route, const fd_request *request,
                           size_t *held, fd_response *response);

/* ---- exchange.c: what libmicrohttpd calls for each request ---- */

enum { FD_REQUEST_ID_SIZE = 65 };
void fd_request_id_make(char id[FD_REQUEST_ID_SIZE]);

void *fd_transaction_begin(void *server, const char *target, struct MHD_Connection *connection);
enum MHD_Result fd_transaction_continue(void *server, struct MHD_Connection *connection,
                                        const char *path, const char *method, const char *version,
                                        const char *data, size_t *size, void **state);
void fd_transaction_end(void *server, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode code);

#endif
