/*
 * The HTTP server: libmicrohttpd on a listening socket, with our own framing checks, limits and
 * deadlines in front of it. The layer above decides what requests mean, through a table of hooks.
 *
 * A request's bytes pass the receive hook and the framing check before libmicrohttpd parses them.
 */
#ifndef FD_SERVER_H
#define FD_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"
#include "metrics.h"
#include "response.h"
#include "transaction.h"

typedef struct fd_server fd_server;

typedef struct fd_server_options {
    const char *host;             /* numeric IPv4 or IPv6 address, or "localhost" */
    uint16_t port;                /* 0: any free port */
    uint32_t connections;         /* most at once */
    uint32_t address_connections; /* most at once of one address; 0: any number */
    uint32_t threads; /* 0: one per connection; else an epoll pool, connections <= 120 x threads */
    size_t head_size; /* most bytes of a request's first line and headers */
    size_t memory;    /* most bytes that requests take together: bodies and unsent responses */
    struct fd_memory_budget *shared_memory; /* in its place: others take from it too; or NULL */
    uint32_t idle_seconds;                  /* a connection without traffic is closed after these */
    uint32_t request_seconds;               /* from a request's first byte to its last */
    uint32_t send_seconds;                  /* from a response's first byte to its last */
    double stream_rate;                     /* bytes a second of a streamed body, at least */
    double stream_seconds;                  /* a client that sends fewer is refused after these */
    bool is_secure; /* TLS, with the certificate given to fd_tls_serve; else plain HTTP */
    const char *trusted_proxies; /* a list for fd_networks_parse; "": none */
} fd_server_options;

/* What the layer above does with requests. The threads that serve connections call these, several
 * at once, each with the `context` given here. */
typedef struct fd_server_hooks {
    void *context;

    /* The headers of a request have arrived. Sets what transaction.h says. True: the body may come,
     * and `run` follows. False: the response is sent at once, and the body is not read. */
    bool (*accept)(void *context, fd_transaction *transaction, fd_response *response);

    /* The next bytes of a streamed body have arrived. The connection is not read from until this
     * returns, so that a client sends no faster than its bytes are worked on. True: more may come,
     * and `run` follows the last piece. False: the response is sent, and no more is handed on. */
    bool (*piece)(void *context, fd_transaction *transaction, const char *data, size_t size,
                  fd_response *response);

    /* The server ends a streamed request before its body has arrived: with 408 one that is too
     * slow, with 503 one that arrives while the server stops. Always fills the response. */
    void (*break_off)(void *context, fd_transaction *transaction, unsigned status,
                      fd_response *response);

    /* The whole request has arrived. Always fills the response. */
    void (*run)(void *context, fd_transaction *transaction, fd_response *response);

    /* The transaction is over: frees its `state`. */
    void (*end)(void *context, fd_transaction *transaction);

    /* Fills a response that refuses a request. `detail` is static text. */
    void (*refuse)(fd_response *response, unsigned status, const char *detail);
} fd_server_hooks;

/* -EADDRINUSE, -EINVAL, …, with a fault in words. What the hooks and the metrics point to must
 * outlive the server. */
int fd_server_start(const fd_server_options *options, const fd_server_hooks *hooks,
                    fd_metrics *metrics, fd_server **ret, fd_fault *fault) FD_MUST_CHECK;

uint16_t fd_server_port(const fd_server *server);

/* Stops accepting connections, gives running requests up to `grace_seconds` to end, and frees. */
void fd_server_stop(fd_server *server, double grace_seconds);

#endif
