/* Starts and stops the server: its socket, its limits and libmicrohttpd. */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "connections.h"
#include "log.h"
#include "request_callbacks.h"
#include "server_state.h"
#include "thread.h"
#include "tls.h"

enum {
    STACK_SIZE = 2 << 20,         /* bytes of a thread: jansson parses recursively */
    CONNECTION_MEMORY = 16 << 10, /* bytes that libmicrohttpd needs in addition to the head */
    POOL_CONNECTIONS_MAX = 120,   /* on one epoll thread; with 128 libmicrohttpd stalls */
    POOL_SURPLUS = 4,             /* surplus connections for each epoll thread */
    OTHER_FILES = 64,             /* for the store, the log and so on */
};

/* ---- listening ---- */

static void on_library_log(void *context, const char *format, va_list arguments) {
    char text[256];
    (void)context;
    (void)vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    fd_log(FD_LOG_DEBUG, "libmicrohttpd", FD_STR("message", text));
}

static int open_socket(fd_server *server, fd_fault *fault) {
    const fd_server_options *options = &server->options;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", options->port);
    if (strcmp(options->host, "localhost") == 0)
        hints.ai_family = AF_INET;
    else
        hints.ai_flags |= AI_NUMERICHOST;
    int error = getaddrinfo(options->host, port, &hints, &found);
    if (error != 0)
        return fd_fault_set(fault, -EINVAL, "", "cannot listen on \"%s\": %s", options->host,
                            gai_strerror(error));

    int yes = 1, r = 0;
    server->socket = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->socket < 0 ||
        setsockopt(server->socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        bind(server->socket, found->ai_addr, found->ai_addrlen) < 0 ||
        listen(server->socket, SOMAXCONN) < 0)
        r = fd_fault_set(fault, -errno, "", "cannot listen on %s port %s: %s", options->host, port,
                         strerror(errno));
    freeaddrinfo(found);
    return r;
}

static int read_port(fd_server *server) {
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } address = {0};
    socklen_t size = sizeof(address);
    if (getsockname(server->socket, &address.any, &size) < 0)
        return -errno;
    bool is_ipv6 = address.any.sa_family == AF_INET6;
    server->port = ntohs(is_ipv6 ? address.ipv6.sin6_port : address.ipv4.sin_port);
    return 0;
}

static int start_library(fd_server *server, fd_fault *fault) {
    const fd_server_options *options = &server->options;
    int r = fd_receive_hook_check();
    if (r < 0)
        return fd_fault_set(fault, r, "",
                            "libmicrohttpd does not read through the receive hook, so requests "
                            "cannot be checked");
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    flags |= options->threads > 0 ? MHD_USE_EPOLL : MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL;
    flags |= options->is_secure ? MHD_USE_TLS : 0;
    /* libmicrohttpd may still count connections that are closed here already, while the ones that
     * replaced them are open. */
    unsigned surplus = options->threads > 0 ? POOL_SURPLUS * options->threads : 2 * FD_SURPLUS_MAX;
    struct MHD_OptionItem none = {MHD_OPTION_END, 0, NULL};
    struct MHD_OptionItem pool[] = {{MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)options->threads, NULL},
                                    none};
    char priorities[] = FD_TLS_PRIORITIES;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_PRIORITIES, 0, priorities},
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)fd_tls_find},
        none};
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, fd_request_continue, server, MHD_OPTION_EXTERNAL_LOGGER,
        on_library_log, NULL, MHD_OPTION_LISTEN_SOCKET, server->socket, MHD_OPTION_CONNECTION_LIMIT,
        options->connections + surplus, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)options->idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        CONNECTION_MEMORY + options->head_size, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_SIZE,
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_URI_LOG_CALLBACK, fd_request_begin, server,
        MHD_OPTION_NOTIFY_COMPLETED, fd_request_end, server, MHD_OPTION_NOTIFY_CONNECTION,
        fd_connection_notify, server, MHD_OPTION_ARRAY, options->threads > 0 ? pool : &none,
        MHD_OPTION_ARRAY, options->is_secure ? tls : &none, MHD_OPTION_END);
    return server->daemon ? 0 : fd_fault_set(fault, -EIO, "", "the HTTP server cannot start");
}

/* Each connection needs a file descriptor. */
static int raise_file_limit(const fd_server *server, fd_fault *fault) {
    rlim_t wanted = server->options.connections + 2 * FD_SURPLUS_MAX + OTHER_FILES;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    if (limit.rlim_cur >= wanted)
        return 0;
    if (limit.rlim_max < wanted)
        return fd_fault_set(fault, -EMFILE, "",
                            "%u connections need %llu open files; only %llu are allowed",
                            server->options.connections, (unsigned long long)wanted,
                            (unsigned long long)limit.rlim_max);
    limit.rlim_cur = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

/* ---- start and stop ---- */

static void server_free(fd_server *server) {
    if (server->socket >= 0)
        (void)close(server->socket);
    (void)pthread_mutex_destroy(&server->lock);
    (void)pthread_cond_destroy(&server->changed);
    fd_networks_clear(&server->trusted);
    free(server);
}
FD_DEFINE_CLEANUP(fd_server, server_free)

static fd_server *server_new(const fd_server_options *options, const fd_server_hooks *hooks,
                             fd_metrics *metrics) {
    fd_server *server = calloc(1, sizeof(*server));
    if (!server)
        return NULL;
    server->options = *options;
    server->hooks = *hooks;
    server->metrics = metrics;
    server->socket = -1;
    server->own_memory = (fd_memory_budget){.limit = options->memory, .metrics = metrics};
    server->memory = options->shared_memory ? options->shared_memory : &server->own_memory;
    server->slots = (fd_connection_slots){
        .limit = options->connections,
        .address_limit = options->address_connections,
        .seconds_allowed =
            {
                [FD_ACTIVITY_QUIET] = options->idle_seconds + (double)options->request_seconds,
                [FD_ACTIVITY_ARRIVING] = options->request_seconds,
                [FD_ACTIVITY_RUNNING] = INFINITY,
                [FD_ACTIVITY_STREAMING] = options->stream_seconds,
                [FD_ACTIVITY_SENDING] = options->send_seconds,
            },
        .stream_rate = options->stream_rate,
        .metrics = metrics,
    };
    (void)pthread_mutex_init(&server->lock, NULL);
    fd_condition_init(&server->changed);
    return server;
}

/* Closes all connections, since their threads would wait for the next request, and ends the thread
 * that enforces the deadlines. */
static void begin_stopping(fd_server *server) {
    FD_LOCKED(&server->lock);
    server->is_stopping = true;
    fd_connection_slots_close_overdue(&server->slots, INFINITY);
    (void)pthread_cond_broadcast(&server->changed);
}

int fd_server_start(const fd_server_options *options, const fd_server_hooks *hooks,
                    fd_metrics *metrics, fd_server **ret, fd_fault *fault) {
    if (options->threads > 0 && options->connections > POOL_CONNECTIONS_MAX * options->threads)
        return fd_fault_set(
            fault, -EINVAL, "",
            "a thread serves at most %d connections: %u need at least %u threads (or 0, one each)",
            POOL_CONNECTIONS_MAX, options->connections,
            (options->connections + POOL_CONNECTIONS_MAX - 1) / POOL_CONNECTIONS_MAX);
    FD_CLEANUP(server_freep) fd_server *server = server_new(options, hooks, metrics);
    if (!server)
        return -ENOMEM;
    int r = fd_networks_parse(options->trusted_proxies, &server->trusted, fault);
    if (r == 0)
        r = raise_file_limit(server, fault);
    if (r == 0)
        r = open_socket(server, fault);
    if (r == 0)
        r = read_port(server);
    if (r == 0)
        r = -pthread_create(&server->deadline_thread, NULL, fd_connection_enforce_deadlines,
                            server);
    if (r < 0)
        return r;
    r = start_library(server, fault);
    if (r < 0) {
        begin_stopping(server);
        (void)pthread_join(server->deadline_thread, NULL);
        return r;
    }
    *ret = FD_STEAL(server);
    return 0;
}

uint16_t fd_server_port(const fd_server *server) {
    return server->port;
}

static void drain(fd_server *server, double deadline) {
    FD_LOCKED(&server->lock);
    server->is_draining = true;
    fd_connection_slots_break_off_streams(&server->slots, 503);
    while (server->running > 0 && fd_monotonic_seconds() < deadline)
        fd_condition_wait_until(&server->changed, &server->lock, deadline);
}

void fd_server_stop(fd_server *server, double grace_seconds) {
    double deadline = fd_monotonic_seconds() + grace_seconds;
    (void)MHD_quiesce_daemon(server->daemon);
    drain(server, deadline);
    begin_stopping(server);
    (void)pthread_join(server->deadline_thread, NULL);
    MHD_stop_daemon(server->daemon);
    fd_tls_serve(NULL);
    server_free(server);
}
