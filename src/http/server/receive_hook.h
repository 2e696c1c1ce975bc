/*
 * The guard's place on the wire. libmicrohttpd reads with recv(), or with gnutls_record_recv()
 * under TLS, and finds both through the dynamic linker, which looks into the program first: the two
 * that wire.c defines show the guard what arrives and hand on what it lets pass. What it refuses
 * gets one problem document and the connection ends. Other sockets are read as ever.
 */
#ifndef FD_RECEIVE_HOOK_H
#define FD_RECEIVE_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "framing.h"
#include "macros.h"

struct gnutls_session_int;
typedef struct fd_receive_hook fd_receive_hook;

struct fd_receive_hook {
    int fd;
    struct gnutls_session_int *session;    /* NULL: no TLS */
    void (*refuse)(fd_receive_hook *wire); /* answers with the refusal that the guard has */
    bool is_told_once;                     /* by epoll, of what arrives */
    fd_framing guard;
    uint64_t begun, ended; /* requests, by libmicrohttpd's count */
    bool is_answered;      /* for the last time; what still comes is dropped */
};

/* -ENOTSUP if libmicrohttpd would not read through here. To be called before it starts. */
int fd_receive_hook_check(void) FD_MUST_CHECK;

/* From now on, and until it is closed, the guard sees what arrives at wire->fd. The wire is the
 * caller's; it starts as all zero but for what stands before the guard, and guard.head_max. */
void fd_receive_hook_open(fd_receive_hook *wire);
void fd_receive_hook_close(fd_receive_hook *wire);

/* The last bytes to the peer, straight and as far as it takes them at once. What it still sends is
 * dropped until it has read them and closes, or the connection is ended. */
void fd_receive_hook_respond(fd_receive_hook *wire, const char *data, size_t size);

/* Whether all of the request that has begun was read. */
bool fd_receive_hook_has_all(const fd_receive_hook *wire);

/* A request begins: false if the guard did not see its head, and it must not be served. */
bool fd_receive_hook_begin(fd_receive_hook *wire) FD_MUST_CHECK;
void fd_receive_hook_end(fd_receive_hook *wire);

#endif
