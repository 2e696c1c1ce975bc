#include "receive_hook.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum { SOCKETS_MAX = 1 << 16 };

/* By socket, because that is all that recv() is told. One beyond has no guard and is not served. */
static _Atomic(fd_receive_hook *) wires[SOCKETS_MAX];

static ssize_t (*read_record)(gnutls_session_t session, void *data, size_t size);

static fd_receive_hook *wire_of(int fd) {
    return fd >= 0 && fd < SOCKETS_MAX ? atomic_load_explicit(&wires[fd], memory_order_acquire)
                                       : NULL;
}

void fd_receive_hook_open(fd_receive_hook *wire) {
    if (wire->fd < SOCKETS_MAX)
        atomic_store_explicit(&wires[wire->fd], wire, memory_order_release);
}

void fd_receive_hook_close(fd_receive_hook *wire) {
    if (wire->fd < SOCKETS_MAX)
        atomic_store_explicit(&wires[wire->fd], NULL, memory_order_release);
}

bool fd_receive_hook_begin(fd_receive_hook *wire) {
    return ++wire->begun <= wire->guard.heads;
}

void fd_receive_hook_end(fd_receive_hook *wire) {
    wire->ended++;
    /* The answer to what came before the refused bytes is out. libmicrohttpd may believe that there
     * is nothing to be read; this has epoll tell it otherwise. */
    if (wire->guard.status != 0 && !wire->is_answered && wire->ended == wire->guard.requests)
        (void)shutdown(wire->fd, SHUT_RD);
}

bool fd_receive_hook_has_all(const fd_receive_hook *wire) {
    return wire->begun <= wire->guard.requests;
}

void fd_receive_hook_respond(fd_receive_hook *wire, const char *data, size_t size) {
    wire->is_answered = true;
    if (wire->session && size > 0)
        (void)gnutls_record_send(wire->session, data, size);
    else if (size > 0)
        (void)send(wire->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (wire->session)
        (void)gnutls_bye(wire->session, GNUTLS_SHUT_WR);
    (void)shutdown(wire->fd, SHUT_WR);
}

/* ---- reading ---- */

static ssize_t receive(const fd_receive_hook *wire, void *data, size_t size) {
    return wire->session ? read_record(wire->session, data, size)
                         : recvfrom(wire->fd, data, size, 0, NULL, NULL);
}

/* What says, in the words of either function: ask again, there may be more. */
static ssize_t ask_again(const fd_receive_hook *wire) {
    errno = EINTR;
    return wire->session ? GNUTLS_E_INTERRUPTED : -1;
}

/* A socket that is closed over unread bytes takes back what was sent, so they are dropped until the
 * peer has closed its side or the watch ends the connection. */
static ssize_t drop(const fd_receive_hook *wire, void *data, size_t size) {
    ssize_t got = receive(wire, data, size);
    return got > 0 ? ask_again(wire) : got;
}

static ssize_t refuse(fd_receive_hook *wire) {
    wire->refuse(wire);
    return ask_again(wire);
}

/* After less than it asked for, libmicrohttpd waits to be told of more; of an end that came with
 * these bytes it was told already, and it would wait as long as it waits for anyone. */
static void tell_of_end(const fd_receive_hook *wire) {
    struct pollfd peer = {.fd = wire->fd, .events = POLLRDHUP};
    if (poll(&peer, 1, 0) > 0)
        (void)shutdown(wire->fd, SHUT_RD);
}

/* libmicrohttpd reads only when it has answered every request that it has whole. */
static ssize_t read_guarded(fd_receive_hook *wire, void *data, size_t size) {
    if (wire->is_answered)
        return drop(wire, data, size);
    if (wire->guard.status != 0)
        return refuse(wire);
    ssize_t got = receive(wire, data, size);
    size_t ended = 0;
    if (wire->is_told_once && !wire->session && got > 0 && (size_t)got < size)
        tell_of_end(wire);
    if (got <= 0 || fd_framing_read(&wire->guard, data, (size_t)got, &ended))
        return got;
    return ended > 0 ? (ssize_t)ended : refuse(wire);
}

/* ---- in the places of the functions that libmicrohttpd calls ---- */

/* The C library's header may define the name inline. */
ssize_t fd_receive_hook_recv(int fd, void *data, size_t size, int flags) __asm__("recv");

ssize_t fd_receive_hook_recv(int fd, void *data, size_t size, int flags) {
    fd_receive_hook *wire = wire_of(fd);
    if (!wire || wire->session || flags != 0)
        return recvfrom(fd, data, size, flags, NULL, NULL);
    return read_guarded(wire, data, size);
}

ssize_t gnutls_record_recv(gnutls_session_t session, void *data, size_t size) {
    fd_receive_hook *wire = wire_of(gnutls_transport_get_int(session));
    if (!wire || wire->session != session)
        return read_record(session, data, size);
    return read_guarded(wire, data, size);
}

int fd_receive_hook_check(void) {
    void *found = dlsym(RTLD_NEXT, "gnutls_record_recv");
    __builtin_memcpy(&read_record, &found, sizeof(read_record));
    ssize_t (*plain)(int, void *, size_t, int) = fd_receive_hook_recv;
    ssize_t (*secure)(gnutls_session_t, void *, size_t) = gnutls_record_recv;
    void *own[2];
    __builtin_memcpy(&own[0], &plain, sizeof(own[0]));
    __builtin_memcpy(&own[1], &secure, sizeof(own[1]));
    return found && dlsym(RTLD_DEFAULT, "recv") == own[0] &&
                   dlsym(RTLD_DEFAULT, "gnutls_record_recv") == own[1]
               ? 0
               : -ENOTSUP;
}
