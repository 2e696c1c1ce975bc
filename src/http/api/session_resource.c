/* /v1/session: the pages keep a session in a cookie, in place of a token. */
#include <inttypes.h>
#include <stdio.h>

#include "authenticate.h"
#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "problem.h"

struct session_body {
    const char *token;
};

static const fd_field session_fields[] = {
    {"token", FD_FIELD_ID, .required = true, .offset = offsetof(struct session_body, token)},
};

static void set_cookie(const fd_request *request, fd_response *response, const char *value,
                       int64_t seconds) {
    char name[FD_COOKIE_NAME_SIZE];
    fd_access_name_cookie(request->access, request->client->is_secure, name);
    (void)snprintf(response->cookie, sizeof(response->cookie),
                   "%s=%s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s", name, value,
                   seconds, request->client->is_secure ? "; Secure" : "");
}

static void respond(fd_response *response, const fd_identity *identity) {
    response->is_secret = true;
    static const char *const kinds[] = {
        [FD_AUTHENTICATION_REQUIRED] = "required",
        [FD_AUTHENTICATION_NONE] = "none",
        [FD_AUTHENTICATION_TOKEN] = "token",
        [FD_AUTHENTICATION_SESSION] = "session",
    };
    fd_json_respond(
        response, 200,
        json_pack("{s:s?, s:s?, s:s}", "role",
                  identity->role <= FD_ROLE_PUBLIC ? NULL : fd_role_name(identity->role), "name",
                  identity->token[0] != '\0' ? identity->name : NULL, "authentication",
                  kinds[identity->authentication]));
}

void fd_session_get(const fd_request *request, fd_response *response) {
    if (fd_query_accept_none(&request->query, response))
        respond(response, request->identity);
}

/* Begins a session for whoever has the token. */
static void begin(const fd_request *request, fd_response *response, const char *token) {
    fd_identity identity = {0};
    fd_token_state state = fd_access_check_token(request->access, token, &identity);
    if (state != FD_TOKEN_VALID) {
        fd_authenticate_refuse(
            response, fd_access_note_failure(request->access, request->client, state, &identity));
        return;
    }
    char value[FD_SESSION_TEXT_SIZE];
    fd_access_make_session(request->access, &identity, value);
    set_cookie(request, response, value, fd_access_session_seconds(request->access));
    identity.authentication = FD_AUTHENTICATION_SESSION;
    respond(response, &identity);
}

void fd_session_begin(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    FD_JSON json_t *root = NULL;
    fd_fault fault = {.more = request->more_faults};
    struct session_body body = {0};
    int r = fd_json_read_body(request->body, request->body_size, session_fields,
                              FD_LENGTH(session_fields), &root, &body, &fault);
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else if (request->identity->authentication == FD_AUTHENTICATION_NONE)
        respond(response, request->identity);
    else
        begin(request, response, body.token);
}

void fd_session_end(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_authentication authentication = request->identity->authentication;
    bool is_known =
        authentication == FD_AUTHENTICATION_SESSION || authentication == FD_AUTHENTICATION_TOKEN;
    int r = is_known ? fd_access_end_sessions(request->access, request->identity) : 0;
    if (r < 0) {
        fd_problem_of(response, r, NULL);
        return;
    }
    if (authentication != FD_AUTHENTICATION_NONE)
        set_cookie(request, response, "", 0);
    fd_json_respond(response, 200, json_pack("{s:s}", "status", "ended"));
}
