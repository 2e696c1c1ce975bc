/* The files of the access tokens of a database: beside it, or, where replicas share it, in it. */
#ifndef FD_TOKEN_FILES_H
#define FD_TOKEN_FILES_H

#include "access.h"
#include "options.h"

typedef struct fd_token_files {
    fd_kept_file tokens;
    fd_kept_file key;
    fd_kept_file ended; /* the sessions that were ended */
} fd_token_files;

/* `db` is what the option db would name, and `store` that database where db is a URL, which is
 * borrowed, and otherwise NULL. -errno; -EINVAL with a fault. The caller clears *ret. */
int fd_token_files_find(const fd_options *options, const char *db, fd_store *store,
                        fd_token_files *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_token_files_clear(fd_token_files *files);

/* Reads the tokens, if there are any. Without tokens the daemon may listen on loopback addresses
 * only: -EINVAL with a fault for another host. */
int fd_token_files_open(const fd_options *options, const fd_token_files *files, const char *host,
                        fd_access **ret, fd_fault *fault) FD_MUST_CHECK;

#endif
