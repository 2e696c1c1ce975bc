/* Puts the framing check under libmicrohttpd, in place of recv() and gnutls_record_recv(). */
#include "receive_hook.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

enum { SOCKETS_MAX = 1 << 16 };

/* By socket, since recv() gets nothing else. A larger number has no hook, and is not served. */
static _Atomic(fd_receive_hook *) hooks[SOCKETS_MAX];

static ssize_t (*read_record)(gnutls_session_t session, void *data, size_t size);

static fd_receive_hook *hook_of(int fd) {
    return fd >= 0 && fd < SOCKETS_MAX ? atomic_load_explicit(&hooks[fd], memory_order_acquire)
                                       : NULL;
}

void fd_receive_hook_open(fd_receive_hook *hook) {
    if (hook->fd < SOCKETS_MAX)
        atomic_store_explicit(&hooks[hook->fd], hook, memory_order_release);
}

void fd_receive_hook_close(fd_receive_hook *hook) {
    if (hook->fd < SOCKETS_MAX)
        atomic_store_explicit(&hooks[hook->fd], NULL, memory_order_release);
}

bool fd_receive_hook_begin(fd_receive_hook *hook) {
    return ++hook->begun <= hook->framing.heads;
}

void fd_receive_hook_end(fd_receive_hook *hook) {
    hook->ended++;
    /* The responses to the requests before the refused bytes are sent. libmicrohttpd may believe
     * that there is nothing to read; this makes epoll say otherwise. */
    if (hook->framing.status == 0 || hook->has_responded || hook->ended != hook->framing.requests)
        return;
    hook->is_shut = true;
    (void)shutdown(hook->fd, SHUT_RD);
}

bool fd_receive_hook_has_all(const fd_receive_hook *hook) {
    return hook->begun <= hook->framing.requests;
}

void fd_receive_hook_respond(fd_receive_hook *hook, const char *data, size_t size) {
    hook->has_responded = true;
    if (hook->session && size > 0)
        (void)gnutls_record_send(hook->session, data, size);
    else if (size > 0)
        (void)send(hook->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (hook->session)
        (void)gnutls_bye(hook->session, GNUTLS_SHUT_WR);
    /* With both sides shut, the kernel would reset the connection when more arrives. */
    if (!hook->is_shut)
        (void)shutdown(hook->fd, SHUT_WR);
}

/* ---- reading ---- */

static ssize_t receive(const fd_receive_hook *hook, void *data, size_t size) {
    return hook->session ? read_record(hook->session, data, size)
                         : recvfrom(hook->fd, data, size, 0, NULL, NULL);
}

/* What either function returns to say: read again, there may be more. */
static ssize_t read_again(const fd_receive_hook *hook) {
    errno = EINTR;
    return hook->session ? GNUTLS_E_INTERRUPTED : -1;
}

/* Whether neither side has ended the connection. A socket whose reading side we have shut tells the
 * end of what came by now as if it were the end of all. */
static bool is_open(const fd_receive_hook *hook) {
    struct tcp_info about = {0};
    socklen_t size = sizeof(about);
    return getsockopt(hook->fd, IPPROTO_TCP, TCP_INFO, &about, &size) == 0 &&
           about.tcpi_state == TCP_ESTABLISHED;
}

/* To be called again when more has arrived. Only epoll tells that of a shut socket; poll always
 * says that there is something. */
static ssize_t read_later(const fd_receive_hook *hook) {
    static const struct timespec moment = {.tv_nsec = 10000000};
    if (!hook->is_edge_triggered)
        (void)nanosleep(&moment, NULL); /* the thread serves this connection alone */
    errno = EAGAIN;
    return hook->session ? GNUTLS_E_AGAIN : -1;
}

/* Closing a socket that has unread bytes resets the connection, and the client may lose the
 * response. So they are read and dropped until the client closes or the deadline passes. Nobody
 * needs to decrypt them. */
static ssize_t drop(const fd_receive_hook *hook, void *data, size_t size) {
    ssize_t got = recvfrom(hook->fd, data, size, 0, NULL, NULL);
    if (got > 0)
        return read_again(hook);
    if (got == 0 && hook->is_shut && is_open(hook))
        return read_later(hook);
    return got < 0 && hook->session && errno == EAGAIN ? GNUTLS_E_AGAIN : got;
}

static ssize_t refuse(fd_receive_hook *hook) {
    hook->refuse(hook);
    return read_again(hook);
}

/* When libmicrohttpd gets less than it asked for, it waits for epoll to report more. If the client
 * closed its side together with these bytes, epoll has reported that already, and libmicrohttpd
 * would wait until the idle timeout. This makes epoll report the end again. */
static void repeat_end(const fd_receive_hook *hook) {
    struct pollfd client = {.fd = hook->fd, .events = POLLRDHUP};
    if (poll(&client, 1, 0) > 0)
        (void)shutdown(hook->fd, SHUT_RD);
}

/* libmicrohttpd reads only after it has responded to every request that it has whole. */
static ssize_t read_checked(fd_receive_hook *hook, void *data, size_t size) {
    if (hook->has_responded)
        return drop(hook, data, size);
    if (hook->framing.status != 0)
        return refuse(hook);
    if (hook->break_off(hook))
        return read_again(hook);
    ssize_t got = receive(hook, data, size);
    size_t ended = 0;
    if (hook->is_edge_triggered && !hook->session && got > 0 && (size_t)got < size)
        repeat_end(hook);
    if (got <= 0 || fd_framing_read(&hook->framing, data, (size_t)got, &ended))
        return got;
    return ended > 0 ? (ssize_t)ended : refuse(hook);
}

/* ---- in place of the functions that libmicrohttpd calls ---- */

/* The C library's header may define the name inline. */
ssize_t fd_receive_hook_recv(int fd, void *data, size_t size, int flags) __asm__("recv");

ssize_t fd_receive_hook_recv(int fd, void *data, size_t size, int flags) {
    fd_receive_hook *hook = hook_of(fd);
    if (!hook || hook->session || flags != 0)
        return recvfrom(fd, data, size, flags, NULL, NULL);
    return read_checked(hook, data, size);
}

ssize_t gnutls_record_recv(gnutls_session_t session, void *data, size_t size) {
    fd_receive_hook *hook = hook_of(gnutls_transport_get_int(session));
    if (!hook || hook->session != session)
        return read_record(session, data, size);
    return read_checked(hook, data, size);
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
