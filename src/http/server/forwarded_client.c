/* Finds the client of a request from its connection and its X-Forwarded headers. */
#include "forwarded_client.h"

#include <assert.h>
#include <strings.h>

#include "framing.h"

struct forwarded {
    const char *addresses[FD_HEADERS_MAX]; /* the framing check refuses more */
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

fd_client fd_forwarded_client(const fd_networks *trusted, struct MHD_Connection *connection,
                              bool is_encrypted) {
    struct forwarded forwarded = {0};
    if (trusted->n > 0)
        (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, &forwarded);
    return fd_client_identify(trusted, fd_peer_address(connection), forwarded.addresses,
                              forwarded.n, forwarded.proto, is_encrypted);
}
