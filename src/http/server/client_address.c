/* Reads and compares addresses and networks, and finds the client behind trusted proxies. */
#include "client_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static fd_address from_ipv4(const struct in_addr *ipv4) {
    fd_address address;
    memcpy(address.bytes, mapped, sizeof(mapped));
    memcpy(address.bytes + sizeof(mapped), ipv4, sizeof(*ipv4));
    return address;
}

bool fd_address_is_ipv4(const fd_address *address) {
    return memcmp(address->bytes, mapped, sizeof(mapped)) == 0;
}

bool fd_address_is_loopback(const fd_address *address) {
    static const uint8_t ipv6[16] = {[15] = 1};
    return fd_address_is_ipv4(address) ? address->bytes[sizeof(mapped)] == 127
                                       : memcmp(address->bytes, ipv6, sizeof(ipv6)) == 0;
}

fd_address fd_address_of(const struct sockaddr *peer) {
    fd_address address = {0};
    if (peer && peer->sa_family == AF_INET)
        address = from_ipv4(&((const struct sockaddr_in *)(const void *)peer)->sin_addr);
    else if (peer && peer->sa_family == AF_INET6)
        memcpy(address.bytes, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr,
               sizeof(address.bytes));
    return address;
}

void fd_address_print(const fd_address *address, char text[static INET6_ADDRSTRLEN]) {
    static const fd_address none = {0};
    if (memcmp(address, &none, sizeof(none)) == 0)
        (void)snprintf(text, INET6_ADDRSTRLEN, "unknown");
    else if (fd_address_is_ipv4(address))
        (void)inet_ntop(AF_INET, address->bytes + sizeof(mapped), text, INET6_ADDRSTRLEN);
    else
        (void)inet_ntop(AF_INET6, address->bytes, text, INET6_ADDRSTRLEN);
}

/* ---- text ---- */

/* An address without a port. *ret_bits: 32 for IPv4, 128 for IPv6. */
static int parse_plain(const char *text, fd_address *ret, unsigned *ret_bits) {
    struct in_addr ipv4;
    if (inet_pton(AF_INET, text, &ipv4) == 1) {
        *ret = from_ipv4(&ipv4);
        *ret_bits = 32;
        return 0;
    }
    *ret_bits = 128;
    return inet_pton(AF_INET6, text, ret->bytes) == 1 ? 0 : -EINVAL;
}

static bool is_number(const char *text) {
    return text[0] != '\0' && strlen(text) <= 5 && text[strspn(text, "0123456789")] == '\0';
}

int fd_address_parse(const char *text, size_t length, fd_address *ret) {
    char copy[INET6_ADDRSTRLEN + sizeof("[]:65535")];
    unsigned bits;
    if (length >= sizeof(copy) || memchr(text, '\0', length))
        return -EINVAL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *start = copy, *colon = strchr(copy, ':');
    if (copy[0] == '[') {
        char *end = strchr(copy, ']');
        if (!end || (end[1] != '\0' && (end[1] != ':' || !is_number(end + 2))))
            return -EINVAL;
        *end = '\0';
        start++;
        if (!strchr(start, ':'))
            return -EINVAL;
    } else if (colon && !strchr(colon + 1, ':')) {
        if (!is_number(colon + 1))
            return -EINVAL;
        *colon = '\0';
    }
    return parse_plain(start, ret, &bits);
}

/* ---- networks ---- */

/* Whether the first `bits` bits are the same. */
static bool share_prefix(const fd_address *one, const fd_address *other, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(one->bytes, other->bytes, whole) == 0 &&
           (rest == 0 || ((one->bytes[whole] ^ other->bytes[whole]) >> (8 - rest)) == 0);
}

bool fd_networks_contain(const fd_networks *networks, const fd_address *address) {
    for (size_t i = 0; i < networks->n; i++)
        if (share_prefix(&networks->networks[i].address, address, networks->networks[i].bits))
            return true;
    return false;
}

/* Whether all bits after the first `bits` are 0. */
static bool is_zero_after(const fd_address *address, unsigned bits) {
    for (unsigned i = bits; i < 128; i++)
        if (address->bytes[i / 8] & (0x80u >> (i % 8)))
            return false;
    return true;
}

static int parse_network(const char *text, size_t length, fd_network *ret) {
    char copy[INET6_ADDRSTRLEN + sizeof("/128")];
    unsigned bits;
    if (length >= sizeof(copy))
        return -EINVAL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    char *slash = strchr(copy, '/');
    if (slash)
        *slash = '\0';
    int r = parse_plain(copy, &ret->address, &bits);
    if (r < 0)
        return r;
    unsigned given = bits;
    if (slash && !is_number(slash + 1))
        return -EINVAL;
    if (slash)
        given = (unsigned)strtoul(slash + 1, NULL, 10);
    if (given > bits)
        return -EINVAL;
    ret->bits = 128 - bits + given;
    return is_zero_after(&ret->address, ret->bits) ? 0 : -EINVAL;
}

int fd_networks_parse(const char *list, fd_networks *ret, fd_fault *fault) {
    static const char separators[] = ", \t";
    FD_CLEANUP(fd_networks_clear) fd_networks found = {0};
    found.networks = calloc(strlen(list) / 2 + 1, sizeof(*found.networks));
    if (!found.networks)
        return -ENOMEM;
    for (list += strspn(list, separators); *list; list += strspn(list, separators)) {
        size_t length = strcspn(list, separators);
        if (parse_network(list, length, &found.networks[found.n]) < 0)
            return fd_fault_set(
                fault, -EINVAL, "",
                "trusted-proxies: \"%.*s\" is neither an address nor a network such "
                "as 10.0.0.0/8",
                (int)(length < 80 ? length : 80), list);
        found.n++;
        list += length;
    }
    *ret = found;
    found.networks = NULL;
    return 0;
}

void fd_networks_clear(fd_networks *networks) {
    free(networks->networks);
    *networks = (fd_networks){0};
}

/* ---- the client ---- */

/* The last entry, of a list with commas, that ends before *end; *end moves to the comma before it,
 * or becomes NULL. An empty list has one empty entry. NULL when none is left. */
static const char *last_entry(const char *list, const char **end, size_t *ret_length) {
    if (!*end)
        return NULL;
    const char *start = *end, *stop = *end;
    while (start > list && start[-1] != ',')
        start--;
    *end = start > list ? start - 1 : NULL;
    while (start < stop && (*start == ' ' || *start == '\t'))
        start++;
    while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t'))
        stop--;
    *ret_length = (size_t)(stop - start);
    return start;
}

/* Follows the list from proxy to proxy; false at the first address that is not trusted. */
static bool follow(const fd_networks *trusted, const char *list, fd_address *address) {
    const char *end = list + strlen(list), *entry;
    size_t length;
    while ((entry = last_entry(list, &end, &length))) {
        if (!fd_networks_contain(trusted, address))
            return false;
        /* Unknown, rather than the proxy's own address, which may be of this machine and have more
         * rights. */
        if (fd_address_parse(entry, length, address) < 0) {
            *address = (fd_address){0};
            return false;
        }
    }
    return true;
}

static bool says_https(const char *proto) {
    const char *end = proto + strlen(proto);
    size_t length;
    const char *entry = last_entry(proto, &end, &length);
    return entry && length == strlen("https") && strncasecmp(entry, "https", length) == 0;
}

fd_client fd_client_identify(const fd_networks *trusted, const struct sockaddr *peer,
                             const char *const *forwarded_for, size_t n,
                             const char *forwarded_proto, bool is_encrypted) {
    fd_client client = {.address = fd_address_of(peer), .is_secure = is_encrypted};
    bool is_trusted = fd_networks_contain(trusted, &client.address);
    client.is_proxy = is_trusted && n == 0;
    if (forwarded_proto && is_trusted)
        client.is_secure = says_https(forwarded_proto);
    while (n > 0 && follow(trusted, forwarded_for[n - 1], &client.address))
        n--;
    fd_address_print(&client.address, client.text);
    return client;
}
