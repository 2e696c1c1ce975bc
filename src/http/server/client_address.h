/*
 * The address of a client: the peer of its connection, or, where that is a proxy that the operator
 * trusts, the address that the proxy names.
 */
#ifndef FD_CLIENT_ADDRESS_H
#define FD_CLIENT_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "fault.h"
#include "macros.h"

/* IPv6, or IPv4 as ::ffff:a.b.c.d, so that one comparison does for both. All zero: not known. */
typedef struct fd_address {
    uint8_t bytes[16];
} fd_address;

typedef struct fd_network {
    fd_address address;
    unsigned bits; /* of the 128 that must agree */
} fd_network;

typedef struct fd_networks {
    size_t n;
    fd_network *networks;
} fd_networks;

/* A client, and whether its connection is encrypted, up to the proxy that is trusted. */
typedef struct fd_client {
    fd_address address;
    char text[INET6_ADDRSTRLEN]; /* of the address, for logs */
    bool is_secure;
    bool is_proxy; /* the address is that of a trusted proxy, which names no client */
} fd_client;

/* A list of addresses and networks (10.0.0.0/8, fd00::/8) with commas or spaces between them.
 * -EINVAL with a fault. */
int fd_networks_parse(const char *list, fd_networks *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_networks_clear(fd_networks *networks);
bool fd_networks_contain(const fd_networks *networks, const fd_address *address);

bool fd_address_is_ipv4(const fd_address *address);
bool fd_address_is_loopback(const fd_address *address);
fd_address fd_address_of(const struct sockaddr *peer); /* NULL: not known */

/* One address, with a port or without: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1]:80.
 * -EINVAL. */
int fd_address_parse(const char *text, size_t length, fd_address *ret) FD_MUST_CHECK;

/* As people write it, so IPv4 without the prefix; "unknown" for all zero. */
void fd_address_print(const fd_address *address, char text[static INET6_ADDRSTRLEN]);

/*
 * Follows X-Forwarded-For from right to left while the addresses are trusted proxies: the client is
 * the rightmost address that is not trusted. `forwarded_for` are the values of the `n` headers of
 * that name in their order; `forwarded_proto` is the value of the last X-Forwarded-Proto (NULL:
 * none), which counts if the peer is trusted. The client is unknown where an entry that counts is
 * not an address. Without entries the client is the proxy, or somebody whom it did not name.
 */
fd_client fd_client_identify(const fd_networks *trusted, const struct sockaddr *peer,
                             const char *const *forwarded_for, size_t n,
                             const char *forwarded_proto, bool is_encrypted);

#endif
