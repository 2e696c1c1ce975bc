/* Open connections: what each waits for, the checks on what arrives, and responses sent directly.
 */
#ifndef FD_CONNECTIONS_H
#define FD_CONNECTIONS_H

#include <microhttpd.h>
#include <stdbool.h>

#include "connection_slots.h"
#include "macros.h"
#include "receive_hook.h"
#include "response.h"

/* The callback for MHD_OPTION_NOTIFY_CONNECTION; `server` is a fd_server. */
void fd_connection_notify(void *server, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code);

/* False where there was no memory for it when it was opened: none of its requests is served, and
 * the functions below must not be called. */
bool fd_connection_is_known(struct MHD_Connection *connection) FD_MUST_CHECK;

int fd_connection_socket(struct MHD_Connection *connection);
fd_receive_hook *fd_connection_receive_hook(struct MHD_Connection *connection);

/* What the connection waits for from now on; that sets its deadline. */
void fd_connection_enter(struct MHD_Connection *connection, fd_activity activity);

/* Whether it holds a connection slot, or gets a free one now, so that its requests are served. */
bool fd_connection_has_slot(struct MHD_Connection *connection) FD_MUST_CHECK;

/* The body of the current request is streamed: from now on the client's rate counts. `break_off`
 * is called at most once, on the connection's thread, with `context` and a status; it responds. */
void fd_connection_begin_stream(struct MHD_Connection *connection,
                                void (*break_off)(void *context, unsigned status), void *context);

void fd_connection_end_stream(struct MHD_Connection *connection);

/* Bytes of it have arrived, and are worked on until fd_connection_await_piece. */
void fd_connection_take_piece(struct MHD_Connection *connection, size_t size);
void fd_connection_await_piece(struct MHD_Connection *connection);

/* False where the whole request was read, so that libmicrohttpd can send the response. Otherwise
 * libmicrohttpd would close the connection over the unread rest of the body, and the client would
 * often get a connection reset instead of the response: then this sends it, and returns true. */
bool fd_connection_respond_directly(struct MHD_Connection *connection, const fd_response *response,
                                    const fd_cors *cors, bool is_secure) FD_MUST_CHECK;

/* The thread that closes connections whose deadline has passed; `server` is a fd_server. */
void *fd_connection_enforce_deadlines(void *server);

#endif
