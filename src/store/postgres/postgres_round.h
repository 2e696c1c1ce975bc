/* Statements that are sent together, so that they cost one round trip. */
#ifndef FD_POSTGRES_ROUND_H
#define FD_POSTGRES_ROUND_H

#include "postgres_statement.h"

enum { FD_POSTGRES_ROUND_MAX = 8 };

/* All zero at first. */
typedef struct fd_postgres_round {
    size_t n;
    fd_postgres_statement statements[FD_POSTGRES_ROUND_MAX];
    fd_postgres_binding bindings[FD_POSTGRES_ROUND_MAX];
} fd_postgres_round;

/* Returns where the parameters go. */
fd_postgres_binding *fd_postgres_round_add(fd_postgres_round *round,
                                           fd_postgres_statement statement);

/* Gets the result of each statement in order, unless one before failed; may keep it by setting
 * *result to NULL. A negative result ends the round. */
typedef int fd_postgres_round_visit(void *context, fd_postgres_statement statement,
                                    PGresult **result);

int fd_postgres_round_run(fd_postgres_connection *connection, const fd_postgres_round *round,
                          fd_postgres_round_visit *visit, void *context) FD_MUST_CHECK;

#endif
