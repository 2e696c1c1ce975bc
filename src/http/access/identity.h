/* Who makes a request, and what that one may do. */
#ifndef FD_IDENTITY_H
#define FD_IDENTITY_H

enum { FD_TOKEN_ID_SIZE = 13, FD_IDENTITY_NAME_SIZE = 257 };

/* Each may do what those before it may. */
typedef enum fd_role {
    FD_ROLE_PUBLIC,    /* anyone, without a token */
    FD_ROLE_ANNOTATOR, /* asks for pairs and answers them, under its own name only */
    FD_ROLE_FRONTEND,  /* acts for any annotator, adds items, reads everything */
    FD_ROLE_ADMIN,     /* trains, activates and whatever else changes what serves */
} fd_role;

typedef enum fd_authentication {
    FD_AUTHENTICATION_REQUIRED, /* a token is needed, and none was given that is valid */
    FD_AUTHENTICATION_NONE,     /* there are no tokens here: everyone is admin */
    FD_AUTHENTICATION_TOKEN,
    FD_AUTHENTICATION_SESSION,
} fd_authentication;

typedef struct fd_identity {
    fd_role role;
    fd_authentication authentication;
    char token[FD_TOKEN_ID_SIZE];     /* its id; "" without one */
    char name[FD_IDENTITY_NAME_SIZE]; /* of the token; "" without one */
} fd_identity;

#endif
