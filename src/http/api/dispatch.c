/* Takes a request from its headers to its handler: route, slot, identity, body, limits, audit. */
#include "dispatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "authenticate.h"
#include "log.h"
#include "origins.h"
#include "problem.h"
#include "request.h"
#include "router.h"
#include "stream_call.h"

/* What is known of a request from its headers on. */
struct call {
    const fd_route *route;
    fd_identity identity;
    char *id; /* of the path; NULL: none */
    bool is_surplus;
    fd_stream_call *stream; /* of a streamed route, while it goes on */
};

static bool refuse(fd_response *response, fd_problem_code code, const char *detail) {
    fd_problem_coded(response, code, detail);
    response->closes = true;
    return false;
}

/* ---- the headers ---- */

static fd_cors cors_of(const fd_api *api, const fd_transaction *transaction) {
    const char *origins = api->options.cors_origins;
    const char *origin = fd_transaction_header(transaction, "Origin");
    return (fd_cors){
        .origin = fd_origins_contain(origins, origin) ? origin : NULL,
        .varies = origins && origins[0] != '\0',
        .is_preflight = strcmp(transaction->method, "OPTIONS") == 0,
    };
}

/* A browser asks whether a page of another site may send the request that it is about to send. */
static bool is_preflight(const fd_transaction *transaction) {
    return transaction->cors.is_preflight && transaction->cors.origin && !transaction->has_body &&
           fd_transaction_header(transaction, "Access-Control-Request-Method");
}

static bool find_route(fd_transaction *transaction, struct call *call, fd_response *response) {
    const char *allow = NULL;
    int r = fd_router_find(transaction->method, transaction->path, &call->route, &call->id, &allow);
    if (r == 0)
        transaction->route = call->route->name;
    if (r == -ENOMEM)
        return refuse(response, FD_PROBLEM_OUT_OF_MEMORY, "there is not enough memory right now");
    if (r == -ENOENT)
        return refuse(response, FD_PROBLEM_UNKNOWN_PATH, "there is nothing at this path");
    if (r < 0) {
        response->allow = allow;
        return refuse(response, FD_PROBLEM_METHOD_NOT_ALLOWED,
                      "this path does not take the method");
    }
    return true;
}

/* A surplus connection may call only public routes. */
static bool check_slot(const fd_api *api, const fd_transaction *transaction, struct call *call,
                       fd_response *response) {
    call->is_surplus = !fd_transaction_has_slot(transaction);
    if (!call->is_surplus || call->route->role <= FD_ROLE_PUBLIC)
        return true;
    fd_request_limits_count_refused(&api->limits, "connections");
    return refuse(response, FD_PROBLEM_OVERLOADED, "there are too many connections");
}

static void audit(const fd_transaction *transaction, const struct call *call, unsigned status) {
    fd_log(FD_LOG_INFO, "audit", FD_STR("action", call->route->name),
           FD_STR("id", call->id ? call->id : ""), FD_INT("status", status),
           FD_STR("token", call->identity.token), FD_STR("name", call->identity.name),
           FD_STR("client", transaction->client.text),
           FD_STR("request_id", transaction->request_id));
}

/* Label Studio calls a machine-learning backend with a user and a password, or with neither. */
static fd_scheme scheme_of(const fd_route *route) {
    static const char path[] = "/v1/label-studio/";
    return strncmp(route->path, path, sizeof(path) - 1) == 0 ? FD_SCHEME_BEARER_OR_BASIC
                                                             : FD_SCHEME_BEARER;
}

static bool authenticate(const fd_api *api, const fd_transaction *transaction, struct call *call,
                         fd_response *response) {
    fd_role role = call->route->role;
    if (fd_authenticate(api->options.access, api->options.cors_origins, transaction, role,
                        scheme_of(call->route), &call->identity, response))
        return true;
    response->closes = true;
    if (role == FD_ROLE_ADMIN && call->identity.role > FD_ROLE_PUBLIC)
        audit(transaction, call, response->status);
    return false;
}

static bool is_type(const char *type, const char *name) {
    if (!type || strncasecmp(type, name, strlen(name)) != 0)
        return false;
    type += strlen(name);
    type += strspn(type, " \t");
    return *type == '\0' || *type == ';';
}

static bool has_lines(const fd_transaction *transaction, const fd_route *route) {
    return route->handler == fd_score_post &&
           is_type(fd_transaction_header(transaction, "Content-Type"), "application/x-ndjson");
}

/* ---- streamed bodies ---- */

static bool is_file(const char *type) {
    static const char *const types[] = {
        "application/json",  "application/x-ndjson",     "application/ndjson",
        "application/jsonl", "application/x-jsonlines",  "application/octet-stream",
        "text/csv",          "text/tab-separated-values"};
    for (size_t i = 0; i < FD_LENGTH(types); i++)
        if (is_type(type, types[i]))
            return true;
    return false;
}

static bool check_streamed_body(const fd_transaction *transaction, fd_response *response) {
    if (transaction->has_body && !is_file(fd_transaction_header(transaction, "Content-Type")))
        return refuse(response, FD_PROBLEM_WRONG_MEDIA_TYPE,
                      "the Content-Type must be application/x-ndjson, application/json, text/csv, "
                      "text/tab-separated-values or application/octet-stream");
    const char *encoding = fd_transaction_header(transaction, "Content-Encoding");
    if (encoding && strcasecmp(encoding, "identity") != 0 && strcasecmp(encoding, "gzip") != 0 &&
        strcasecmp(encoding, "x-gzip") != 0) {
        response->accepts = "gzip, identity";
        return refuse(response, FD_PROBLEM_WRONG_MEDIA_TYPE,
                      "the Content-Encoding must be gzip, or none");
    }
    return true;
}

static bool check_body(const fd_api *api, fd_transaction *transaction, const fd_route *route,
                       fd_response *response) {
    size_t limit = api->options.body_size;
    limit = route->body_limit < limit ? route->body_limit : limit;
    if (transaction->content_length > limit || (transaction->is_chunked && limit == 0))
        return refuse(response, FD_PROBLEM_BODY_TOO_LARGE, "the body is too large");
    const char *type = fd_transaction_header(transaction, "Content-Type");
    if (transaction->has_body && !is_type(type, "application/json") &&
        !has_lines(transaction, route))
        return refuse(response, FD_PROBLEM_WRONG_MEDIA_TYPE,
                      "the Content-Type must be application/json");
    const char *encoding = fd_transaction_header(transaction, "Content-Encoding");
    if (encoding && strcasecmp(encoding, "identity") != 0) {
        response->accepts = "identity";
        return refuse(response, FD_PROBLEM_WRONG_MEDIA_TYPE,
                      "the body must not be compressed (Content-Encoding)");
    }
    transaction->body_limit =
        transaction->content_length > 0 ? (size_t)transaction->content_length : limit;
    return true;
}

/* Collects the query for a request. */
struct query_reader {
    fd_query *query;
    fd_fault fault;
    int result;
};

static bool on_parameter(void *context, const char *name, const char *value) {
    struct query_reader *reader = context;
    reader->result = fd_query_add(reader->query, name, value, &reader->fault);
    return reader->result == 0;
}

static bool read_query(const fd_transaction *transaction, fd_query *query, fd_response *response) {
    struct query_reader reader = {.query = query};
    fd_transaction_query(transaction, on_parameter, &reader);
    return reader.result == 0 || refuse(response, FD_PROBLEM_WRONG_QUERY, reader.fault.detail);
}

static bool take_memory(void *context, size_t bytes) {
    return fd_transaction_take_memory(context, bytes);
}

static void give_back_memory(void *context, size_t bytes) {
    fd_transaction_give_back_memory(context, bytes);
}

static fd_request request_of(fd_api *api, fd_transaction *transaction, const struct call *call) {
    return (fd_request){
        .engine = api->engine,
        .access = api->options.access,
        .embedder = api->options.embedder,
        .client = &transaction->client,
        .identity = &call->identity,
        .version = api->options.version,
        .id = call->id,
        .if_match = fd_transaction_header(transaction, "If-Match"),
        .prefer = fd_transaction_header(transaction, "Prefer"),
        .idempotency_key = fd_transaction_header(transaction, "Idempotency-Key"),
        .embedding_worker = api->embedding_worker,
        .re_embedding_worker = api->re_embedding_worker,
        .held_keys = &api->held_keys,
        .embedding_job_limits = &api->options.embedding_jobs,
        .score_metadata = api->options.score_metadata,
        .if_none_match = fd_transaction_header(transaction, "If-None-Match"),
        .body = transaction->body ? transaction->body : "",
        .body_size = transaction->body_size,
        .waits = &api->limits.waits,
        .longest_wait = api->options.longest_wait,
        .has_lines = has_lines(transaction, call->route),
        .page_bytes = api->limits.page_bytes,
        .is_awaited = fd_transaction_is_awaited,
        .take_memory = take_memory,
        .give_back_memory = give_back_memory,
        .await_context = transaction,
    };
}

/* Refuses at once what would be refused in the end. */
static bool begin_stream(fd_api *api, fd_transaction *transaction, struct call *call,
                         fd_response *response) {
    fd_request request = request_of(api, transaction, call);
    if (read_query(transaction, &request.query, response))
        call->stream =
            fd_stream_call_begin(&api->limits, call->route, &request, transaction, response);
    response->closes = true;
    return call->stream != NULL;
}

bool fd_dispatch_accept(void *context, fd_transaction *transaction, fd_response *response) {
    const fd_api *api = context;
    transaction->cors = cors_of(api, transaction);
    if (is_preflight(transaction)) {
        response->status = 204;
        response->body = strdup("");
        return false;
    }
    struct call *call = transaction->state = calloc(1, sizeof(*call));
    if (!call)
        return refuse(response, FD_PROBLEM_OUT_OF_MEMORY, "there is not enough memory right now");
    if (!find_route(transaction, call, response) || !check_slot(api, transaction, call, response) ||
        !authenticate(api, transaction, call, response))
        return false;
    transaction->is_streamed = call->route->body_limit == FD_BODY_STREAMED;
    return transaction->is_streamed ? check_streamed_body(transaction, response) &&
                                          begin_stream(context, transaction, call, response)
                                    : check_body(api, transaction, call->route, response);
}

/* ---- the whole request ---- */

/* Clients that wait for events do no work, and do not count. */
static bool check_running(fd_api *api, const fd_transaction *transaction, const fd_route *route,
                          fd_response *response) {
    unsigned limit = api->options.requests_at_once;
    if (limit == 0 || transaction->running <= limit + fd_limiter_working(&api->limits.waits) ||
        route->role <= FD_ROLE_PUBLIC)
        return true;
    fd_request_limits_count_refused(&api->limits, "requests");
    return refuse(response, FD_PROBLEM_OVERLOADED, "too many requests are running already");
}

/* Ends the call, with status 0 when the body has arrived. */
static void end_stream(const fd_api *api, fd_transaction *transaction, struct call *call,
                       unsigned status, const char *detail, fd_response *response) {
    /* The token may end while the body arrives. */
    bool is_allowed = status != 0 || call->identity.role == FD_ROLE_PUBLIC ||
                      authenticate(api, transaction, call, response);
    if (is_allowed)
        fd_stream_call_end(call->stream, status, detail, response);
    fd_stream_call_free(FD_STEAL(call->stream));
    audit(transaction, call, response->status);
}

bool fd_dispatch_piece(void *context, fd_transaction *transaction, const char *data, size_t size,
                       fd_response *response) {
    const fd_api *api = context;
    struct call *call = transaction->state;
    if (authenticate(api, transaction, call, response) &&
        fd_stream_call_feed(call->stream, data, size, response))
        return true;
    fd_stream_call_free(FD_STEAL(call->stream));
    audit(transaction, call, response->status);
    return false;
}

void fd_dispatch_break_off(void *context, fd_transaction *transaction, unsigned status,
                           fd_response *response) {
    end_stream(context, transaction, transaction->state, status,
               status == 408 ? "the body arrives too slowly" : "the daemon is stopping", response);
}

void fd_dispatch_run(void *context, fd_transaction *transaction, fd_response *response) {
    fd_api *api = context;
    struct call *call = transaction->state;
    if (transaction->is_streamed) {
        end_stream(api, transaction, call, 0, NULL, response);
        return;
    }
    fd_more_faults more_faults;
    more_faults.n = 0;
    fd_request request = request_of(api, transaction, call);
    request.more_faults = &more_faults;
    /* A body may take a minute to arrive, and the token may end meanwhile. */
    bool is_checked_again = transaction->has_body && call->identity.role > FD_ROLE_PUBLIC;
    if ((is_checked_again && !authenticate(api, transaction, call, response)) ||
        !check_running(api, transaction, call->route, response) ||
        !read_query(transaction, &request.query, response))
        return;
    fd_request_limits_run(&api->limits, call->route, &request, transaction, response);
    response->closes = call->is_surplus;
    if (call->route->role == FD_ROLE_ADMIN || response->is_audited)
        audit(transaction, call, response->status);
}

void fd_dispatch_end(void *context, fd_transaction *transaction) {
    struct call *call = transaction->state;
    if (!call)
        return;
    if (call->stream) { /* the client has gone */
        fd_response response = {.request_id = transaction->request_id};
        end_stream(context, transaction, call, 499, "the client has gone", &response);
        free(response.body);
    }
    free(call->id);
    free(call);
}
