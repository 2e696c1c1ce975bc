/* Looks for damaged pages, at once or on a thread. */
#include "page_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "thread.h"

/* Tables of vectors and of what is made of them are most of a large file, and a start reads hardly
 * any of them: whoever meets damage there tells it. */
static const char first_damage[] =
    "WITH checked (name) AS (SELECT name FROM sqlite_schema WHERE type = 'table'"
    " AND name NOT IN ('item_embeddings', 'component_blocks')) SELECT coalesce((SELECT quick_check"
    " FROM checked, pragma_quick_check(checked.name) WHERE quick_check <> 'ok' LIMIT 1), 'ok')";

int fd_page_check_run(fd_sqlite_connection *connection, const char *given, fd_fault *fault) {
    char found[200];
    int r = fd_sqlite_query_text(connection, first_damage, found, sizeof(found));
    if (r < 0)
        return fd_sqlite_fault(connection, given, "cannot be checked", r, fault);
    if (strcmp(found, "ok") != 0)
        return fd_fault_set(fault, -EBADMSG, "", "%s is damaged: %s", given, found);
    return 0;
}

static void *run(void *context) {
    fd_page_check *check = context;
    fd_thread_name("page-check");
    check->result = fd_page_check_run(check->reader, check->given, &check->fault);
    return NULL;
}

static void clear(fd_page_check *check) {
    fd_sqlite_readers_return(check->readers, check->reader);
    free((char *)check->given);
    check->given = NULL;
    check->runs = false;
}

int fd_page_check_start(fd_page_check *check, fd_sqlite_readers *readers, const char *given) {
    check->readers = readers;
    check->reader = fd_sqlite_readers_borrow(readers);
    check->given = strdup(given);
    int r = check->given ? -pthread_create(&check->thread, NULL, run, check) : -ENOMEM;
    check->runs = r == 0;
    if (r < 0)
        clear(check);
    return r;
}

int fd_page_check_end(fd_page_check *check, fd_fault *fault) {
    if (!check->runs)
        return 0;
    (void)pthread_join(check->thread, NULL);
    clear(check);
    if (check->result < 0 && check->fault.detail[0] != '\0')
        return fd_fault_set(fault, check->result, "", "%s", check->fault.detail);
    return check->result;
}

void fd_page_check_cancel(fd_page_check *check) {
    if (!check->runs)
        return;
    sqlite3_interrupt(check->reader->database);
    (void)pthread_join(check->thread, NULL);
    clear(check);
}
