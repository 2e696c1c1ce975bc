/* The settings of a server that count for safety: what is refused, and what is warned of. */
#include "postgres_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

enum { OLDEST_SERVER = 130000 };

static int refuse_value(fd_postgres_connection *connection, const char *name, const char *setting,
                        const char *refused, const char *because, fd_fault *fault) {
    char sql[80], value[80];
    (void)snprintf(sql, sizeof(sql), "SHOW %s", setting);
    int r = fd_postgres_query_text(connection, sql, value, sizeof(value));
    if (r < 0 || strcmp(value, refused) != 0)
        return r;
    return fd_fault_set(fault, -EINVAL, "", "%s: %s is %s: %s", name, setting, refused, because);
}

static int refuse_encoding(fd_postgres_connection *connection, const char *name, fd_fault *fault) {
    char value[80];
    int r = fd_postgres_query_text(connection, "SHOW server_encoding", value, sizeof(value));
    if (r < 0 || strcmp(value, "UTF8") == 0)
        return r;
    return fd_fault_set(fault, -EINVAL, "", "%s: its encoding is %s: it must be UTF8", name, value);
}

static int warn_of_no_standby(fd_postgres_connection *connection, const char *name) {
    char names[80], commit[80];
    int r =
        fd_postgres_query_text(connection, "SHOW synchronous_standby_names", names, sizeof(names));
    if (r == 0)
        r = fd_postgres_query_text(connection, "SHOW synchronous_commit", commit, sizeof(commit));
    if (r == 0 && (names[0] == '\0' || strcmp(commit, "local") == 0))
        fd_log(FD_LOG_WARNING, "no-synchronous-standby", FD_STR("db", name),
               FD_STR("meaning", "a failover may lose acknowledged answers:"
                                 " see synchronous_standby_names"));
    return r;
}

/* Only whoever runs the server knows its file system. */
static int warn_of_torn_pages(fd_postgres_connection *connection, const char *name) {
    char value[80];
    int r = fd_postgres_query_text(connection, "SHOW full_page_writes", value, sizeof(value));
    if (r == 0 && strcmp(value, "off") == 0)
        fd_log(FD_LOG_WARNING, "full-page-writes-off", FD_STR("db", name),
               FD_STR("meaning", "a crash of its machine can damage the database, unless its file"
                                 " system writes a page whole or not at all, as ZFS does"));
    return r;
}

int fd_postgres_check_settings(fd_postgres_connection *connection, const char *name,
                               fd_fault *fault) {
    static const struct {
        const char *setting, *refused, *because;
    } settings[] = {
        {"fsync", "off", "a crash of its machine would lose acknowledged answers"},
        {"synchronous_commit", "off", "a crash would lose acknowledged answers"},
    };
    if (PQserverVersion(connection->wire) < OLDEST_SERVER)
        return fd_fault_set(fault, -EPROTONOSUPPORT, "",
                            "%s: PostgreSQL must be version 13 or later", name);
    int r = refuse_encoding(connection, name, fault);
    for (size_t i = 0; i < FD_LENGTH(settings) && r == 0; i++)
        r = refuse_value(connection, name, settings[i].setting, settings[i].refused,
                         settings[i].because, fault);
    if (r == 0)
        r = warn_of_torn_pages(connection, name);
    return r < 0 ? r : warn_of_no_standby(connection, name);
}
