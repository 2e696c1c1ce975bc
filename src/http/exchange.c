/* One request, from its first line over its headers and body to the answer. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "clock.h"
#include "headers.h"
#include "log.h"
#include "origin.h"
#include "problem.h"
#include "random.h"
#include "router.h"
#include "server_private.h"

struct exchange {
    double start;
    const fd_route *route;
    fd_identity identity;
    char *id; /* of the path; NULL: none */
    char request_id[FD_REQUEST_ID_SIZE];
    fd_client client;
    char *body;
    size_t body_size, body_room, body_limit;
    size_t memory;   /* that the request takes of the server's */
    bool begun;      /* headers were looked at */
    bool is_surplus; /* its connection has no place */
    bool is_running;
    bool has_body;
    unsigned body_refused; /* a status for a body that could not be kept */
    unsigned status;
    size_t answer_size;
    char method[8];
};

void *fd_exchange_begin(void *context, const char *target, struct MHD_Connection *connection) {
    struct exchange *exchange =
        fd_connection_is_known(connection) ? calloc(1, sizeof(*exchange)) : NULL;
    (void)context;
    if (!exchange)
        return NULL;
    exchange->start = fd_monotonic_seconds();
    (void)target; /* the guard has looked at it */
    fd_connection_enter(connection, FD_ACTIVITY_ARRIVING);
    return exchange;
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

void fd_request_id_make(char id[FD_REQUEST_ID_SIZE]) {
    uint64_t number;
    fd_random(&number, sizeof(number));
    (void)snprintf(id, FD_REQUEST_ID_SIZE, "%016llx", (unsigned long long)number);
}

static void choose_request_id(struct MHD_Connection *connection, struct exchange *exchange) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *given = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Request-Id");
    size_t length = given ? strlen(given) : 0;
    if (length >= 1 && length < FD_REQUEST_ID_SIZE && strspn(given, plain) == length) {
        memcpy(exchange->request_id, given, length + 1);
        return;
    }
    fd_request_id_make(exchange->request_id);
}

static const char static_failure[] = "{\"title\":\"Internal Server Error\",\"status\":500}";

static const char *route_name(const struct exchange *exchange) {
    return exchange->route ? exchange->route->name : "other";
}

/* Before the answer leaves, so that who has an answer finds it counted. */
static void count(const fd_server *server, const struct exchange *exchange) {
    char status[8];
    fd_metrics *metrics = fd_engine_metrics(server->engine);
    (void)snprintf(status, sizeof(status), "%u", exchange->status);
    fd_metrics_add(metrics, FD_METRIC_REQUESTS, route_name(exchange), status, 1);
    fd_metrics_observe(metrics, FD_METRIC_REQUEST_SECONDS, route_name(exchange), NULL,
                       fd_monotonic_seconds() - exchange->start);
}

/* Without memory for a body. */
static void ensure_body(fd_response *response) {
    if (!response->body)
        *response = (fd_response){.status = 500,
                                  .content_type = "application/problem+json",
                                  .body = (char *)(uintptr_t)static_failure,
                                  .size = sizeof(static_failure) - 1};
}

static void free_body(fd_response *response) {
    if (response->body != static_failure)
        free(response->body);
}

/* Takes the body. */
static enum MHD_Result queue(struct MHD_Connection *connection, fd_response *response,
                             const fd_headers_of *of) {
    struct MHD_Response *answer = MHD_create_response_from_buffer(
        response->size, response->body,
        response->body == static_failure ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
    if (!answer) {
        free_body(response);
        return MHD_NO;
    }
    enum MHD_Result result = fd_headers_add(answer, of);
    if (result == MHD_YES)
        result = MHD_queue_response(connection, response->status, answer);
    MHD_destroy_response(answer);
    return result;
}

static enum MHD_Result send_response(fd_server *server, struct MHD_Connection *connection,
                                     struct exchange *exchange, fd_response *response, bool close) {
    ensure_body(response);
    const char *origin = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin");
    const char *origins = server->options.cors_origins;
    const fd_headers_of of = {.response = response,
                              .client = &exchange->client,
                              .request_id = exchange->request_id,
                              .origin = fd_origins_contain(origins, origin) ? origin : NULL,
                              .origins_differ = origins && origins[0] != '\0',
                              .preflight = strcmp(exchange->method, "OPTIONS") == 0,
                              .close = close};
    exchange->status = response->status;
    exchange->answer_size = response->size;
    count(server, exchange);
    if (fd_connection_answer(connection, &of)) {
        free_body(response);
        return MHD_YES;
    }
    fd_connection_enter(connection, FD_ACTIVITY_SENDING);
    return queue(connection, response, &of);
}

static enum MHD_Result refuse_as(fd_server *server, struct MHD_Connection *connection,
                                 struct exchange *exchange, fd_response *response) {
    return send_response(server, connection, exchange, response, true);
}

static enum MHD_Result refuse(fd_server *server, struct MHD_Connection *connection,
                              struct exchange *exchange, unsigned status, const char *detail,
                              const char *allow) {
    fd_request request = {
        .engine = server->engine, .client = &exchange->client, .request_id = exchange->request_id};
    fd_response response = {0};
    fd_problem(&request, &response, status, detail);
    response.allow = allow;
    return refuse_as(server, connection, exchange, &response);
}

/* A browser asks whether a page of another site may send what it is about to. */
static bool is_preflight(const fd_server *server, struct MHD_Connection *connection,
                         const char *method) {
    const char *origin = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Origin");
    return strcmp(method, "OPTIONS") == 0 &&
           fd_origins_contain(server->options.cors_origins, origin) &&
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                       "Access-Control-Request-Method");
}

/* Whether the one who asks may; otherwise *ret is the result of refusing. */
static bool admit(fd_server *server, struct MHD_Connection *connection, struct exchange *exchange,
                  enum MHD_Result *ret) {
    fd_request request = {.access = server->options.access,
                          .client = &exchange->client,
                          .identity = &exchange->identity,
                          .request_id = exchange->request_id,
                          .id = exchange->id};
    fd_response refusal = {0};
    if (fd_auth_admit(server, connection, exchange->route, exchange->method, &request,
                      &exchange->identity, &refusal))
        return true;
    if (exchange->route->role == FD_ROLE_ADMIN && exchange->identity.role != FD_ROLE_PUBLIC)
        fd_auth_audit(&request, exchange->route, refusal.status);
    *ret = refuse_as(server, connection, exchange, &refusal);
    return false;
}

static size_t at_most(size_t size, size_t limit) {
    return size < limit ? size : limit;
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
                             struct exchange *exchange, const char *method, const char *path) {
    exchange->begun = true;
    if (!fd_wire_begin(fd_connection_wire(connection))) {
        fd_log(FD_LOG_ERROR, "unguarded", FD_STR("method", method));
        return MHD_NO; /* closes the connection */
    }
    (void)snprintf(exchange->method, sizeof(exchange->method), "%s", method);
    choose_request_id(connection, exchange);
    exchange->client = fd_peer_client(server, connection);

    const char *length_text =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    unsigned long long length = length_text ? strtoull(length_text, NULL, 10) : 0;
    bool is_chunked =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding") != NULL;
    exchange->has_body = length > 0 || is_chunked;
    if (!exchange->has_body && is_preflight(server, connection, method))
        return send_response(server, connection, exchange,
                             &(fd_response){.status = 204, .body = strdup("")}, false);
    const char *allow = NULL;
    const char *id = NULL;
    size_t id_length = 0;
    int r = fd_router_find(method, path, &exchange->route, &id, &id_length, &allow);
    if (r == 0 && id && !(exchange->id = strndup(id, id_length)))
        return refuse(server, connection, exchange, 503, "there is no memory for it", NULL);
    if (r == -ENOENT)
        return refuse(server, connection, exchange, 404, "there is nothing at this path", NULL);
    if (r < 0)
        return refuse(server, connection, exchange, 405, "the method is not taken here", allow);
    exchange->is_surplus = !fd_connection_has_place(connection);
    if (exchange->is_surplus && exchange->route->role != FD_ROLE_PUBLIC) {
        fd_admission_refused(server, "connections");
        return refuse(server, connection, exchange, 503, "there are too many connections", NULL);
    }
    enum MHD_Result refused;
    if (!admit(server, connection, exchange, &refused))
        return refused;
    exchange->body_limit = at_most(exchange->route->body_limit, server->options.body_size);
    if (length > exchange->body_limit || (is_chunked && exchange->body_limit == 0))
        return refuse(server, connection, exchange, 413, "the body is too large", NULL);
    if (exchange->has_body &&
        !is_json(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type")))
        return refuse(server, connection, exchange, 415,
                      "the Content-Type must be application/json", NULL);
    if (length > 0)
        exchange->body_limit = (size_t)length;
    return MHD_YES;
}

static const char *body_refusal(const struct exchange *exchange) {
    return exchange->body_refused == 413 ? "the body is too large"
                                         : "there is no memory for the body";
}

/* Room is made for what has arrived, not for what is promised. */
static bool make_room(fd_server *server, struct exchange *exchange, size_t needed) {
    size_t room = at_most(2 * needed < 4096 ? 4096 : 2 * needed, exchange->body_limit);
    if (room <= exchange->body_room)
        return true;
    if (room > FD_MEMORY_SMALL &&
        !fd_memory_take(&server->memory, &exchange->memory, room - exchange->body_room)) {
        fd_admission_refused(server, "memory");
        return false;
    }
    char *grown = realloc(exchange->body, room);
    if (!grown)
        return false;
    exchange->body = grown;
    exchange->body_room = room;
    return true;
}

static void body_free(fd_server *server, struct exchange *exchange) {
    fd_memory_give_back(&server->memory, &exchange->memory);
    free(exchange->body);
    exchange->body = NULL;
}

static void collect(fd_server *server, struct exchange *exchange, const char *data, size_t size) {
    size_t needed = exchange->body_size + size;
    if (exchange->body_refused != 0)
        return;
    if (needed > exchange->body_limit)
        exchange->body_refused = 413;
    else if (needed > exchange->body_room && !make_room(server, exchange, needed))
        exchange->body_refused = 503;
    if (exchange->body_refused != 0)
        return;
    memcpy(exchange->body + exchange->body_size, data, size);
    exchange->body_size = needed;
}

/* libmicrohttpd answers only when it has all of the body. */
static enum MHD_Result arrive(fd_server *server, struct MHD_Connection *connection,
                              struct exchange *exchange, const char *data, size_t size) {
    collect(server, exchange, data, size);
    if (exchange->body_refused == 0 || fd_wire_has_all(fd_connection_wire(connection)))
        return MHD_YES;
    body_free(server, exchange);
    return refuse(server, connection, exchange, exchange->body_refused, body_refusal(exchange),
                  NULL);
}

/* A request that runs, for those who ask whether it still should. */
struct awaiting {
    fd_server *server;
    int fd;
};

/* A peer that closed its side, or a daemon that must end, waits for no answer. */
static bool is_awaited(void *context) {
    const struct awaiting *awaiting = context;
    struct pollfd peer = {.fd = awaiting->fd, .events = POLLRDHUP};
    (void)pthread_mutex_lock(&awaiting->server->lock);
    bool stopping = awaiting->server->stopping;
    (void)pthread_mutex_unlock(&awaiting->server->lock);
    if (stopping)
        return false;
    return poll(&peer, 1, 0) <= 0; /* a read would find what was sent before it */
}

static enum MHD_Result run(fd_server *server, struct MHD_Connection *connection,
                           struct exchange *exchange) {
    (void)pthread_mutex_lock(&server->lock);
    exchange->is_running = true;
    unsigned running = ++server->running, limit = server->options.requests_at_once;
    (void)pthread_mutex_unlock(&server->lock);
    fd_connection_enter(connection, FD_ACTIVITY_RUNNING);
    if (exchange->body_refused != 0)
        return refuse(server, connection, exchange, exchange->body_refused, body_refusal(exchange),
                      NULL);
    /* A body may take a minute to arrive, and the right to send it end meanwhile. */
    enum MHD_Result refused;
    if (exchange->has_body && exchange->identity.role != FD_ROLE_PUBLIC &&
        !admit(server, connection, exchange, &refused))
        return refused;

    if (limit > 0 && running > limit && exchange->route->role != FD_ROLE_PUBLIC) {
        fd_admission_refused(server, "requests");
        return refuse(server, connection, exchange, 503, "too many requests run already", NULL);
    }
    struct awaiting awaiting = {server, fd_connection_socket(connection)};
    fd_request request = {
        .engine = server->engine,
        .access = server->options.access,
        .identity = &exchange->identity,
        .version = server->options.version,
        .client = &exchange->client,
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
    fd_admission_run(server, exchange->route, &request, &exchange->memory, &response);
    body_free(server, exchange);
    if (response.size > FD_MEMORY_SMALL)
        fd_memory_hold(&server->memory, &exchange->memory, response.size);
    if (exchange->route->role == FD_ROLE_ADMIN || response.audited)
        fd_auth_audit(&request, exchange->route, response.status);
    return send_response(server, connection, exchange, &response, exchange->is_surplus);
}

enum MHD_Result fd_exchange_take(void *context, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *data,
                                 size_t *size, void **state) {
    fd_server *server = context;
    struct exchange *exchange = *state;
    (void)version;
    if (!exchange)
        return MHD_NO; /* no memory for it */
    if (!exchange->begun)
        return begin(server, connection, exchange, method, path);
    size_t arrived = *size;
    if (arrived > 0) {
        *size = 0;
        return exchange->status == 0 ? arrive(server, connection, exchange, data, arrived)
                                     : MHD_YES;
    }
    return run(server, connection, exchange);
}

void fd_exchange_end(void *context, struct MHD_Connection *connection, void **state,
                     enum MHD_RequestTerminationCode code) {
    fd_server *server = context;
    struct exchange *exchange = *state;
    (void)code;
    if (!exchange)
        return;
    fd_connection_enter(connection, FD_ACTIVITY_QUIET);
    fd_wire_end(fd_connection_wire(connection));
    if (exchange->status != 0)
        fd_log(exchange->status >= 500 && exchange->status != 503 ? FD_LOG_ERROR : FD_LOG_DEBUG,
               "request", FD_STR("route", route_name(exchange)), FD_STR("method", exchange->method),
               FD_INT("status", exchange->status),
               FD_REAL("ms", 1e3 * (fd_monotonic_seconds() - exchange->start)),
               FD_INT("bytes", exchange->answer_size), FD_STR("client", exchange->client.text),
               FD_STR("request_id", exchange->request_id));
    (void)pthread_mutex_lock(&server->lock);
    if (exchange->is_running) {
        server->running--;
        if (server->draining)
            (void)pthread_cond_broadcast(&server->changed);
    }
    (void)pthread_mutex_unlock(&server->lock);
    free(exchange->id);
    body_free(server, exchange);
    free(exchange);
    *state = NULL;
}
