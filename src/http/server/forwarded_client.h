/* The client of a request: the peer, or whom a trusted proxy names in its headers. */
#ifndef FD_FORWARDED_CLIENT_H
#define FD_FORWARDED_CLIENT_H

#include <microhttpd.h>

#include "client_address.h"

/* The peer of the connection; NULL: not known. */
const struct sockaddr *fd_peer_address(struct MHD_Connection *connection);

/* To be called once the headers of a request are there. */
fd_client fd_forwarded_client(const fd_networks *trusted, struct MHD_Connection *connection,
                              bool is_encrypted);

#endif
