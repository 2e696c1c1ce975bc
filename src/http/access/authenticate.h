/* Decides by its headers whether a request may be made, and by whom it is made. */
#ifndef FD_AUTHENTICATE_H
#define FD_AUTHENTICATE_H

#include <stdbool.h>

#include "access.h"
#include "identity.h"
#include "macros.h"
#include "response.h"
#include "transaction.h"

/* How a request may bring its token. */
typedef enum fd_scheme {
    FD_SCHEME_BEARER,
    FD_SCHEME_BEARER_OR_BASIC, /* also as a password, for programs that know nothing else */
} fd_scheme;

/*
 * Finds the identity by the token or the session in the headers. False, with a response, where
 * neither is valid and `role`, the least that may make the request, is not public (401); after too
 * many invalid tokens (429); where the role is too low; or where a page of another site sent the
 * browser (403). `scheme` says how the token may come. `access` NULL: there are no tokens.
 * `cors_origins` as fd_origins_contain takes it.
 */
bool fd_authenticate(fd_access *access, const char *cors_origins, const fd_transaction *transaction,
                     fd_role role, fd_scheme scheme, fd_identity *ret,
                     fd_response *refusal) FD_MUST_CHECK;

/* Responds to a missing or invalid token: 401, or 429 with seconds to wait. */
void fd_authenticate_refuse(fd_response *response, unsigned wait);

#endif
