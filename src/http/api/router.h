/* The table of routes: which handler a method and a path lead to. */
#ifndef FD_ROUTER_H
#define FD_ROUTER_H

#include "request.h"

typedef enum fd_limiter_kind {
#define GATE(identifier, ...) FD_LIMITER_##identifier,
#include "limiters.def"
#undef GATE
    FD_LIMITER_NONE /* also the number of the others */
} fd_limiter_kind;

typedef struct fd_route {
    const char *name;
    const char *method; /* GET includes HEAD */
    const char *path;   /* {id} stands for one segment */
    fd_role role;       /* the least that may call it */
    fd_limiter_kind gate;
    fd_handler *handler;
    size_t body_limit;
} fd_route;

/*
 * 0 with the route and, where the path has one, the segment that stands for {id}, a view of
 * *ret_length bytes; -ENOENT if no
 * route has the path; -EOPNOTSUPP if none of those that have it takes the method, with the methods
 * that they take in *ret_allow (static text).
 */
int fd_router_find(const char *method, const char *path, const fd_route **ret, const char **ret_id,
                   size_t *ret_length, const char **ret_allow) FD_MUST_CHECK;

#endif
