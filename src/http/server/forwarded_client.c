/* Whom a request speaks for, by its connection and what a trusted proxy adds to its headers. */
#include <assert.h>
#include <strings.h>

#include "server_state.h"

struct forwarded {
    const char *addresses[FD_HEADERS_MAX]; /* the guard lets no more pass */
    size_t n;
    const char *proto;
};

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name,
                                 const char *value) {
    struct forwarded *forwarded = context;
    (void)kind;
    if (strcasecmp(name, "X-Forwarded-For") == 0) {
        assert(forwarded->n < FD_HEADERS_MAX);
        forwarded->addresses[forwarded->n++] = value;
    } else if (strcasecmp(name, "X-Forwarded-Proto") == 0) {
        forwarded->proto = value;
    }
    return MHD_YES;
}

const struct sockaddr *fd_peer_address(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info ? info->client_addr : NULL;
}

fd_client fd_peer_client(const fd_server *server, struct MHD_Connection *connection) {
    struct forwarded forwarded = {0};
    if (server->trusted.n > 0)
        (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, &forwarded);
    return fd_client_identify(&server->trusted, fd_peer_address(connection), forwarded.addresses,
                              forwarded.n, forwarded.proto, server->options.is_secure);
}
