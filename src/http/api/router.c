/* Finds the route of a request in the table of routes.def. */
#include "router.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const fd_route routes[] = {
#define ROUTE(name, method, path, role, limiter, ...)                                              \
    {name, method, path, FD_ROLE_##role, FD_LIMITER_##limiter, __VA_ARGS__},
#include "routes.def"
#undef ROUTE
};

static bool matches_path(const fd_route *route, const char *path, const char **ret_id,
                         size_t *ret_length) {
    const char *placeholder = strstr(route->path, "{id}");
    if (!placeholder)
        return strcmp(route->path, path) == 0;
    size_t before = (size_t)(placeholder - route->path);
    if (strncmp(route->path, path, before) != 0)
        return false;
    const char *segment = path + before;
    size_t length = strcspn(segment, "/");
    if (length == 0 || strcmp(segment + length, placeholder + strlen("{id}")) != 0)
        return false;
    *ret_id = segment;
    *ret_length = length;
    return true;
}

static bool matches_method(const fd_route *route, const char *method) {
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* The methods whose bits are set, from the lowest: GET, POST, PUT, DELETE. */
static const char *allow_text(unsigned set) {
    static const char *const texts[] = {
        "",
        "GET, HEAD",
        "POST",
        "GET, HEAD, POST",
        "PUT",
        "GET, HEAD, PUT",
        "POST, PUT",
        "GET, HEAD, POST, PUT",
        "DELETE",
        "GET, HEAD, DELETE",
        "POST, DELETE",
        "GET, HEAD, POST, DELETE",
        "PUT, DELETE",
        "GET, HEAD, PUT, DELETE",
        "POST, PUT, DELETE",
        "GET, HEAD, POST, PUT, DELETE",
    };
    return texts[set];
}

int fd_router_find(const char *method, const char *path, const fd_route **ret, const char **ret_id,
                   size_t *ret_length, const char **ret_allow) {
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    unsigned set = 0;
    for (size_t i = 0; i < FD_LENGTH(routes); i++) {
        const char *id = NULL;
        size_t length = 0;
        if (!matches_path(&routes[i], path, &id, &length))
            continue;
        if (matches_method(&routes[i], method)) {
            *ret = &routes[i];
            *ret_id = id;
            *ret_length = length;
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
