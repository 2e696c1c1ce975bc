/*
 * Access: the tokens as they are now, the sessions made from them, and the failed attempts. The
 * token files are checked for changes some times a second, so that a token ends soon after it is
 * revoked; those in a store by a thread of their own, as are the sessions that other replicas have
 * ended. While they cannot be read, the tokens read before stay valid.
 */
#ifndef FD_ACCESS_H
#define FD_ACCESS_H

#include <stdbool.h>

#include "client_address.h"
#include "ended_names.h"
#include "kept_file.h"
#include "tokens.h"

enum {
    FD_SESSION_TEXT_SIZE = 80,
    FD_COOKIE_NAME_SIZE = 32, /* "__Host-fisherd_session_", 8 digits, NUL */
};

typedef struct fd_access fd_access;

typedef struct fd_access_options {
    fd_kept_file tokens; /* until it exists everyone is admin */
    bool is_required;    /* the file must exist */
    fd_kept_file key;    /* of hashes and sessions */
    fd_kept_file ended;  /* which sessions were ended */
    int64_t session_seconds;
} fd_access_options;

/* Fails, with a fault, where there are tokens that cannot be read. A store of the files must stay
 * open until access is closed. */
int fd_access_open(const fd_access_options *options, fd_access **ret,
                   fd_fault *fault) FD_MUST_CHECK;
void fd_access_close(fd_access *access);
FD_DEFINE_CLEANUP(fd_access, fd_access_close)

/* Reads the files now, even if they look unchanged. */
void fd_access_reload(fd_access *access);

/* Whether there are no tokens, so that everyone is admin. */
bool fd_access_is_unrestricted(fd_access *access);

/* Finds the identity behind the text of a token or a session. It is complete with FD_TOKEN_VALID,
 * has only the id and the name where they have ended, and is not set with FD_TOKEN_UNKNOWN. A
 * session ends with its token, and expires by its age. */
fd_token_state fd_access_check_token(fd_access *access, const char *text, fd_identity *ret);
fd_token_state fd_access_check_session(fd_access *access, const char *text, fd_identity *ret);

/* Writes the text of a session, for the holder of the identity's token. */
void fd_access_make_session(fd_access *access, const fd_identity *identity,
                            char text[static FD_SESSION_TEXT_SIZE]);

/* Ends the sessions that have begun with the identity's token. If the file cannot be written, that
 * is logged, and they end until the next start. -ENOMEM. */
int fd_access_end_sessions(fd_access *access, const fd_identity *identity) FD_MUST_CHECK;
int64_t fd_access_session_seconds(const fd_access *access);

/* The name of the cookie for a session. Browsers send cookies to all ports of a host, so each
 * daemon uses a name of its own, made from its key: daemons with the same key accept each other's
 * sessions. Over an encrypted connection the name begins with __Host-, so that other hosts of the
 * domain cannot set it. */
void fd_access_name_cookie(fd_access *access, bool is_secure,
                           char name[static FD_COOKIE_NAME_SIZE]);

/* The names of annotators whose tokens have all ended; the caller clears them. -ENOMEM. */
int fd_access_ended_names(fd_access *access, fd_ended_names *ret) FD_MUST_CHECK;

/* Counts and logs a failed attempt. 0, or the seconds that the client must wait. */
unsigned fd_access_note_failure(fd_access *access, const fd_client *client, fd_token_state state,
                                const fd_identity *identity);

#endif
