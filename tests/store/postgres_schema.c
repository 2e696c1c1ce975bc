/* Starts postgres_server.py, and makes schemas in its server. */
#include "postgres_schema.h"

#include "fixture.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char server[256]; /* its URL; "": there is none */

/* The script stops the server when the last writing end of this pipe is closed: with the program,
 * however that ends. */
static void start_server(void) {
    int input[2], output[2];
    assert_int_equal(pipe(input), 0);
    assert_int_equal(pipe(output), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(input[0], STDIN_FILENO);
        (void)dup2(output[1], STDOUT_FILENO);
        (void)close(input[1]);
        (void)execlp("python3", "python3", FD_POSTGRES_SERVER, (char *)NULL);
        _exit(127);
    }
    (void)close(input[0]);
    (void)close(output[1]);
    char line[256] = "";
    FILE *lines = fdopen(output[0], "r");
    assert_non_null(lines);
    assert_non_null(fgets(line, sizeof(line), lines));
    (void)fclose(lines);
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "postgresql:", strlen("postgresql:")) == 0)
        memcpy(server, line, sizeof(server));
    else
        print_message("skipped: %s\n", line);
}

const char *postgres_schema_new(void) {
    static char urls[4][320];
    static unsigned n;
    if (n == 0)
        start_server();
    char *url = urls[n++ % FD_LENGTH(urls)];
    if (server[0] == '\0')
        return NULL;
    (void)postgres_schema_run(server, fixture_text("CREATE SCHEMA s%u", n));
    (void)snprintf(url, sizeof(urls[0]), "%s&options=-csearch_path%%3Ds%u", server, n);
    return url;
}

const char *postgres_schema_run(const char *url, const char *sql) {
    static char text[256];
    PGconn *connection = PQconnectdb(url);
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    (void)snprintf(text, sizeof(text), "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(connection);
    return text;
}

/* ---- a standby that is missing ---- */

/* Whether a commit of another connection waits for the standby; false: it has ended. */
static bool has_to_wait(const char *url, PGconn *connection) {
    const char *sql = fixture_text("SELECT count(*) FROM pg_stat_activity WHERE pid = %d"
                                   " AND wait_event = 'SyncRep'",
                                   PQbackendPID(connection));
    while (strcmp(postgres_schema_run(url, sql), "1") != 0) {
        assert_true(PQconsumeInput(connection));
        if (!PQisBusy(connection))
            return false;
    }
    return true;
}

/* The server's processes take a setting over one after another: this is over when a commit waits.
 */
static void wait_for_waiting(const char *url) {
    PGconn *connection = PQconnectdb(url);
    bool waits = false;
    while (!waits) {
        assert_true(PQsendQuery(connection, "UPDATE clock SET tick = tick"));
        waits = has_to_wait(url, connection);
        if (waits)
            (void)postgres_schema_run(
                url, fixture_text("SELECT pg_cancel_backend(%d)", PQbackendPID(connection)));
        for (PGresult *result; (result = PQgetResult(connection));)
            PQclear(result);
    }
    PQfinish(connection);
}

void postgres_schema_name_standby(const char *url, const char *name) {
    (void)postgres_schema_run(
        url, fixture_text("ALTER SYSTEM SET synchronous_standby_names = '%s'", name));
    (void)postgres_schema_run(url, "SELECT pg_reload_conf()");
    while (strcmp(postgres_schema_run(url, "SHOW synchronous_standby_names"), name) != 0)
        continue;
    if (name[0] != '\0')
        wait_for_waiting(url);
}
