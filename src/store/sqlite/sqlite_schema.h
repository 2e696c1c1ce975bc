/* The schema of a database: which one a file has, and the migrations to the newest one. */
#ifndef FD_SQLITE_SCHEMA_H
#define FD_SQLITE_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "sqlite_connection.h"
#include "sqlite_migrations.h"

/* "fish": the number in a database's header that marks it as fisherd's. */
enum { FD_SQLITE_APPLICATION_ID = 0x66697368 };

/*
 * Reads the number of the schema, 0 for an empty database. Refuses, with a fault that names the
 * file `given`: -EBADMSG a file that is not a fisherd database, or damaged; -EPROTONOSUPPORT a
 * schema above `newest`.
 */
int fd_sqlite_inspect(fd_sqlite_connection *connection, const char *given, size_t newest,
                      uint32_t *ret, fd_fault *fault) FD_MUST_CHECK;

/* Connects a reader and inspects. */
int fd_sqlite_connect_inspected(fd_sqlite_connection *connection, const char *path,
                                const char *given, size_t newest, uint32_t *ret,
                                fd_fault *fault) FD_MUST_CHECK;

/*
 * Applies the migrations above `version`, each in a transaction of its own, after a copy to
 * PATH.before-NNNN; `path` NULL: without a copy, of a file that nobody else uses.
 */
int fd_sqlite_migrate(fd_sqlite_connection *connection, const char *path, const char *given,
                      uint32_t version, const fd_sqlite_migration *migrations, size_t n,
                      fd_fault *fault) FD_MUST_CHECK;

#endif
