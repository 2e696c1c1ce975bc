/* Whether a request may be made at all, by what it brings along. Only with its headers. */
#ifndef FD_AUTHENTICATE_H
#define FD_AUTHENTICATE_H

#include "router.h"
#include "server_state.h"

/*
 * Who asks, by the token or the session in the headers. False, with an answer, where there is
 * neither or it is not valid (401), after too many of those (429), where the role is too low for
 * the route, or where a browser was sent by another site (403).
 */
bool fd_auth_admit(fd_server *server, struct MHD_Connection *connection, const fd_route *route,
                   const char *method, const fd_request *request, fd_identity *ret,
                   fd_response *refusal);

/* One line in the log about what somebody did who may do much. */
void fd_auth_audit(const fd_request *request, const fd_route *route, unsigned status);

/* The answer to a token that is not valid, or to none; with seconds to wait, to too many. */
void fd_auth_refuse(const fd_request *request, fd_response *response, unsigned wait);

#endif
