/* Authenticates requests by token or session, and refuses those that other sites send. */
#include "authenticate.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "origins.h"
#include "problem.h"

enum { CREDENTIALS_SIZE = 512 }; /* of a user and a password, decoded */

/* ---- refusals ---- */

void fd_authenticate_refuse(fd_response *response, unsigned wait) {
    if (wait > 0) {
        fd_problem(response, 429, "too many invalid tokens came from this address; wait");
        response->retry_after = wait;
        return;
    }
    fd_problem(response, 401, "a valid access token is needed");
    response->challenges = true;
}

static bool forbid(fd_response *response, fd_problem_code code, const char *detail) {
    fd_problem_coded(response, code, detail);
    return false;
}

/* ---- the identity ---- */

/* The token of "Bearer TOKEN"; "", which is never valid, for any other scheme. */
static const char *token_of(const char *authorization) {
    static const char scheme[] = "Bearer ";
    if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return "";
    authorization += sizeof(scheme) - 1;
    return authorization + strspn(authorization, " ");
}

/* The password of "Basic base64(user:password)" in `room`; "" without one. The user may be any. */
static const char *password_of(const char *authorization, char room[static CREDENTIALS_SIZE]) {
    static const char scheme[] = "Basic ";
    size_t size;
    if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return "";
    authorization += sizeof(scheme) - 1;
    authorization += strspn(authorization, " ");
    if (sodium_base642bin((unsigned char *)room, CREDENTIALS_SIZE - 1, authorization,
                          strlen(authorization), NULL, &size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return "";
    room[size] = '\0';
    const char *colon = strchr(room, ':');
    return colon ? colon + 1 : "";
}

static bool is_basic(const char *authorization) {
    return authorization && strncasecmp(authorization, "Basic ", 6) == 0;
}

static const char *session_of(fd_access *access, const fd_transaction *transaction) {
    char name[FD_COOKIE_NAME_SIZE];
    fd_access_name_cookie(access, transaction->client.is_secure, name);
    return fd_transaction_cookie(transaction, name);
}

/* False, with a response, for an invalid token. An invalid session counts like none, since it may
 * have ended while its page was open. */
static bool identify(fd_access *access, const fd_transaction *transaction, bool is_public,
                     fd_scheme scheme, fd_identity *ret, fd_response *refusal) {
    char room[CREDENTIALS_SIZE];
    const char *authorization = fd_transaction_header(transaction, "Authorization");
    bool has_password = scheme == FD_SCHEME_BEARER_OR_BASIC && is_basic(authorization);
    const char *session = authorization ? NULL : session_of(access, transaction);
    fd_token_state state = FD_TOKEN_UNKNOWN;
    *ret = (fd_identity){0};
    if (authorization)
        state = fd_access_check_token(
            access, has_password ? password_of(authorization, room) : token_of(authorization), ret);
    else if (session)
        state = fd_access_check_session(access, session, ret);
    if (has_password)
        sodium_memzero(room, sizeof(room));
    if (state == FD_TOKEN_VALID)
        return true;
    unsigned wait =
        authorization ? fd_access_note_failure(access, &transaction->client, state, ret) : 0;
    *ret = (fd_identity){.role = FD_ROLE_PUBLIC, .authentication = FD_AUTHENTICATION_REQUIRED};
    if (is_public && wait == 0)
        return true;
    fd_authenticate_refuse(refusal, wait);
    return false;
}

/* ---- the site ---- */

enum site { SITE_UNKNOWN, SITE_SAME, SITE_OTHER };

/* By headers that browsers set, and that scripts of other sites cannot change. */
static enum site site_of(const fd_transaction *transaction) {
    const char *site = fd_transaction_header(transaction, "Sec-Fetch-Site");
    const char *origin = fd_transaction_header(transaction, "Origin");
    if (site)
        return strcmp(site, "same-origin") == 0 ? SITE_SAME : SITE_OTHER;
    if (!origin)
        return SITE_UNKNOWN;
    return fd_origin_is_of(origin, fd_transaction_header(transaction, "Host")) ? SITE_SAME
                                                                               : SITE_OTHER;
}

static bool changes(const char *method) {
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

/* A browser sends a cookie, and can reach a daemon on its own machine, also when another site tells
 * it to. It sends a token only where a script that has the token does. */
static bool is_site_allowed(const char *cors_origins, const fd_transaction *transaction,
                            fd_authentication authentication) {
    enum site site = site_of(transaction);
    switch (authentication) {
    case FD_AUTHENTICATION_TOKEN: /* but a browser keeps passwords, and sends them by itself */
        return site != SITE_OTHER || !is_basic(fd_transaction_header(transaction, "Authorization"));
    case FD_AUTHENTICATION_SESSION:
        return site == SITE_SAME;
    case FD_AUTHENTICATION_NONE:
        return site != SITE_OTHER ||
               fd_origins_contain(cors_origins, fd_transaction_header(transaction, "Origin"));
    case FD_AUTHENTICATION_REQUIRED:
        break;
    }
    return site != SITE_OTHER;
}

/* Without tokens everyone is admin, so only this machine is served. A proxy on this machine that
 * names no client may stand before clients anywhere; health and pages tell them nothing. */
static bool check_local(const fd_transaction *transaction, fd_role role, fd_response *refusal) {
    if (transaction->client.is_proxy && role != FD_ROLE_OPEN)
        return forbid(refusal, FD_PROBLEM_NOT_LOCAL,
                      "without access tokens a trusted proxy must name its client in "
                      "X-Forwarded-For");
    if (!fd_host_is_local(fd_transaction_header(transaction, "Host")))
        return forbid(refusal, FD_PROBLEM_NOT_LOCAL,
                      "without access tokens only this machine is served, not this Host");
    if (!fd_address_is_loopback(&transaction->client.address)) /* as a proxy says */
        return forbid(refusal, FD_PROBLEM_NOT_LOCAL,
                      "without access tokens only this machine is served, not this client");
    return true;
}

bool fd_authenticate(fd_access *access, const char *cors_origins, const fd_transaction *transaction,
                     fd_role role, fd_scheme scheme, fd_identity *ret, fd_response *refusal) {
    if (!access || fd_access_is_unrestricted(access)) {
        *ret = (fd_identity){.role = FD_ROLE_ADMIN, .authentication = FD_AUTHENTICATION_NONE};
        if (!check_local(transaction, role, refusal))
            return false;
    } else if (role == FD_ROLE_OPEN) {
        *ret = (fd_identity){.authentication = FD_AUTHENTICATION_REQUIRED};
    } else if (!identify(access, transaction, role == FD_ROLE_PUBLIC, scheme, ret, refusal)) {
        return false;
    }
    if (ret->role < role)
        return forbid(refusal, FD_PROBLEM_FORBIDDEN, "the token's role may not do this");
    if (changes(transaction->method) &&
        !is_site_allowed(cors_origins, transaction, ret->authentication))
        return forbid(refusal, FD_PROBLEM_OTHER_SITE, "a page of another site may not do this");
    return true;
}
