/* The migrations, built into the program from the files of migrations/sqlite. */
#ifndef FD_SQLITE_MIGRATIONS_H
#define FD_SQLITE_MIGRATIONS_H

#include <stddef.h>
#include <stdint.h>

typedef struct fd_sqlite_migration {
    uint32_t number; /* from 1, without gaps */
    const char *name;
    const char *sql;
} fd_sqlite_migration;

extern const fd_sqlite_migration fd_sqlite_migrations[];
extern const size_t fd_sqlite_migration_count;

#endif
