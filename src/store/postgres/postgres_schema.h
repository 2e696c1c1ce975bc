/* The schema of a database: which one it has, and the migrations to the newest one. */
#ifndef FD_POSTGRES_SCHEMA_H
#define FD_POSTGRES_SCHEMA_H

#include "fault.h"
#include "postgres_connection.h"
#include "postgres_migrations.h"

/* Reads the number of the schema; 0: there is none. -EBADMSG: it is not fisherd's. */
int fd_postgres_inspect(fd_postgres_connection *connection, const char *name, int64_t *ret,
                        fd_fault *fault) FD_MUST_CHECK;

/* Applies the migrations that are missing, each in a transaction, while other replicas may do the
 * same. -EPROTONOSUPPORT: the schema is above `n`. */
int fd_postgres_migrate(fd_postgres_connection *connection, const char *name,
                        const fd_postgres_migration *migrations, size_t n,
                        fd_fault *fault) FD_MUST_CHECK;

#endif
