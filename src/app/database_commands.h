/* What the commands on a database share. */
#ifndef FD_DATABASE_COMMANDS_H
#define FD_DATABASE_COMMANDS_H

#include "options.h"
#include "store.h"

/* The options, of which --db must be given. */
int fd_database_options(int argc, char **argv, fd_options *options, fd_fault *fault) FD_MUST_CHECK;

/* Says on standard error, each on a line of its own that begins with `name`, all that is wrong with
 * a database, and counts it. Fails where it cannot be read. */
int fd_database_check(fd_store *store, const char *name, size_t *ret_findings,
                      fd_fault *fault) FD_MUST_CHECK;

#endif
