/* The table of routes: the handler for a method and a path. */
#ifndef FD_ROUTER_H
#define FD_ROUTER_H

#include <stddef.h>
#include <stdint.h>

#include "handlers.h"
#include "identity.h"
#include "macros.h"

/* The limiter that a route's work passes. */
typedef enum fd_limiter_kind {
#define LIMITER(identifier, ...) FD_LIMITER_##identifier,
#include "limiters.def"
#undef LIMITER
    FD_LIMITER_NONE /* also the number of the others */
} fd_limiter_kind;

#define FD_BODY_STREAMED SIZE_MAX

typedef struct fd_route {
    const char *name;
    const char *method; /* GET includes HEAD */
    const char *path;   /* {id} stands for one segment */
    fd_role role;       /* the least that may call it */
    fd_limiter_kind limiter;
    fd_handler *handler;
    size_t body_limit; /* bytes; 0: it takes no body; FD_BODY_STREAMED: it takes a streamed one */
} fd_route;

/*
 * Finds the route of a path, whose segments are percent-encoded. 0 with the route and, where its
 * path has {id}, the decoded segment that stands for it, which the caller frees. -ENOENT if no
 * route has the path. -EOPNOTSUPP if the routes that have it do not take the method: *ret_allow is
 * static text with the methods that they take. -ENOMEM.
 */
int fd_router_find(const char *method, const char *path, const fd_route **ret, char **ret_id,
                   const char **ret_allow) FD_MUST_CHECK;

#endif
