/*
 * What a resource sees of HTTP: a request that is complete and well-formed, and a response to fill.
 * libmicrohttpd stays in server.c, connection.c, exchange.c and guard.c.
 */
#ifndef FD_REQUEST_H
#define FD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "access.h"
#include "client_address.h"
#include "engine.h"
#include "fault.h"
#include "identity.h"

enum { FD_QUERY_MAX = 8 };

typedef struct fd_request {
    fd_engine *engine;
    fd_access *access;           /* NULL: there are no tokens, ever */
    const fd_client *client;     /* from where */
    const fd_identity *identity; /* who asks; at least of the route's role */
    const char *version;         /* of the program */
    const char *request_id;      /* echoed or made */
    const char *id;              /* the {id} of the route's path, decoded; NULL where it has none */
    const char *if_none_match;   /* header; NULL without one */
    const char *body;            /* [body_size], not terminated; empty without a body */
    size_t body_size;
    /* Whether anyone still waits for the answer, for work that takes long. */
    bool (*is_awaited)(void *context);
    void *await_context;
    size_t query_count; /* decoded query parameters, in order */
    struct {
        const char *name;
        const char *value; /* "" where there is no '=' */
    } query[FD_QUERY_MAX];
} fd_request;

/* Starts as all zero; the handler fills it, the server frees it. */
typedef struct fd_response {
    unsigned status;
    const char *content_type; /* static text; NULL: application/json */
    char *body;               /* malloc'd; becomes the server's */
    size_t size;
    unsigned retry_after; /* seconds; 0: no header */
    const char *allow;    /* static text for 405; NULL: no header */
    char etag[40];        /* quoted, of what may be kept and asked for again; "": no header */
    char file_name[64];   /* of a download; "": shown by a browser, under a policy */
    char cookie[192];     /* to be set; "": none */
    bool challenges;      /* the answer asks for a token */
    bool audited;         /* somebody did what is to be recorded */
} fd_response;

/* Always leaves an answer in the response; problem.h has those for failures. */
typedef void fd_handler(const fd_request *request, fd_response *response);

/* The handlers that routes.def names. */
#define ROUTE(name, method, path, role, gate, handler, body_limit) fd_handler handler;
#include "routes.def"
#undef ROUTE

/* The annotator that the request may act for alone; NULL: for anyone. */
static inline const char *fd_request_bound_to(const fd_request *request) {
    return request->identity->role == FD_ROLE_ANNOTATOR ? request->identity->name : NULL;
}

/* Value of a query parameter, or NULL. */
static inline const char *fd_request_query(const fd_request *request, const char *name) {
    for (size_t i = 0; i < request->query_count; i++)
        if (__builtin_strcmp(request->query[i].name, name) == 0)
            return request->query[i].value;
    return NULL;
}

#endif
