/*
 * The look for damaged pages that opening a database for writing takes. It reads all rows of the
 * tables that a start needs, which takes seconds for ten million, so it can run beside the start on
 * a thread of its own, by one of the reading connections.
 */
#ifndef FD_PAGE_CHECK_H
#define FD_PAGE_CHECK_H

#include <pthread.h>
#include <stdbool.h>

#include "fault.h"
#include "sqlite_connection.h"
#include "sqlite_readers.h"

typedef struct fd_page_check {
    bool runs;
    pthread_t thread;
    fd_sqlite_readers *readers;
    fd_sqlite_connection *reader; /* borrowed */
    const char *given;            /* the name of the database; the check's own copy */
    int result;
    fd_fault fault;
} fd_page_check;

/* Checks at once. -EBADMSG: a page is damaged. Errors have a fault. */
int fd_page_check_run(fd_sqlite_connection *connection, const char *given,
                      fd_fault *fault) FD_MUST_CHECK;

/* Begins a check on a thread. */
int fd_page_check_start(fd_page_check *check, fd_sqlite_readers *readers,
                        const char *given) FD_MUST_CHECK;

/* Waits for it, and returns what it found; 0 where none was begun. */
int fd_page_check_end(fd_page_check *check, fd_fault *fault) FD_MUST_CHECK;

/* Ends it without a result. */
void fd_page_check_cancel(fd_page_check *check);

#endif
