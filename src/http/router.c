#include "router.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const fd_route routes[] = {
#define ROUTE(...) {__VA_ARGS__},
#include "routes.def"
#undef ROUTE
};

static bool matches_path(const fd_route *route, const char *path, const char **ret_id) {
    const char *hole = strstr(route->path, "{id}");
    if (!hole)
        return strcmp(route->path, path) == 0;
    size_t before = (size_t)(hole - route->path);
    if (strncmp(route->path, path, before) != 0)
        return false;
    const char *segment = path + before;
    if (*segment == '\0' || strchr(segment, '/'))
        return false;
    *ret_id = segment;
    return true;
}

static bool matches_method(const fd_route *route, const char *method) {
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static const char *allow_text(bool get, bool post) {
    return get && post ? "GET, HEAD, POST" : get ? "GET, HEAD" : "POST";
}

int fd_router_find(const char *method, const char *path, const fd_route **ret, const char **ret_id,
                   const char **ret_allow) {
    bool get = false, post = false;
    for (size_t i = 0; i < FD_LENGTH(routes); i++) {
        const char *id = NULL;
        if (!matches_path(&routes[i], path, &id))
            continue;
        if (matches_method(&routes[i], method)) {
            *ret = &routes[i];
            *ret_id = id;
            return 0;
        }
        get |= strcmp(routes[i].method, "GET") == 0;
        post |= strcmp(routes[i].method, "POST") == 0;
    }
    if (!get && !post)
        return -ENOENT;
    *ret_allow = allow_text(get, post);
    return -EOPNOTSUPP;
}
