/* The files of the access tokens of a database. */
#ifndef FD_TOKEN_FILES_H
#define FD_TOKEN_FILES_H

#include "access.h"
#include "options.h"

typedef struct fd_token_files {
    char *tokens; /* path */
    char *key;    /* path */
    char *ended;  /* path, of the sessions that were ended */
} fd_token_files;

/* -errno. The caller clears *ret. */
int fd_token_files_find(const fd_options *options, fd_token_files *ret) FD_MUST_CHECK;
void fd_token_files_clear(fd_token_files *files);

/* Reads the tokens, if there are any. Without tokens the daemon may listen on loopback addresses
 * only: -EINVAL with a fault for another host. */
int fd_token_files_open(const fd_options *options, const char *host, fd_access **ret,
                        fd_fault *fault) FD_MUST_CHECK;

#endif
