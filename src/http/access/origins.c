/* Compares the Origin and Host headers of browsers with lists and with this machine. */
#include "origins.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char separators[] = ", \t";

/* The part after scheme://; NULL without one. */
static const char *authority_of(const char *origin) {
    const char *colon = strstr(origin, "://");
    return colon && colon > origin ? colon + strlen("://") : NULL;
}

static bool is_origin(const char *text, size_t length) {
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]";
    size_t scheme = strncmp(text, "http://", 7) == 0    ? 7
                    : strncmp(text, "https://", 8) == 0 ? 8
                                                        : 0;
    return scheme > 0 && length > scheme && strspn(text + scheme, allowed) == length - scheme;
}

int fd_origins_check(const char *list, fd_fault *fault) {
    for (list += strspn(list, separators); *list; list += strspn(list, separators)) {
        size_t length = strcspn(list, separators);
        if (!is_origin(list, length))
            return fd_fault_set(fault, -EINVAL, "",
                                "\"%.*s\" is not an origin, such as https://labels.example.org",
                                (int)(length < 80 ? length : 80), list);
        list += length;
    }
    return 0;
}

bool fd_origins_contain(const char *list, const char *origin) {
    if (!list || !origin)
        return false;
    for (list += strspn(list, separators); *list; list += strspn(list, separators)) {
        size_t length = strcspn(list, separators);
        if (strlen(origin) == length && strncmp(list, origin, length) == 0)
            return true;
        list += length;
    }
    return false;
}

bool fd_origin_is_of(const char *origin, const char *host) {
    const char *authority = authority_of(origin);
    return authority && host && strcasecmp(authority, host) == 0;
}

bool fd_host_is_local(const char *host) {
    static const char localhost[] = ".localhost";
    if (!host || host[0] == '[')
        return true;
    size_t length = strcspn(host, ":"), suffix = sizeof(localhost) - 1;
    if (length > 0 && host[length - 1] == '.')
        length--; /* the dot of the DNS root */
    if (!memchr(host, '.', length))
        return true;
    return strspn(host, "0123456789.") >= length ||
           (length > suffix && strncasecmp(host + length - suffix, localhost, suffix) == 0);
}
