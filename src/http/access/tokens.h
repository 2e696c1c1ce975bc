/*
 * Access tokens and their file: JSON, next to the database, or in the store that replicas share.
 * Only the command line writes it, and the daemon reads it. A token is shown once, when it is made;
 * the file keeps its hash, under a key from a file of its own.
 */
#ifndef FD_TOKENS_H
#define FD_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "identity.h"
#include "kept_file.h"
#include "macros.h"

enum {
    FD_TOKEN_KEY_SIZE = 32,
    FD_TOKEN_HASH_SIZE = 32,
    FD_TOKEN_TEXT_SIZE = 65, /* "fisherd_", the id, '_', 43 characters, NUL */
    FD_TOKENS_MAX = 10000,
};

#define FD_TOKEN_NEVER INT64_MAX

typedef struct fd_token {
    char id[FD_TOKEN_ID_SIZE];
    char name[FD_IDENTITY_NAME_SIZE];
    fd_role role;
    int64_t created, expires, revoked; /* seconds since 1970, or FD_TOKEN_NEVER */
    unsigned char hash[FD_TOKEN_HASH_SIZE];
} fd_token;

typedef struct fd_tokens {
    size_t n;
    fd_token *tokens; /* [n] */
    uint64_t version; /* of the file that they were read from */
} fd_tokens;

typedef enum fd_token_state {
    FD_TOKEN_VALID,
    FD_TOKEN_UNKNOWN,
    FD_TOKEN_EXPIRED,
    FD_TOKEN_REVOKED,
} fd_token_state;

const char *fd_role_name(fd_role role);                          /* "annotator", … */
const char *fd_token_state_name(fd_token_state state);           /* "valid", … */
int fd_role_parse(const char *name, fd_role *ret) FD_MUST_CHECK; /* -EINVAL */

/* ---- files; each failure has a fault in words ---- */

/* -ENOENT without a file, -EACCES if other users may read it, -EINVAL for anything but a list of
 * tokens. */
int fd_tokens_read(const fd_kept_file *file, fd_tokens *ret, fd_fault *fault) FD_MUST_CHECK;

/* -EEXIST: the shared file is not the one that was read any more. So for a key that is made. */
int fd_tokens_write(const fd_kept_file *file, const fd_tokens *tokens,
                    fd_fault *fault) FD_MUST_CHECK;
void fd_tokens_clear(fd_tokens *tokens);

int fd_token_key_read(const fd_kept_file *file, unsigned char key[static FD_TOKEN_KEY_SIZE],
                      fd_fault *fault) FD_MUST_CHECK;
int fd_token_key_make(const fd_kept_file *file, unsigned char key[static FD_TOKEN_KEY_SIZE],
                      fd_fault *fault) FD_MUST_CHECK;

/* ---- tokens ---- */

int fd_token_check_name(const char *name, fd_fault *fault) FD_MUST_CHECK; /* -EINVAL */

/* Adds a token. `text` gets it with its secret, which is kept nowhere else. The name must have been
 * checked. -EINVAL, with a fault, for too many tokens. */
int fd_tokens_make(fd_tokens *tokens, const unsigned char key[static FD_TOKEN_KEY_SIZE],
                   const char *name, fd_role role, int64_t now, int64_t expires,
                   char text[static FD_TOKEN_TEXT_SIZE], fd_fault *fault) FD_MUST_CHECK;

const fd_token *fd_tokens_find(const fd_tokens *tokens, const char *id); /* NULL: there is none */

/* Finds the token that the text is, and its state now, in the same time for any text. *ret is NULL
 * for FD_TOKEN_UNKNOWN. */
fd_token_state fd_tokens_check(const fd_tokens *tokens,
                               const unsigned char key[static FD_TOKEN_KEY_SIZE], const char *text,
                               int64_t now, const fd_token **ret);
fd_token_state fd_token_state_at(const fd_token *token, int64_t now);

/* Computes the keyed hash of a text. */
void fd_token_hash(const unsigned char key[static FD_TOKEN_KEY_SIZE], const char *text,
                   unsigned char hash[static FD_TOKEN_HASH_SIZE]);

#endif
