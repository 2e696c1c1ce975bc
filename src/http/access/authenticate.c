#include "authenticate.h"

#include <string.h>
#include <strings.h>

#include "log.h"
#include "origins.h"
#include "problem.h"

static const char *header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* ---- refusals ---- */

void fd_auth_refuse(const fd_request *request, fd_response *response, unsigned wait) {
    if (wait > 0) {
        fd_problem(request, response, 429, "too many tokens from here were not valid; wait");
        response->retry_after = wait;
        return;
    }
    fd_problem(request, response, 401, "a valid access token is needed");
    response->challenges = true;
}

static bool forbid(const fd_request *request, fd_response *response, const char *detail) {
    fd_problem(request, response, 403, detail);
    return false;
}

/* ---- who asks ---- */

/* The token of "Bearer TOKEN"; "", which none is, for any other scheme. */
static const char *token_of(const char *authorization) {
    static const char scheme[] = "Bearer ";
    if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return "";
    authorization += sizeof(scheme) - 1;
    return authorization + strspn(authorization, " ");
}

static const char *session_of(struct MHD_Connection *connection, const fd_request *request) {
    char name[FD_COOKIE_NAME_SIZE];
    fd_access_name_cookie(request->access, request->client->is_secure, name);
    return MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, name);
}

/* False, with an answer, for a token that is not valid. A session that is not is as good as none:
 * it may have ended while its page was open. */
static bool identify(struct MHD_Connection *connection, const fd_request *request, bool is_public,
                     fd_identity *ret, fd_response *refusal) {
    const char *authorization = header(connection, "Authorization");
    const char *session = authorization ? NULL : session_of(connection, request);
    fd_token_state state = FD_TOKEN_UNKNOWN;
    *ret = (fd_identity){0};
    if (authorization)
        state = fd_access_check_token(request->access, token_of(authorization), ret);
    else if (session)
        state = fd_access_check_session(request->access, session, ret);
    if (state == FD_TOKEN_VALID)
        return true;
    unsigned wait =
        authorization ? fd_access_note_failure(request->access, request->client, state, ret) : 0;
    *ret = (fd_identity){.role = FD_ROLE_PUBLIC, .authentication = FD_AUTHENTICATION_REQUIRED};
    if (is_public && wait == 0)
        return true;
    fd_auth_refuse(request, refusal, wait);
    return false;
}

/* ---- from where ---- */

enum site { SITE_UNKNOWN, SITE_SAME, SITE_OTHER };

/* As browsers tell, where no script of another site can change it. */
static enum site site_of(struct MHD_Connection *connection) {
    const char *site = header(connection, "Sec-Fetch-Site");
    const char *origin = header(connection, "Origin");
    if (site)
        return strcmp(site, "same-origin") == 0 ? SITE_SAME : SITE_OTHER;
    if (!origin)
        return SITE_UNKNOWN;
    return fd_origin_is_of(origin, header(connection, "Host")) ? SITE_SAME : SITE_OTHER;
}

static bool changes(const char *method) {
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

/* A browser sends what it has (a cookie, its place on this machine) also when another site tells it
 * to; a token it sends only where a script of ours, or of a program that has it, does. */
static bool is_meant(const fd_server *server, struct MHD_Connection *connection,
                     fd_authentication authentication) {
    enum site site = site_of(connection);
    switch (authentication) {
    case FD_AUTHENTICATION_TOKEN:
        return true;
    case FD_AUTHENTICATION_SESSION:
        return site == SITE_SAME;
    case FD_AUTHENTICATION_NONE:
        return site != SITE_OTHER ||
               fd_origins_contain(server->options.cors_origins, header(connection, "Origin"));
    case FD_AUTHENTICATION_REQUIRED:
        break;
    }
    return site != SITE_OTHER;
}

bool fd_auth_admit(fd_server *server, struct MHD_Connection *connection, const fd_route *route,
                   const char *method, const fd_request *request, fd_identity *ret,
                   fd_response *refusal) {
    bool is_public = route->role == FD_ROLE_PUBLIC;
    if (!request->access || fd_access_is_unrestricted(request->access)) {
        *ret = (fd_identity){.role = FD_ROLE_ADMIN, .authentication = FD_AUTHENTICATION_NONE};
        if (!fd_host_is_local(header(connection, "Host")))
            return forbid(request, refusal,
                          "without access tokens only this machine is served, not this Host");
        if (!fd_address_is_loopback(&request->client->address)) /* as a proxy tells */
            return forbid(request, refusal,
                          "without access tokens only this machine is served, not this client");
    } else if (!identify(connection, request, is_public, ret, refusal)) {
        return false;
    }
    if (ret->role < route->role)
        return forbid(request, refusal, "the token's role may not do this");
    if (changes(method) && !is_meant(server, connection, ret->authentication))
        return forbid(request, refusal, "a page of another site may not do this");
    return true;
}

/* ---- the record ---- */

void fd_auth_audit(const fd_request *request, const fd_route *route, unsigned status) {
    fd_log(FD_LOG_INFO, "audit", FD_STR("action", route->name),
           FD_STR("id", request->id ? request->id : ""), FD_INT("status", status),
           FD_STR("token", request->identity->token), FD_STR("name", request->identity->name),
           FD_STR("client", request->client->text), FD_STR("request_id", request->request_id));
}
