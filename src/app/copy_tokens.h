/* Copies what access keeps: tokens, their key, and which sessions were ended. */
#ifndef FD_COPY_TOKENS_H
#define FD_COPY_TOKENS_H

#include "copy_work.h"
#include "token_files.h"

/* -EINVAL, with a fault, if the target has such a file with other content than the source. */
int fd_copy_tokens_check(const fd_token_files *from, const fd_token_files *to,
                         fd_fault *fault) FD_MUST_CHECK;

/* Copies those that the source has and the target lacks, reads them again, and counts them. */
int fd_copy_tokens(fd_copy *copy, const fd_token_files *from, const fd_token_files *to,
                   size_t *ret_files) FD_MUST_CHECK;

#endif
