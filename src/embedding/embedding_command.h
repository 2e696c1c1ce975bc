/*
 * A program that embeds texts, for teams without a server.
 *
 * It runs as long as it is used, and reads batches on its standard input: a line {"id","text"} for
 * each text, and an empty line at the end. For each text it writes a line {"id","embedding"}, in
 * any order, and flushes them at the end of the batch.
 *
 * Threads: any number; one batch runs at a time.
 */
#ifndef FD_EMBEDDING_COMMAND_H
#define FD_EMBEDDING_COMMAND_H

#include <stddef.h>

#include "embedding_reply.h"
#include "embedding_server.h"
#include "fault.h"
#include "macros.h"

typedef struct fd_embedding_command fd_embedding_command;

/* `command` is for the shell. The program may be silent for `seconds`. Nothing is started yet.
 * -ENOMEM. */
int fd_embedding_command_open(const char *command, size_t batch, double seconds,
                              fd_embedding_command **ret) FD_MUST_CHECK;

/* Ends the program. */
void fd_embedding_command_close(fd_embedding_command *command);
FD_DEFINE_CLEANUP(fd_embedding_command, fd_embedding_command_close)

/* As fd_embedding_server_ask. After a failure the program is ended, and started again by the next
 * call. */
int fd_embedding_command_ask(fd_embedding_command *command, const char *const *texts, size_t n,
                             const fd_patience *patience, fd_vectors *ret,
                             fd_fault *fault) FD_MUST_CHECK;

#endif
