/* Opens a store by the option `db`, whichever backend it names. */
#include "store_open.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "copy_mark.h"
#include "postgres_store.h"
#include "sqlite_store.h"

static const char *const schemes[] = {"postgresql://", "postgres://"};

bool fd_store_is_url(const char *db) {
    for (size_t i = 0; i < FD_LENGTH(schemes); i++)
        if (strncmp(db, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

/* Drops `password` and `sslpassword` from the parameters that begin at a '?'. */
static void drop_passwords(char *query) {
    char *kept = query, first = '?';
    while (*query != '\0') {
        size_t length = 1 + strcspn(query + 1, "&");
        size_t key = 1 + strcspn(query + 1, "&=");
        bool is_secret = key > strlen("password") && strncmp(query + key - strlen("password"),
                                                             "password", strlen("password")) == 0;
        if (!is_secret) {
            memmove(kept, query, length);
            *kept = first;
            first = '&';
            kept += length;
        }
        query += length;
    }
    *kept = '\0';
}

/* The password of a user stands between the first colon behind the scheme and the last @ before the
 * path. */
int fd_store_name(const char *db, char **ret) {
    char *name = strdup(db);
    *ret = name;
    if (!name)
        return -ENOMEM;
    if (!fd_store_is_url(db))
        return 0;
    char *user = strstr(name, "://") + 3;
    char *end = user + strcspn(user, "/?");
    char *at = memrchr(user, '@', (size_t)(end - user));
    char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
    if (colon)
        memmove(colon, at, strlen(at) + 1);
    char *query = strchr(user, '?');
    if (query)
        drop_passwords(query);
    return 0;
}

int fd_store_open_unfinished(const char *db, fd_store **ret, fd_fault *fault) {
    return fd_store_is_url(db) ? fd_store_open_postgres(db, ret, fault)
                               : fd_store_open_sqlite(db, ret, fault);
}

int fd_store_open_early(const char *db, fd_store **ret, fd_fault *fault) {
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    FD_FREE char *name = NULL;
    fd_copy_mark mark;
    int r = fd_store_is_url(db) ? fd_store_open_postgres(db, &store, fault)
                                : fd_store_open_sqlite_early(db, &store, fault);
    if (r == 0)
        r = fd_copy_mark_read(store, &mark);
    if (r == 0 && mark.state == FD_COPY_UNFINISHED)
        r = fd_store_name(db, &name) < 0
                ? -ENOMEM
                : fd_fault_set(fault, -EINVAL, "",
                               "the copy into %s is not finished: run the same fisherd copy again",
                               name);
    if (r == 0)
        *ret = FD_STEAL(store);
    return r;
}

int fd_store_open(const char *db, fd_store **ret, fd_fault *fault) {
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    int r = fd_store_open_early(db, &store, fault);
    if (r == 0)
        r = fd_store_finish_opening(store, fault);
    if (r == 0)
        *ret = FD_STEAL(store);
    return r;
}

int fd_store_open_read_only(const char *db, fd_store **ret, fd_fault *fault) {
    return fd_store_is_url(db) ? fd_store_open_postgres_read_only(db, ret, fault)
                               : fd_store_open_sqlite_read_only(db, ret, fault);
}

int fd_store_open_still(const char *db, fd_store **ret, fd_fault *fault) {
    return fd_store_is_url(db) ? fd_store_open_postgres_read_only(db, ret, fault)
                               : fd_store_open_sqlite_still(db, ret, fault);
}
