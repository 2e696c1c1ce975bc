/*
 * Who may come in: the tokens as they are now, the sessions made from them, and the addresses from
 * which attempts failed. The files are looked at again about once a second, so that a token ends
 * soon after it is revoked; what cannot be read leaves everything as it was.
 */
#ifndef FD_ACCESS_H
#define FD_ACCESS_H

#include <stdbool.h>

#include "client_address.h"
#include "tokens.h"

enum {
    FD_SESSION_TEXT_SIZE = 80,
    FD_COOKIE_NAME_SIZE = 32, /* "__Host-fisherd_session_", 8 digits, NUL */
};

typedef struct fd_access fd_access;

typedef struct fd_access_options {
    const char *tokens; /* the file; until there is one everyone is admin */
    bool is_required;   /* the file must be there */
    const char *key;    /* the file with the key of hashes and sessions */
    int64_t session_seconds;
} fd_access_options;

/* Fails, with a fault, where there are tokens but not all can be read. */
int fd_access_open(const fd_access_options *options, fd_access **ret,
                   fd_fault *fault) FD_MUST_CHECK;
void fd_access_close(fd_access *access);
FD_DEFINE_CLEANUP(fd_access, fd_access_close)

/* Reads the files now, whether they seem changed or not. */
void fd_access_reload(fd_access *access);

/* Whether there are no tokens, so that everyone is admin. */
bool fd_access_is_unrestricted(fd_access *access);

/* Whose token or session the text is. With FD_TOKEN_VALID all of *ret is set, with FD_TOKEN_UNKNOWN
 * nothing, otherwise the id and the name. A session ends with its token, or by its age: expired. */
fd_token_state fd_access_check_token(fd_access *access, const char *text, fd_identity *ret);
fd_token_state fd_access_check_session(fd_access *access, const char *text, fd_identity *ret);

/* What the holder of the token brings along to be known again. */
void fd_access_make_session(fd_access *access, const fd_identity *identity,
                            char text[static FD_SESSION_TEXT_SIZE]);
int64_t fd_access_session_seconds(const fd_access *access);

/* The cookie that a session is kept in. Cookies are for all ports of a host, so that each daemon
 * has a name of its own, by its key: those that have the same key take each other's sessions. Over
 * an encrypted connection it is one that browsers let no other host of the domain set. */
void fd_access_name_cookie(fd_access *access, bool is_secure,
                           char name[static FD_COOKIE_NAME_SIZE]);

/* Notes, and logs, a failed attempt. 0, or the seconds to wait. */
unsigned fd_access_note_failure(fd_access *access, const fd_client *client, fd_token_state state,
                                const fd_identity *identity);

#endif
