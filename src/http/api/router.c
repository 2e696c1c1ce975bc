/* Finds the route of a request in the table of routes.def. */
#include "router.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "request_target.h"

enum { SEGMENTS_MAX = 8 };

#define STREAMED FD_BODY_STREAMED
static const fd_route routes[] = {
#define ROUTE(name, method, path, role, limiter, ...)                                              \
    {name, method, path, FD_ROLE_##role, FD_LIMITER_##limiter, __VA_ARGS__},
#include "routes.def"
#undef ROUTE
};

/* A path, segment by segment, each decoded. */
struct path {
    size_t n;
    char *segments[SEGMENTS_MAX];
    char text[];
};

/* The last segment takes all that is left. NULL without memory. */
static struct path *path_read(const char *text) {
    struct path *read = calloc(1, sizeof(*read) + strlen(text) + SEGMENTS_MAX + 1);
    if (!read)
        return NULL;
    char *to = read->text;
    for (text += *text == '/'; read->n < SEGMENTS_MAX; text++) {
        size_t size = read->n + 1 < SEGMENTS_MAX ? strcspn(text, "/") : strlen(text);
        fd_request_target_decode(text, size, to);
        read->segments[read->n++] = to;
        to += strlen(to) + 1;
        text += size;
        if (*text == '\0')
            break;
    }
    return read;
}

/* *ret_id is the segment that {id} stands for; NULL without one. */
static bool matches_path(const fd_route *route, const struct path *path, const char **ret_id) {
    const char *pattern = route->path + 1;
    *ret_id = NULL;
    for (size_t i = 0; i < path->n; i++) {
        const char *segment = path->segments[i];
        size_t size = strcspn(pattern, "/");
        if (size == 4 && strncmp(pattern, "{id}", 4) == 0 && *segment != '\0')
            *ret_id = segment;
        else if (strlen(segment) != size || strncmp(pattern, segment, size) != 0)
            return false;
        pattern += size;
        if (*pattern == '\0')
            return i + 1 == path->n;
        pattern++;
    }
    return false;
}

static bool matches_method(const fd_route *route, const char *method) {
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* The texts for the sets of GET, POST, PUT and DELETE, each with the same end. */
#define ALLOW_TEXTS(alone, end)                                                                    \
    {                                                                                              \
        alone, "GET, HEAD" end, "POST" end, "GET, HEAD, POST" end, "PUT" end,                      \
            "GET, HEAD, PUT" end, "POST, PUT" end, "GET, HEAD, POST, PUT" end, "DELETE" end,       \
            "GET, HEAD, DELETE" end, "POST, DELETE" end, "GET, HEAD, POST, DELETE" end,            \
            "PUT, DELETE" end, "GET, HEAD, PUT, DELETE" end, "POST, PUT, DELETE" end,              \
            "GET, HEAD, POST, PUT, DELETE" end                                                     \
    }

/* The methods whose bits are set, from the lowest: GET, POST, PUT, DELETE, PATCH. */
static const char *allow_text(unsigned set) {
    static const char *const texts[2][16] = {ALLOW_TEXTS("", ""), ALLOW_TEXTS("PATCH", ", PATCH")};
    return texts[set / 16][set % 16];
}

static int find(const char *method, const struct path *path, const fd_route **ret,
                const char **ret_id, const char **ret_allow) {
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH"};
    unsigned set = 0;
    for (size_t i = 0; i < FD_LENGTH(routes); i++) {
        if (!matches_path(&routes[i], path, ret_id))
            continue;
        if (matches_method(&routes[i], method)) {
            *ret = &routes[i];
            return 0;
        }
        for (unsigned m = 0; m < FD_LENGTH(methods); m++)
            if (strcmp(routes[i].method, methods[m]) == 0)
                set |= 1u << m;
    }
    if (set == 0)
        return -ENOENT;
    *ret_allow = allow_text(set);
    return -EOPNOTSUPP;
}

int fd_router_find(const char *method, const char *text, const fd_route **ret, char **ret_id,
                   const char **ret_allow) {
    FD_FREE struct path *path = text[0] == '/' ? path_read(text) : NULL;
    const char *id = NULL;
    if (!path)
        return text[0] == '/' ? -ENOMEM : -ENOENT;
    int r = find(method, path, ret, &id, ret_allow);
    *ret_id = r == 0 && id ? strdup(id) : NULL;
    return r == 0 && id && !*ret_id ? -ENOMEM : r;
}
