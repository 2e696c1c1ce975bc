/*
 * The receive hook: our recv() under libmicrohttpd. libmicrohttpd reads with recv(), or under TLS
 * with gnutls_record_recv(), and the dynamic linker looks for both in the program first. So the two
 * defined here see all that arrives, show it to the framing check, and hand on what the check lets
 * pass. Refused bytes get one problem document, and the connection ends. Other sockets are read as
 * usual.
 */
#ifndef FD_RECEIVE_HOOK_H
#define FD_RECEIVE_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "framing.h"
#include "macros.h"

struct gnutls_session_int;
typedef struct fd_receive_hook fd_receive_hook;

/* For one connection. Starts as all zero but for what stands before `framing`, and
 * framing.head_max. */
struct fd_receive_hook {
    int fd;
    struct gnutls_session_int *session;    /* NULL: no TLS */
    void (*refuse)(fd_receive_hook *hook); /* responds with framing.status and framing.detail */
    /* Asked before bytes are received: true, if it has responded early to a request whose body is
     * still arriving. */
    bool (*break_off)(fd_receive_hook *hook);
    bool is_edge_triggered; /* epoll reports what arrives only once */
    fd_framing framing;
    uint64_t begun, ended; /* requests, as libmicrohttpd counts them */
    bool is_shut;          /* its reading side, by us: that woke the thread that reads */
    bool has_responded;    /* directly, for the last time; what still arrives is dropped */
};

/* -ENOTSUP if libmicrohttpd would not read through here. To be called before it starts. */
int fd_receive_hook_check(void) FD_MUST_CHECK;

/* From now on, and until it is closed, the framing check sees what arrives at hook->fd. The hook is
 * the caller's. */
void fd_receive_hook_open(fd_receive_hook *hook);
void fd_receive_hook_close(fd_receive_hook *hook);

/* Sends the connection's last bytes directly, as many as the socket takes at once. What the client
 * still sends is dropped until it closes, or until the connection's deadline. */
void fd_receive_hook_respond(fd_receive_hook *hook, const char *data, size_t size);

/* Whether the whole of the current request has been read. */
bool fd_receive_hook_has_all(const fd_receive_hook *hook);

/* libmicrohttpd begins a request: false if the framing check did not see its head. Such a request
 * must not be served. */
bool fd_receive_hook_begin(fd_receive_hook *hook) FD_MUST_CHECK;
void fd_receive_hook_end(fd_receive_hook *hook);

#endif
