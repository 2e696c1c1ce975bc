/* The handlers that routes.def names, each in the file of its resource. */
#ifndef FD_HANDLERS_H
#define FD_HANDLERS_H

#include "request.h"
#include "response.h"

/* Always fills the response; problem.h does so for failures. */
typedef void fd_handler(const fd_request *request, fd_response *response);

#define ROUTE(name, method, path, role, limiter, handler, body_limit) fd_handler handler;
#include "routes.def"
#undef ROUTE

#endif
