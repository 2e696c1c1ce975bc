#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "database_lock.h"
#include "sqlite_backend.h"
#include "sqlite_store.h"

/* ---- the file ---- */

/* SQLite would create the file readable for all. Opening one that is there is left to SQLite: to
 * close it here would drop the locks of every connection that this process has to it. */
static int create_file(const char *path, fd_fault *fault) {
    int file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0) {
        (void)close(file);
        return 0;
    }
    if (errno == EEXIST)
        return 0;
    int r = -errno;
    return fd_fault_set(fault, r, "", "%s cannot be created: %s", path, strerror(-r));
}

/* One database has one lock, by whatever link it is reached. */
int fd_sqlite_resolve(const char *path, char **ret, fd_fault *fault) {
    FD_FREE char *real = realpath(path, NULL);
    struct stat about;
    if (!real || stat(real, &about) < 0) {
        int r = -errno;
        return fd_fault_set(fault, r, "", "%s cannot be opened: %s", path, strerror(-r));
    }
    if (S_ISDIR(about.st_mode))
        return fd_fault_set(fault, -EISDIR, "", "%s is a folder, no fisherd database", path);
    if (!S_ISREG(about.st_mode))
        return fd_fault_set(fault, -EBADMSG, "", "%s is no file, so no fisherd database", path);
    *ret = FD_STEAL(real);
    return 0;
}

int fd_sqlite_take_lock(const char *path, const char *given, int *ret, fd_fault *fault) {
    FD_FREE char *name = NULL;
    if (asprintf(&name, "%s.lock", path) < 0)
        return -ENOMEM;
    int holder;
    int r = fd_file_lock_take(name, ret, &holder);
    if (r == -EBUSY && holder > 0)
        return fd_fault_set(fault, r, "", "%s is in use by another process, %d", given, holder);
    if (r == -EBUSY)
        return fd_fault_set(fault, r, "", "%s is in use by another process", given);
    if (r < 0)
        return fd_fault_set(fault, r, "", "%s.lock cannot be locked: %s", given, strerror(-r));
    return 0;
}

/* ---- what the file holds ---- */

int fd_sqlite_inspect(fd_sqlite_connection *connection, const char *given, size_t newest,
                      uint32_t *ret, fd_fault *fault) {
    int64_t application = 0, version = 0, tables = 0;
    int r = fd_sqlite_query_integer(connection, "PRAGMA application_id", &application);
    if (r == 0)
        r = fd_sqlite_query_integer(connection, "PRAGMA user_version", &version);
    if (r == 0)
        r = fd_sqlite_query_integer(connection, "SELECT count(*) FROM sqlite_schema", &tables);
    if (r == -EBADMSG)
        return fd_sqlite_fault(connection, given, "no fisherd database, or damaged", r, fault);
    if (r == -EROFS)
        return fd_fault_set(fault, -EACCES, "",
                            "%s cannot be read: its log (%s-wal, -shm) cannot be created", given,
                            given);
    if (r < 0)
        return fd_sqlite_fault(connection, given, "cannot be read", r, fault);

    bool empty = application == 0 && version == 0 && tables == 0;
    if (!empty && (application != FD_SQLITE_APPLICATION_ID || version <= 0))
        return fd_fault_set(fault, -EBADMSG, "", "%s is an SQLite database, but not fisherd's",
                            given);
    if ((uint64_t)version > newest)
        return fd_fault_set(fault, -EPROTONOSUPPORT, "",
                            "%s has schema %lld, newer than this program, which knows up to %zu",
                            given, (long long)version, newest);
    *ret = (uint32_t)version;
    return 0;
}

static int connect_reader(fd_sqlite_connection *connection, const char *path, const char *given,
                          fd_fault *fault) {
    int r = fd_sqlite_connect_reader(connection, path);
    if (r == -EBADMSG)
        return fd_sqlite_fault(connection, given, "no fisherd database, or damaged", r, fault);
    return r < 0 ? fd_sqlite_fault(connection, given, "cannot be opened", r, fault) : 0;
}

/* A crash while the file was made leaves a journal, which a reader may not roll back. */
static int finish_journal(const char *path) {
    FD_FREE char *journal = NULL;
    if (asprintf(&journal, "%s-journal", path) < 0)
        return -ENOMEM;
    return access(journal, F_OK) == 0 ? fd_sqlite_roll_back(path) : 0;
}

/* A file that is not ours, or is newer, must be refused before anything is written. */
static int look_first(const char *path, const char *given, size_t newest, fd_fault *fault) {
    FD_CLEANUP(fd_sqlite_disconnect) fd_sqlite_connection connection = {0};
    uint32_t version;
    int r = finish_journal(path);
    if (r == 0)
        r = connect_reader(&connection, path, given, fault);
    return r < 0 ? r : fd_sqlite_inspect(&connection, given, newest, &version, fault);
}

static int check_pages(fd_sqlite_connection *connection, const char *given, fd_fault *fault) {
    char found[200];
    int r = fd_sqlite_query_text(connection, "PRAGMA quick_check(1)", found, sizeof(found));
    if (r < 0)
        return fd_sqlite_fault(connection, given, "cannot be checked", r, fault);
    if (strcmp(found, "ok") != 0)
        return fd_fault_set(fault, -EBADMSG, "", "%s is damaged: %s", given, found);
    return 0;
}

/* ---- the connections ---- */

static int open_writer(fd_sqlite_store *store, const char *given,
                       const fd_sqlite_migration *migrations, size_t n, fd_fault *fault) {
    fd_sqlite_connection *writer = &store->writer;
    int r = fd_sqlite_connect_writer(writer, store->path);
    if (r < 0)
        return fd_sqlite_fault(writer, given, "cannot be opened for writing", r, fault);
    r = fd_sqlite_inspect(writer, given, n, &store->schema.found, fault);
    if (r == 0)
        r = check_pages(writer, given, fault);
    if (r == 0)
        r = fd_sqlite_migrate(writer, store->path, given, store->schema.found, migrations, n,
                              fault);
    if (r < 0)
        return r;
    store->schema.current = (uint32_t)n;

    r = fd_sqlite_execute(writer, "PRAGMA foreign_keys = ON");
    if (r == 0)
        r = fd_sqlite_prepare(writer);
    if (r == 0)
        fd_write_ahead_log_open(store);
    return r < 0 ? fd_sqlite_fault(writer, given, "cannot be prepared", r, fault) : 0;
}

static int open_readers(fd_sqlite_store *store, size_t n, const char *given, fd_fault *fault) {
    for (size_t i = 0; i < n; i++) {
        fd_sqlite_connection *reader = &store->readers[i];
        int r = connect_reader(reader, store->path, given, fault);
        if (r < 0)
            return r;
        r = fd_sqlite_prepare(reader);
        if (r < 0)
            return fd_sqlite_fault(reader, given, "cannot be prepared", r, fault);
        store->idle[store->n_idle++] = reader;
    }
    return 0;
}

/* ---- the store ---- */

static void store_free(fd_sqlite_store *store) {
    for (size_t i = 0; i < FD_SQLITE_READERS; i++)
        fd_sqlite_disconnect(&store->readers[i]);
    fd_sqlite_disconnect(&store->writer); /* the last one out empties the log into the file */
    fd_file_lock_release(store->lock);
    (void)pthread_cond_destroy(&store->reader_returned);
    (void)pthread_mutex_destroy(&store->readers_lock);
    free(store->path);
    free(store);
}
FD_DEFINE_CLEANUP(fd_sqlite_store, store_free)

void fd_sqlite_close(fd_store *store) {
    store_free((fd_sqlite_store *)store);
}

static int store_new(const char *given, fd_sqlite_store **ret, fd_fault *fault) {
    fd_sqlite_store *store = calloc(1, sizeof(*store));
    if (!store)
        return -ENOMEM;
    store->store.operations = &fd_sqlite_operations;
    store->lock = -1;
    (void)pthread_mutex_init(&store->readers_lock, NULL);
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&store->reader_returned, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    *ret = store;
    return fd_sqlite_resolve(given, &store->path, fault);
}

int fd_sqlite_open(const char *given, const fd_sqlite_migration *migrations, size_t n,
                   fd_store **ret, fd_fault *fault) {
    FD_CLEANUP(store_freep) fd_sqlite_store *store = NULL;
    int r = create_file(given, fault);
    if (r == 0)
        r = store_new(given, &store, fault);
    if (r == 0)
        r = look_first(store->path, given, n, fault);
    if (r == 0)
        r = fd_sqlite_take_lock(store->path, given, &store->lock, fault);
    if (r == 0)
        r = open_writer(store, given, migrations, n, fault);
    if (r == 0)
        r = open_readers(store, FD_SQLITE_READERS, given, fault);
    if (r < 0)
        return r;
    *ret = &FD_STEAL(store)->store;
    return 0;
}

int fd_store_open_sqlite(const char *path, fd_store **ret, fd_fault *fault) {
    return fd_sqlite_open(path, fd_sqlite_migrations, fd_sqlite_migration_count, ret, fault);
}

int fd_sqlite_open_read_only(const char *given, size_t newest, fd_store **ret, fd_fault *fault) {
    FD_CLEANUP(store_freep) fd_sqlite_store *store = NULL;
    int r = store_new(given, &store, fault);
    if (r < 0)
        return r;

    fd_sqlite_connection *first = &store->readers[0];
    fd_schema *schema = &store->schema;
    r = connect_reader(first, store->path, given, fault);
    if (r == 0)
        r = fd_sqlite_inspect(first, given, newest, &schema->found, fault);
    if (r < 0)
        return r;
    if (schema->found == 0)
        return fd_fault_set(fault, -EBADMSG, "", "%s is empty, no fisherd database", given);
    if (schema->found < newest)
        return fd_fault_set(fault, -EPROTONOSUPPORT, "",
                            "%s has schema %u, older than this program's %zu: migrate it first",
                            given, schema->found, newest);
    schema->current = schema->found;
    fd_sqlite_disconnect(first);

    /* All that is read is of one moment, or what is added meanwhile would seem to contradict it. */
    r = open_readers(store, 1, given, fault);
    if (r < 0)
        return r;
    r = fd_sqlite_execute(first, "BEGIN");
    if (r < 0)
        return fd_sqlite_fault(first, given, "cannot be read", r, fault);
    *ret = &FD_STEAL(store)->store;
    return 0;
}

int fd_store_open_sqlite_read_only(const char *path, fd_store **ret, fd_fault *fault) {
    return fd_sqlite_open_read_only(path, fd_sqlite_migration_count, ret, fault);
}

fd_schema fd_store_sqlite_schema(const fd_store *store) {
    return ((const fd_sqlite_store *)store)->schema;
}
