/* Shared by the commands on a database. */
#ifndef FD_DATABASE_COMMANDS_H
#define FD_DATABASE_COMMANDS_H

#include "options.h"
#include "store.h"

/* Reads the options. -EINVAL with a fault, also if --db is missing. */
int fd_database_options(int argc, char **argv, fd_options *options, fd_fault *fault) FD_MUST_CHECK;

/* -EINVAL, with a fault, for the URL of a database that replicas share: what the command does is
 * for SQLite, and `instead` says what does it there. */
int fd_database_refuse_url(const char *db, const char *instead, fd_fault *fault) FD_MUST_CHECK;

/* -EBUSY, with a fault, while replicas have the store open; `otherwise` (may be NULL) says what to
 * do instead of stopping them. */
int fd_database_refuse_replicas(fd_store *store, const char *name, const char *otherwise,
                                fd_fault *fault) FD_MUST_CHECK;

/* Opens a database for a command that writes into it while no daemon does. -EBUSY as above. */
int fd_database_open_alone(const char *db, const char *otherwise, fd_store **ret,
                           fd_fault *fault) FD_MUST_CHECK;

/* Prints each finding of damage in a database as a line on standard error that begins with `name`,
 * and counts them. Fails if the database cannot be read. */
int fd_database_check(fd_store *store, const char *name, size_t *ret_findings,
                      fd_fault *fault) FD_MUST_CHECK;

#endif
