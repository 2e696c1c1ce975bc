/*
 * One HTTP request and its response, as the layer above the server sees it: from the request's
 * headers to the response's last byte.
 */
#ifndef FD_TRANSACTION_H
#define FD_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client_address.h"
#include "macros.h"
#include "request_id.h"
#include "response.h"

struct MHD_Connection;

typedef struct fd_transaction {
    /* The request, known when `accept` is called. */
    char method[16]; /* a longer method is cut, and no route has one */
    char *path;      /* as it was sent, with its percent escapes, without a query */
    char request_id[FD_REQUEST_ID_SIZE];
    fd_client client;
    bool has_body;
    bool is_chunked;         /* the length of the body is not known in advance */
    uint64_t content_length; /* 0 where it is not known */

    /* Set by the `accept` hook. */
    const char *route; /* static name for metrics and log; NULL: no route has the path */
    size_t body_limit; /* most bytes of the body, unless it is streamed */
    bool is_streamed;  /* the body goes to the hook `piece` as it arrives, whatever its length */
    fd_cors cors;
    void *state; /* the hooks' own; freed by `end` */

    /* The whole request, known when `run` is called. */
    char *body; /* [body_size], not terminated; NULL without a body */
    size_t body_size;
    unsigned running; /* requests that run now, with this one */

    /* The server's own. */
    struct fd_server *server;
    struct MHD_Connection *connection;
    double start;     /* monotonic seconds */
    size_t body_room; /* bytes allocated for the body */
    size_t memory;    /* bytes taken from the memory budget */
    bool is_accepted; /* `accept` has been called */
    bool keeps;       /* HTTP/1.1, and the client does not ask to close */
    bool closes;      /* the connection ends after it */
    bool is_running;  /* it counts in server->running */
    bool is_refused;  /* `refusal` is sent once all of the body has arrived */
    fd_response refusal;
    unsigned body_error; /* status of the refusal, for a body that could not be kept; 0: none */
    unsigned status;     /* of the response; 0: none yet */
    size_t response_size;
} fd_transaction;

/* The value of a request header or cookie; NULL where the request has none. */
const char *fd_transaction_header(const fd_transaction *transaction, const char *name);
const char *fd_transaction_cookie(const fd_transaction *transaction, const char *name);

/* Visits the query parameters in order, decoded, with "" for one without '='. The strings live as
 * long as the transaction. Ends early when `visit` returns false. */
void fd_transaction_query(const fd_transaction *transaction,
                          bool (*visit)(void *context, const char *name, const char *value),
                          void *context);

/* Whether the connection holds one of the connection slots, or gets a free one now. */
bool fd_transaction_has_slot(const fd_transaction *transaction) FD_MUST_CHECK;

/* Takes bytes from the memory budget until the response is sent; false, and counted as a refusal,
 * if they are not left. `context` is the transaction. */
bool fd_transaction_take_memory(void *context, size_t bytes) FD_MUST_CHECK;

/* Gives back some of the bytes taken, before the response. */
void fd_transaction_give_back_memory(fd_transaction *transaction, size_t bytes);

/* Whether the client still waits for the response: false once it has closed its side, or once the
 * server stops. For work that takes long. `context` is the transaction. */
bool fd_transaction_is_awaited(void *context);

#endif
