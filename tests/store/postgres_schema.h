/* Empty schemas of a PostgreSQL server that the test program starts once, and that ends with it. */
#ifndef FD_STORE_POSTGRES_SCHEMA_H
#define FD_STORE_POSTGRES_SCHEMA_H

/* The URL of a new schema; NULL: PostgreSQL is not installed, and a line says so. Valid until the
 * fourth call after this one. */
const char *postgres_schema_new(void);

/* Runs SQL without the backend, in the schema of a URL; must succeed. The first column of the first
 * row, or "". Valid until the next call. */
const char *postgres_schema_run(const char *url, const char *sql);

/* Names a synchronous standby, which is not there, so that every commit waits from now on, with its
 * rows on disk; "": none, and nobody waits any more. The schema must be fisherd's. */
void postgres_schema_name_standby(const char *url, const char *name);

#endif
