/* What the files of the SQLite backend share. */
#ifndef FD_SQLITE_PRIVATE_H
#define FD_SQLITE_PRIVATE_H

#include <pthread.h>
#include <sqlite3.h>

#include "sqlite_migrations.h"
#include "sqlite_store.h"
#include "store.h"

/* "fish": marks a database as ours, in its header. */
enum {
    FD_SQLITE_APPLICATION_ID = 0x66697368,
    FD_SQLITE_READERS = 4,
    FD_SQLITE_BUSY_MILLISECONDS = 5000,
    FD_SQLITE_LOG_PAGES = 16384 /* 64 MiB: what the log may grow to beside readers */
};

typedef enum fd_sqlite_statement {
#define X(identifier, sql) FD_SQL_##identifier,
#include "sqlite_statements.def"
#undef X
    FD_SQL_COUNT
} fd_sqlite_statement;

/* ---- sqlite_connection.c: a connection and its statements, one thread at a time ---- */

typedef struct fd_sqlite_connection {
    sqlite3 *database;
    sqlite3_stmt *statements[FD_SQL_COUNT];
} fd_sqlite_connection;

/* The result of a call to SQLite, before which errno was 0, as 0 or -errno. `database` may be NULL.
 */
int fd_sqlite_error(sqlite3 *database, int result);

/* `error`, with "PATH: doing: what SQLite says" in the fault. */
int fd_sqlite_fault(const fd_sqlite_connection *connection, const char *path, const char *doing,
                    int error, fd_fault *fault);

int fd_sqlite_connect_writer(fd_sqlite_connection *connection, const char *path) FD_MUST_CHECK;
int fd_sqlite_connect_reader(fd_sqlite_connection *connection, const char *path) FD_MUST_CHECK;
/* Undoes a transaction that a crash left in a journal; whatever else is wrong is not said here. */
int fd_sqlite_roll_back(const char *path) FD_MUST_CHECK;
int fd_sqlite_prepare(fd_sqlite_connection *connection) FD_MUST_CHECK;
void fd_sqlite_disconnect(fd_sqlite_connection *connection);

int fd_sqlite_execute(fd_sqlite_connection *connection, const char *sql) FD_MUST_CHECK;

/* The first column of the first row of a query; no row is "". Texts that do not fit are cut. */
int fd_sqlite_query_text(fd_sqlite_connection *connection, const char *sql, char *text,
                         size_t size) FD_MUST_CHECK;
int fd_sqlite_query_integer(fd_sqlite_connection *connection, const char *sql,
                            int64_t *ret) FD_MUST_CHECK;

/* 1: a row is there, and the statement must be reset; 0: done and reset; -errno: failed, reset. */
int fd_sqlite_step(fd_sqlite_connection *connection, fd_sqlite_statement identifier) FD_MUST_CHECK;
int fd_sqlite_run(fd_sqlite_connection *connection, fd_sqlite_statement identifier) FD_MUST_CHECK;
void fd_sqlite_reset(fd_sqlite_connection *connection, fd_sqlite_statement identifier);

/* Binds parameters one after another and keeps the first failure. Texts and blobs are borrowed. */
typedef struct fd_sqlite_binding {
    sqlite3_stmt *statement;
    int parameter;
    int result;
} fd_sqlite_binding;

fd_sqlite_binding fd_sqlite_bind(fd_sqlite_connection *connection, fd_sqlite_statement identifier);
void fd_sqlite_bind_text(fd_sqlite_binding *binding, const char *text); /* NULL is NULL */
void fd_sqlite_bind_integer(fd_sqlite_binding *binding, int64_t value);
void fd_sqlite_bind_real(fd_sqlite_binding *binding, double value); /* NaN is NULL */
void fd_sqlite_bind_blob(fd_sqlite_binding *binding, const void *bytes, size_t size);
int fd_sqlite_bound(const fd_sqlite_binding *binding) FD_MUST_CHECK;

/* ---- the store ---- */

typedef struct fd_sqlite_store {
    fd_store store;
    char *path; /* the real one */
    int lock;   /* -1 when read-only, and then there is no writer */
    fd_schema schema;
    fd_sqlite_connection writer; /* the writing thread's: the only one that writes or checkpoints */
    fd_sqlite_connection readers[FD_SQLITE_READERS];
    pthread_mutex_t readers_lock;
    pthread_cond_t reader_returned;
    fd_sqlite_connection
        *idle[FD_SQLITE_READERS]; /* guarded by readers_lock, as are the next two */
    size_t n_idle;
    bool gate_closed; /* no reader may begin */
    int log_pages;    /* in the log after the last commit; the writer's, as are the next two */
    int log_bound;    /* what it may grow to */
    int log_empty_at; /* what it is emptied at: more, where that failed */
} fd_sqlite_store;

/* sqlite_open.c: `given` is the path for messages. */
int fd_sqlite_open(const char *given, const fd_sqlite_migration *migrations, size_t n,
                   fd_store **ret, fd_fault *fault) FD_MUST_CHECK;
int fd_sqlite_open_read_only(const char *given, size_t newest, fd_store **ret,
                             fd_fault *fault) FD_MUST_CHECK;
void fd_sqlite_close(fd_store *store);

/* For those who open or replace a file: its real path, and the lock that keeps every other fisherd
 * away from it. */
int fd_sqlite_resolve(const char *given, char **ret, fd_fault *fault) FD_MUST_CHECK;
int fd_sqlite_take_lock(const char *path, const char *given, int *ret,
                        fd_fault *fault) FD_MUST_CHECK;

/* The schema's number, 0 for an empty database; refuses what is not ours or newer. Reads only. */
int fd_sqlite_inspect(fd_sqlite_connection *connection, const char *given, size_t newest,
                      uint32_t *ret, fd_fault *fault) FD_MUST_CHECK;

/* sqlite_backup.c: a copy of what is committed gets its name once it is whole and on disk. -EEXIST
 * if something has the name, unless it is to be replaced. */
int fd_sqlite_copy(fd_sqlite_connection *connection, const char *to, bool replace) FD_MUST_CHECK;
int fd_sqlite_sync_folder_of(const char *path) FD_MUST_CHECK;
bool fd_sqlite_is_there(const char *path); /* or a log or journal that would be played into it */
int fd_sqlite_back_up(fd_store *store, const char *to, bool (*go_on)(void *context), void *context,
                      fd_backup *ret, fd_fault *fault);

/* sqlite_log.c: both by the writer, when it opens and after each commit. */
void fd_write_ahead_log_open(fd_sqlite_store *store);
void fd_write_ahead_log_checkpoint(fd_sqlite_store *store);
uint64_t fd_write_ahead_log_bytes(fd_store *store);

/* sqlite_migrate.c: applies what is newer than `version`, each in a transaction of its own, after a
 * backup beside `path`; NULL: without one. */
int fd_sqlite_migrate(fd_sqlite_connection *connection, const char *path, const char *given,
                      uint32_t version, const fd_sqlite_migration *migrations, size_t n,
                      fd_fault *fault) FD_MUST_CHECK;

/* sqlite_read.c */
fd_sqlite_connection *fd_sqlite_borrow_reader(fd_sqlite_store *store);
void fd_sqlite_return_reader(fd_sqlite_store *store, fd_sqlite_connection *reader);
int fd_sqlite_items_read(fd_store *store, uint32_t first, size_t limit, bool embeddings,
                         fd_item_visit *visit, void *context);
int fd_sqlite_labels_read(fd_store *store, int64_t after, size_t limit, fd_label_visit *visit,
                          void *context);
int fd_sqlite_models_read(fd_store *store, uint64_t highest, size_t limit, bool bytes,
                          fd_model_visit *visit, void *context);
int fd_sqlite_counts(fd_store *store, fd_counts *ret);
int fd_sqlite_read_counts(fd_sqlite_connection *connection, fd_counts *ret) FD_MUST_CHECK;

/* sqlite_check.c */
int fd_sqlite_check(fd_store *store, fd_finding_visit *visit, void *context);

/* sqlite.c */
extern const fd_store_operations fd_sqlite_operations;

#endif
