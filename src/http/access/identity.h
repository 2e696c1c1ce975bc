/* Who makes a request, and what they may do. */
#ifndef FD_IDENTITY_H
#define FD_IDENTITY_H

#include <stdint.h>

enum { FD_TOKEN_ID_SIZE = 13, FD_IDENTITY_NAME_SIZE = 257 }; /* bytes, with the NUL */

/* Each role may do what the ones before it may. */
typedef enum fd_role {
    FD_ROLE_OPEN,      /* anyone; whoever it is, their token is not looked at */
    FD_ROLE_PUBLIC,    /* anyone, without a token */
    FD_ROLE_ANNOTATOR, /* asks for pairs and answers them, under its own name only */
    FD_ROLE_FRONTEND,  /* acts for any annotator, adds items, reads everything */
    FD_ROLE_ADMIN,     /* trains, activates versions, backs up */
} fd_role;

typedef enum fd_authentication {
    FD_AUTHENTICATION_REQUIRED, /* a token is needed, and the request has no valid one */
    FD_AUTHENTICATION_NONE,     /* there are no tokens: everyone is admin */
    FD_AUTHENTICATION_TOKEN,
    FD_AUTHENTICATION_SESSION,
} fd_authentication;

typedef struct fd_identity {
    fd_role role;
    fd_authentication authentication;
    char token[FD_TOKEN_ID_SIZE];     /* id of the token; "" without one */
    char name[FD_IDENTITY_NAME_SIZE]; /* of the token; "" without one */
    int64_t session_began;            /* Unix milliseconds; 0: not by a session */
} fd_identity;

#endif
