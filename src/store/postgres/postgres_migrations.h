/* The migrations, built into the program from the files of migrations/postgres. */
#ifndef FD_POSTGRES_MIGRATIONS_H
#define FD_POSTGRES_MIGRATIONS_H

#include <stddef.h>
#include <stdint.h>

typedef struct fd_postgres_migration {
    uint32_t number; /* from 1, without gaps */
    const char *name;
    const char *sql;
} fd_postgres_migration;

extern const fd_postgres_migration fd_postgres_migrations[];
extern const size_t fd_postgres_migration_count;

#endif
