/*
 * The HTTP server: libmicrohttpd in front of the engine.
 *
 * The bytes of a request pass guard.c (are they well-formed HTTP that we take at all?) on their way
 * to libmicrohttpd; the request passes routes.def (which handler, which body limit?), the codec
 * (JSON to structs, faults as problem documents) and one resource file, which calls the engine.
 */
#ifndef FD_SERVER_H
#define FD_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "access.h"
#include "engine.h"
#include "fault.h"
#include "macros.h"

typedef struct fd_server fd_server;

typedef struct fd_server_options {
    const char *host;             /* numeric IPv4 or IPv6 address, or "localhost" */
    uint16_t port;                /* 0 takes a free one */
    uint32_t connections;         /* most at once */
    uint32_t address_connections; /* most at once of one address; 0: any number */
    uint32_t threads; /* 0: one per connection; else an epoll pool, connections <= 120 x threads */
    uint32_t requests_at_once;   /* 0: as many as there are connections */
    uint32_t selections_at_once; /* 0: as many as there are processors */
    uint32_t selection_queue;    /* selections that may wait */
    uint32_t transfers_at_once;  /* large bodies read, and long answers written; 0 as above */
    uint32_t transfer_queue;
    size_t head_size;         /* most bytes of a request's first line and headers */
    size_t body_size;         /* most bytes of a body; routes have limits of their own below it */
    size_t request_memory;    /* most bytes to read one */
    size_t memory;            /* the same of all requests, with bodies and unsent answers */
    uint32_t idle_seconds;    /* a connection without traffic is closed */
    uint32_t request_seconds; /* from a request's first byte to its last */
    uint32_t send_seconds;    /* from an answer's first byte to its last */
    bool is_secure;           /* by what fd_tls_serve was given; else plain HTTP */
    const char *trusted_proxies; /* a list as fd_networks_parse takes it; "": none */
    fd_access *access;           /* which outlives the server; NULL: everyone is admin */
    const char *cors_origins;    /* a list that fd_origins_check took; NULL: none */
    const char *version;         /* of the program, for the Server header and /v1 answers */
} fd_server_options;

/* -EADDRINUSE, -EINVAL, …, each with a fault in words. The engine must outlive the server. */
int fd_server_start(const fd_server_options *options, fd_engine *engine, fd_server **ret,
                    fd_fault *fault) FD_MUST_CHECK;

uint16_t fd_server_port(const fd_server *server);

/* Stops taking connections, lets running requests end for at most `grace_seconds`, frees. */
void fd_server_stop(fd_server *server, double grace_seconds);

#endif
