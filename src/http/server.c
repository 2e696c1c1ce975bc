#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "guard.h"
#include "log.h"
#include "problem.h"
#include "router.h"

enum {
    STACK_SIZE = 2 << 20, /* jansson's recursion needs room */
    CONNECTION_MEMORY = 32 << 10,
    POOL_CONNECTIONS_MAX = 120, /* on one epoll thread; at 128 it stalls */
    WATCH_MILLISECONDS = 250,
    REQUEST_ID_MAX = 64,
};

/* One open connection. It is linked from the callback that opens it to the one that closes it,
 * during which its socket stays open. */
struct connection {
    int fd;
    double
        deadline; /* monotonic seconds by which a request must be here; guarded by server->lock */
    struct connection *next, **link; /* guarded by server->lock */
};

struct fd_server {
    fd_server_options options;
    fd_engine *engine;
    struct MHD_Daemon *daemon;
    int socket;
    uint16_t port;

    pthread_mutex_t lock;
    pthread_cond_t changed;         /* monotonic; a handler ended, or the watch must stop */
    struct connection *connections; /* guarded by lock, as is all below */
    unsigned running;               /* requests between their body's end and their completion */
    bool draining;                  /* somebody waits for `running` to fall */
    bool stopping;
    pthread_t watch;
};

/* One request, from its first line to its completion. */
struct exchange {
    double start;
    const fd_route *route;
    char *id; /* of the path; NULL: none */
    char request_id[REQUEST_ID_MAX + 1];
    char *body;
    size_t body_size, body_room;
    unsigned refused; /* a status of the guard for the target, told when headers are here */
    const char *refusal;
    bool begun; /* headers were looked at */
    bool is_running;
    unsigned body_refused; /* a status for a body that could not be kept */
    unsigned status;
    size_t answer_size;
    char method[8];
};

/* ---- connections and their deadlines ---- */

static struct connection *connection_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void set_deadline(fd_server *server, struct MHD_Connection *connection, double seconds) {
    struct connection *at = connection_of(connection);
    if (!at)
        return;
    (void)pthread_mutex_lock(&server->lock);
    at->deadline = fd_monotonic_seconds() + seconds;
    (void)pthread_mutex_unlock(&server->lock);
}

/* A connection may idle, and then a request must arrive. */
static double quiet_seconds(const fd_server *server) {
    return (double)server->options.idle_seconds + (double)server->options.request_seconds;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    fd_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct connection *opened = calloc(1, sizeof(*opened));
        *socket_context = opened;
        if (!opened)
            return; /* it is served without a deadline */
        opened->fd =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        opened->deadline = fd_monotonic_seconds() + quiet_seconds(server);
        (void)pthread_mutex_lock(&server->lock);
        opened->next = server->connections;
        opened->link = &server->connections;
        if (opened->next)
            opened->next->link = &opened->next;
        server->connections = opened;
        (void)pthread_mutex_unlock(&server->lock);
        fd_metrics_add(fd_engine_metrics(server->engine), FD_METRIC_CONNECTIONS, NULL, NULL, 1);
        return;
    }
    struct connection *closed = *socket_context;
    if (!closed)
        return;
    (void)pthread_mutex_lock(&server->lock);
    *closed->link = closed->next;
    if (closed->next)
        closed->next->link = closed->link;
    (void)pthread_mutex_unlock(&server->lock);
    free(closed);
    fd_metrics_add(fd_engine_metrics(server->engine), FD_METRIC_CONNECTIONS, NULL, NULL, -1);
}

static void wait_until(fd_server *server, double deadline) {
    struct timespec until = {.tv_sec = (time_t)deadline,
                             .tv_nsec = (long)((deadline - floor(deadline)) * 1e9)};
    (void)pthread_cond_timedwait(&server->changed, &server->lock, &until);
}

/* libmicrohttpd's time-out counts inactivity, so a byte now and then would keep a request forever.
 */
static void *watch_deadlines(void *context) {
    fd_server *server = context;
    (void)pthread_mutex_lock(&server->lock);
    while (!server->stopping) {
        double now = fd_monotonic_seconds();
        for (struct connection *c = server->connections; c; c = c->next) {
            if (now < c->deadline)
                continue;
            c->deadline = INFINITY;
            (void)shutdown(c->fd, SHUT_RDWR);
        }
        wait_until(server, now + WATCH_MILLISECONDS / 1e3);
    }
    (void)pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* ---- one request ---- */

static void *on_target(void *context, const char *target, struct MHD_Connection *connection) {
    fd_server *server = context;
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (!exchange)
        return NULL;
    exchange->start = fd_monotonic_seconds();
    exchange->refused = fd_guard_check_target(target, &exchange->refusal);
    set_deadline(server, connection, (double)server->options.request_seconds);
    return exchange;
}

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name,
                                 const char *value) {
    fd_guard *guard = context;
    (void)kind;
    guard->has_folded_line |= value && fd_guard_is_folded(name, value);
    fd_guard_header(guard, name, value ? value : "");
    return MHD_YES;
}

struct query {
    fd_request *request;
    const char *detail;
};

static enum MHD_Result on_argument(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value) {
    struct query *query = context;
    fd_request *request = query->request;
    (void)kind;
    if (fd_request_query(request, name))
        query->detail = "a query parameter is there twice";
    else if (request->query_count == FD_QUERY_MAX)
        query->detail = "there are too many query parameters";
    if (query->detail)
        return MHD_NO;
    request->query[request->query_count].name = name;
    request->query[request->query_count++].value = value ? value : "";
    return MHD_YES;
}

static void choose_request_id(struct MHD_Connection *connection, struct exchange *exchange) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Request-Id");
    size_t length = given ? strlen(given) : 0;
    if (length >= 1 && length <= REQUEST_ID_MAX && strspn(given, plain) == length) {
        memcpy(exchange->request_id, given, length + 1);
        return;
    }
    uint64_t number;
    arc4random_buf(&number, sizeof(number));
    (void)snprintf(exchange->request_id, sizeof(exchange->request_id), "%016llx",
                   (unsigned long long)number);
}

/* The pages have all that they need here, and no script or style within them. */
static const char content_security_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' "
    "data:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const char static_failure[] = "{\"title\":\"Internal Server Error\",\"status\":500}";

static enum MHD_Result send_response(struct MHD_Connection *connection, struct exchange *exchange,
                                     fd_response *response, bool close) {
    struct MHD_Response *answer;
    if (response->body) {
        answer =
            MHD_create_response_from_buffer(response->size, response->body, MHD_RESPMEM_MUST_FREE);
        if (!answer)
            free(response->body);
    } else {
        *response = (fd_response){.status = 500,
                                  .content_type = "application/problem+json",
                                  .size = sizeof(static_failure) - 1};
        answer = MHD_create_response_from_buffer(response->size, (void *)(uintptr_t)static_failure,
                                                 MHD_RESPMEM_PERSISTENT);
    }
    if (!answer)
        return MHD_NO;
    char seconds[16];
    (void)snprintf(seconds, sizeof(seconds), "%u", response->retry_after);
    const struct {
        const char *name;
        const char *value;
    } headers[] = {
        {"Content-Type", response->content_type ? response->content_type : "application/json"},
        {"X-Request-Id", exchange->request_id},
        {"X-Content-Type-Options", "nosniff"},
        {"Cache-Control", response->etag ? "no-cache" : "no-store"},
        {"ETag", response->etag},
        {"Content-Security-Policy", response->etag ? content_security_policy : NULL},
        {"Referrer-Policy", response->etag ? "no-referrer" : NULL},
        {"Server", "fisherd"},
        {"Allow", response->allow},
        {"Retry-After", response->retry_after > 0 ? seconds : NULL},
        {"Connection", close ? "close" : NULL},
    };
    enum MHD_Result result = MHD_YES;
    for (size_t i = 0; i < FD_LENGTH(headers); i++)
        if (headers[i].value &&
            MHD_add_response_header(answer, headers[i].name, headers[i].value) != MHD_YES)
            result = MHD_NO;
    exchange->status = response->status;
    exchange->answer_size = response->size;
    if (result == MHD_YES)
        result = MHD_queue_response(connection, response->status, answer);
    MHD_destroy_response(answer);
    return result;
}

static enum MHD_Result refuse(fd_server *server, struct MHD_Connection *connection,
                              struct exchange *exchange, unsigned status, const char *detail,
                              const char *allow) {
    fd_request request = {.engine = server->engine, .request_id = exchange->request_id};
    fd_response response = {0};
    fd_problem(&request, &response, status, detail);
    response.allow = allow;
    set_deadline(server, connection, quiet_seconds(server));
    return send_response(connection, exchange, &response, true);
}

static bool is_json(const char *type) {
    static const char json[] = "application/json";
    if (!type || strncasecmp(type, json, sizeof(json) - 1) != 0)
        return false;
    type += sizeof(json) - 1;
    type += strspn(type, " \t");
    return *type == '\0' || *type == ';';
}

/* The headers are here: whether the request is taken at all, and by whom. */
static enum MHD_Result begin(fd_server *server, struct MHD_Connection *connection,
                             struct exchange *exchange, const char *method, const char *path,
                             const char *version) {
    exchange->begun = true;
    (void)snprintf(exchange->method, sizeof(exchange->method), "%s", method);
    choose_request_id(connection, exchange);

    fd_guard guard = {0};
    const char *detail = exchange->refusal, *allow = NULL;
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, &guard);
    unsigned status = exchange->refused;
    if (status == 0)
        status = fd_guard_check_headers(&guard, version, &detail);
    if (status != 0)
        return refuse(server, connection, exchange, status, detail, NULL);

    const char *id = NULL;
    size_t id_length = 0;
    int r = fd_router_find(method, path, &exchange->route, &id, &id_length, &allow);
    if (r == 0 && id && !(exchange->id = strndup(id, id_length)))
        return refuse(server, connection, exchange, 503, "there is no memory for it", NULL);
    if (r == -ENOENT)
        return refuse(server, connection, exchange, 404, "there is nothing at this path", NULL);
    if (r < 0)
        return refuse(server, connection, exchange, 405, "the method is not taken here", allow);
    bool has_body = guard.length > 0 || guard.is_chunked;
    if (guard.length > exchange->route->body_limit ||
        (guard.is_chunked && exchange->route->body_limit == 0))
        return refuse(server, connection, exchange, 413, "the body is too large", NULL);
    if (has_body &&
        !is_json(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type")))
        return refuse(server, connection, exchange, 415,
                      "the Content-Type must be application/json", NULL);
    if (guard.length > 0) {
        exchange->body = malloc(guard.length);
        exchange->body_room = exchange->body ? guard.length : 0;
    }
    return MHD_YES;
}

static void collect(struct exchange *exchange, const char *data, size_t size) {
    size_t needed = exchange->body_size + size;
    if (exchange->body_refused != 0)
        return; /* the rest is read and dropped until the deadline */
    if (needed > exchange->route->body_limit) {
        exchange->body_refused = 413;
        return;
    }
    if (needed > exchange->body_room) {
        size_t room = 2 * needed < 4096 ? 4096 : 2 * needed;
        char *grown = realloc(exchange->body, room);
        if (!grown) {
            exchange->body_refused = 503;
            return;
        }
        exchange->body = grown;
        exchange->body_room = room;
    }
    memcpy(exchange->body + exchange->body_size, data, size);
    exchange->body_size = needed;
}

/* A request that runs, for those who ask whether it still should. */
struct awaiting {
    fd_server *server;
    int fd; /* -1: not known */
};

/* A peer that closed its side, or a daemon that must end, waits for no answer. */
static bool is_awaited(void *context) {
    const struct awaiting *awaiting = context;
    char next;
    (void)pthread_mutex_lock(&awaiting->server->lock);
    bool stopping = awaiting->server->stopping;
    (void)pthread_mutex_unlock(&awaiting->server->lock);
    if (stopping || awaiting->fd < 0)
        return !stopping;
    ssize_t got = recv(awaiting->fd, &next, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static enum MHD_Result run(fd_server *server, struct MHD_Connection *connection,
                           struct exchange *exchange) {
    (void)pthread_mutex_lock(&server->lock);
    exchange->is_running = true;
    server->running++;
    (void)pthread_mutex_unlock(&server->lock);
    set_deadline(server, connection, INFINITY);
    if (exchange->body_refused != 0)
        return refuse(server, connection, exchange, exchange->body_refused,
                      exchange->body_refused == 413 ? "the body is too large"
                                                    : "there is no memory for the body",
                      NULL);

    const struct connection *from = connection_of(connection);
    struct awaiting awaiting = {server, from ? from->fd : -1};
    fd_request request = {
        .engine = server->engine,
        .version = server->options.version,
        .is_awaited = is_awaited,
        .await_context = &awaiting,
        .request_id = exchange->request_id,
        .id = exchange->id,
        .if_none_match = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match"),
        .body = exchange->body ? exchange->body : "",
        .body_size = exchange->body_size,
    };
    struct query query = {.request = &request};
    (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, on_argument, &query);
    if (query.detail)
        return refuse(server, connection, exchange, 400, query.detail, NULL);
    fd_response response = {0};
    exchange->route->handler(&request, &response);
    return send_response(connection, exchange, &response, false);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *data, size_t *size, void **state) {
    fd_server *server = context;
    struct exchange *exchange = *state;
    if (!exchange)
        return MHD_NO; /* no memory for it */
    if (!exchange->begun)
        return begin(server, connection, exchange, method, path, version);
    if (*size > 0) {
        collect(exchange, data, *size);
        *size = 0;
        return MHD_YES;
    }
    return run(server, connection, exchange);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
    fd_server *server = context;
    struct exchange *exchange = *state;
    (void)code;
    if (!exchange)
        return;
    double seconds = fd_monotonic_seconds() - exchange->start;
    set_deadline(server, connection, quiet_seconds(server));
    if (exchange->status != 0) {
        char status[8];
        const char *route = exchange->route ? exchange->route->name : "other";
        fd_metrics *metrics = fd_engine_metrics(server->engine);
        (void)snprintf(status, sizeof(status), "%u", exchange->status);
        fd_metrics_add(metrics, FD_METRIC_REQUESTS, route, status, 1);
        fd_metrics_observe(metrics, FD_METRIC_REQUEST_SECONDS, route, NULL, seconds);
        fd_log(exchange->status >= 500 ? FD_LOG_ERROR : FD_LOG_DEBUG, "request",
               FD_STR("route", route), FD_STR("method", exchange->method),
               FD_INT("status", exchange->status), FD_REAL("ms", seconds * 1e3),
               FD_INT("bytes", exchange->answer_size), FD_STR("request_id", exchange->request_id));
    }
    (void)pthread_mutex_lock(&server->lock);
    if (exchange->is_running) {
        server->running--;
        if (server->draining)
            (void)pthread_cond_broadcast(&server->changed);
    }
    (void)pthread_mutex_unlock(&server->lock);
    free(exchange->id);
    free(exchange->body);
    free(exchange);
    *state = NULL;
}

/* ---- life ---- */

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
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    if (getsockname(server->socket, (struct sockaddr *)&address, &size) < 0)
        return -errno;
    server->port =
        ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                            : ((struct sockaddr_in *)&address)->sin_port);
    return 0;
}

static int start_library(fd_server *server, fd_fault *fault) {
    const fd_server_options *options = &server->options;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG | MHD_USE_ITC;
    flags |= options->threads > 0 ? MHD_USE_EPOLL : MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL;
    struct MHD_OptionItem more[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)options->threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, server->socket, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)options->connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)options->idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_SIZE,
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_ARRAY, options->threads > 0 ? more : more + 1,
        MHD_OPTION_END);
    return server->daemon ? 0 : fd_fault_set(fault, -EIO, "", "the HTTP server cannot start");
}

static void server_free(fd_server *server) {
    if (server->socket >= 0)
        (void)close(server->socket);
    (void)pthread_mutex_destroy(&server->lock);
    (void)pthread_cond_destroy(&server->changed);
    free(server);
}
FD_DEFINE_CLEANUP(fd_server, server_free)

int fd_server_start(const fd_server_options *options, fd_engine *engine, fd_server **ret,
                    fd_fault *fault) {
    if (options->threads > 0 && options->connections > POOL_CONNECTIONS_MAX * options->threads)
        return fd_fault_set(
            fault, -EINVAL, "",
            "a thread takes at most %d connections: %u need at least %u threads (or 0, one each)",
            POOL_CONNECTIONS_MAX, options->connections,
            (options->connections + POOL_CONNECTIONS_MAX - 1) / POOL_CONNECTIONS_MAX);
    FD_CLEANUP(server_freep) fd_server *server = calloc(1, sizeof(*server));
    if (!server)
        return -ENOMEM;
    server->options = *options;
    server->engine = engine;
    server->socket = -1;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&server->lock, NULL);
    (void)pthread_cond_init(&server->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);

    int r = open_socket(server, fault);
    if (r == 0)
        r = read_port(server);
    if (r == 0)
        r = -pthread_create(&server->watch, NULL, watch_deadlines, server);
    if (r < 0)
        return r;
    r = start_library(server, fault);
    if (r < 0) {
        (void)pthread_mutex_lock(&server->lock);
        server->stopping = true;
        (void)pthread_cond_broadcast(&server->changed);
        (void)pthread_mutex_unlock(&server->lock);
        (void)pthread_join(server->watch, NULL);
        return r;
    }
    *ret = FD_STEAL(server);
    return 0;
}

uint16_t fd_server_port(const fd_server *server) {
    return server->port;
}

void fd_server_stop(fd_server *server, double grace_seconds) {
    double deadline = fd_monotonic_seconds() + grace_seconds;
    (void)MHD_quiesce_daemon(server->daemon);

    (void)pthread_mutex_lock(&server->lock);
    server->draining = true;
    while (server->running > 0 && fd_monotonic_seconds() < deadline)
        wait_until(server, deadline);
    server->stopping = true;
    for (struct connection *c = server->connections; c; c = c->next)
        (void)shutdown(c->fd, SHUT_RDWR); /* or their threads would wait for the next request */
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);

    (void)pthread_join(server->watch, NULL);
    MHD_stop_daemon(server->daemon);
    server_free(server);
}
