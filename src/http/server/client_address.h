/*
 * Who a request comes from: the peer of its connection, or, where that is a proxy that the operator
 * trusts, whom the proxy says it speaks for.
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

/* IPv4 as ::ffff:a.b.c.d, so that both kinds compare alike; all zero where it is not known. */
typedef struct fd_address {
    uint8_t bytes[16];
} fd_address;

typedef struct fd_network {
    fd_address address;
    unsigned bits; /* of 128 that count */
} fd_network;

typedef struct fd_networks {
    size_t n;
    fd_network *networks;
} fd_networks;

/* Who asks, and whether the connection to them is encrypted. */
typedef struct fd_client {
    fd_address address;
    char text[INET6_ADDRSTRLEN]; /* of the address, for logs */
    bool is_secure;
} fd_client;

/* Addresses and networks (10.0.0.0/8, fd00::/8) between commas or spaces; -EINVAL with a fault. */
int fd_networks_parse(const char *list, fd_networks *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_networks_clear(fd_networks *networks);
bool fd_networks_contain(const fd_networks *networks, const fd_address *address);

bool fd_address_is_ipv4(const fd_address *address);
bool fd_address_is_loopback(const fd_address *address);
fd_address fd_address_of(const struct sockaddr *peer); /* NULL: not known */

/* One address, with a port or without: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1]:80. */
int fd_address_parse(const char *text, size_t length, fd_address *ret) FD_MUST_CHECK;

/* As people write it: IPv4 without its prefix; "unknown" for what is all zero. */
void fd_address_print(const fd_address *address, char text[static INET6_ADDRSTRLEN]);

/*
 * What a proxy says in X-Forwarded-For and X-Forwarded-Proto counts as far as the addresses that
 * said it are trusted: the client is the rightmost one that is not. `forwarded_for` are the values
 * of the `n` such headers in their order, `forwarded_proto` the last header of its name (NULL:
 * none). Where that one is no address, the client is not known.
 */
fd_client fd_client_identify(const fd_networks *trusted, const struct sockaddr *peer,
                             const char *const *forwarded_for, size_t n,
                             const char *forwarded_proto, bool is_encrypted);

#endif
