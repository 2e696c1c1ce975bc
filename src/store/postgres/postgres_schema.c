/* The schema of a database: reading its number, and applying the migrations above it. */
#include "postgres_schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "random_bytes.h"

int fd_postgres_inspect(fd_postgres_connection *connection, const char *name, int64_t *ret,
                        fd_fault *fault) {
    char found[64];
    *ret = 0;
    int r = fd_postgres_query_text(
        connection,
        "SELECT CASE WHEN to_regclass('clock') IS NULL THEN 'none' WHEN (SELECT count(*) FROM"
        " pg_attribute WHERE attrelid = to_regclass('clock') AND attname IN ('one', 'version',"
        " 'tick', 'nonce')) < 4 THEN 'other' ELSE 'clock' END",
        found, sizeof(found));
    if (r < 0 || strcmp(found, "none") == 0)
        return r;
    if (strcmp(found, "other") == 0)
        return fd_fault_set(fault, -EBADMSG, "", "%s has a table \"clock\" that is not fisherd's",
                            name);
    return fd_postgres_query_integer(connection, "SELECT version FROM clock", ret);
}

/* ---- migrations ---- */

/* The first migration makes the clock: of two that make it, one fails, and then looks again. */
static int first_row(fd_postgres_connection *connection) {
    char sql[400];
    int64_t nonce;
    unsigned char key[32];
    char hexadecimal[2 * sizeof(key) + 1];
    fd_random_bytes(&nonce, sizeof(nonce));
    fd_random_bytes(key, sizeof(key));
    for (size_t i = 0; i < sizeof(key); i++)
        (void)snprintf(hexadecimal + 2 * i, 3, "%02x", key[i]);
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO clock VALUES (1, 0, 0, %lld, 0, 0, 0, 0, 0);"
                   "INSERT INTO ticks VALUES (0, %lld);"
                   "INSERT INTO assignment_key VALUES (1, decode('%s', 'hex'))",
                   (long long)nonce, (long long)nonce, hexadecimal);
    return fd_postgres_execute(connection, sql);
}

/* Under a lock of the clock's table, since a migration may change it: of two that hold its row or
 * wait for that, none could. Another replica may have come first. */
static int run_migration(fd_postgres_connection *connection,
                         const fd_postgres_migration *migration) {
    char sql[80];
    int64_t version = 0;
    int r = 0;
    if (migration->number > 1)
        r = fd_postgres_execute(connection, "LOCK TABLE clock IN ACCESS EXCLUSIVE MODE");
    if (r == 0 && migration->number > 1)
        r = fd_postgres_query_integer(connection, "SELECT version FROM clock", &version);
    if (r < 0 || version >= migration->number)
        return r;
    r = fd_postgres_execute(connection, migration->sql);
    if (r == 0 && migration->number == 1)
        r = first_row(connection);
    (void)snprintf(sql, sizeof(sql), "UPDATE clock SET version = %u", migration->number);
    return r < 0 ? r : fd_postgres_execute(connection, sql);
}

static int migrate_in_transaction(fd_postgres_connection *connection,
                                  const fd_postgres_migration *migration) {
    int r = fd_postgres_execute(connection, "BEGIN");
    if (r == 0)
        r = run_migration(connection, migration);
    if (r == 0)
        return fd_postgres_execute(connection, "COMMIT");
    if (fd_postgres_execute(connection, "ROLLBACK") < 0)
        fd_postgres_disconnect(connection);
    return r;
}

int fd_postgres_migrate(fd_postgres_connection *connection, const char *name,
                        const fd_postgres_migration *migrations, size_t n, fd_fault *fault) {
    int64_t version = 0;
    int r = fd_postgres_inspect(connection, name, &version, fault);
    while (r == 0 && version < (int64_t)n) {
        int64_t before = version;
        const fd_postgres_migration *migration = &migrations[version];
        int migrated = migrate_in_transaction(connection, migration);
        bool has_other = strncmp(connection->sqlstate, "42P", 3) == 0;
        if (!fd_postgres_is_connected(connection))
            return migrated;
        r = fd_postgres_inspect(connection, name, &version, fault);
        if (r == 0 && version == before)
            return fd_fault_set(fault, has_other ? -EBADMSG : migrated, "",
                                has_other ? "%s has tables of another program: give fisherd a"
                                            " database or schema of its own"
                                          : "%s cannot be migrated: the log says why",
                                name);
    }
    if (r == 0 && version > (int64_t)n)
        return fd_fault_set(fault, -EPROTONOSUPPORT, "",
                            "%s has schema %lld, newer than this program, which knows up to %zu",
                            name, (long long)version, n);
    return r;
}
