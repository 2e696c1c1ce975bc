/* Opening and closing a store in an SQLite database, for writing or for reading only. */
#include "sqlite_open.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <unistd.h>

#include "file_owner.h"
#include "sqlite_assignments.h"
#include "sqlite_backend.h"
#include "sqlite_backup.h"
#include "sqlite_check.h"
#include "sqlite_component_blocks.h"
#include "sqlite_counts.h"
#include "sqlite_embedders.h"
#include "sqlite_embedding_jobs.h"
#include "sqlite_items.h"
#include "sqlite_labelled_pairs.h"
#include "sqlite_labels.h"
#include "sqlite_models.h"
#include "sqlite_paths.h"
#include "sqlite_project.h"
#include "sqlite_re_embedding.h"
#include "sqlite_schema.h"
#include "sqlite_scores.h"
#include "sqlite_shared_files.h"
#include "sqlite_statement.h"
#include "sqlite_text_features.h"
#include "sqlite_transaction.h"

/* ---- the file ---- */

/* A new file, as root makes it for a service, belongs to the owner of the folder. */
static int new_file_owner(int file, const char *path) {
    FD_FREE char *copy = strdup(path);
    return copy ? fd_file_owner_like(file, dirname(copy)) : -ENOMEM;
}

/* SQLite itself would create a file that all users can read. Only SQLite opens a file that exists:
 * closing it here would drop the locks of all connections that this process has to it. */
static int create_file(const char *path, fd_fault *fault) {
    int file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 && errno == EEXIST)
        return 0;
    int r = file < 0 ? -errno : new_file_owner(file, path);
    if (file >= 0)
        (void)close(file);
    if (r == 0)
        return 0;
    return fd_fault_set(fault, r, "", "%s cannot be created: %s", path, strerror(-r));
}

/* A crash while the file was made leaves a journal, which a reader may not roll back. */
static int roll_back_journal(const char *path) {
    FD_FREE char *journal = fd_sqlite_join(path, "-journal");
    if (!journal)
        return -ENOMEM;
    return access(journal, F_OK) == 0 ? fd_sqlite_roll_back_journal(path) : 0;
}

/* Refuses a file that is not ours, or is newer, before anything is written to it. */
static int inspect_first(const char *path, const char *given, size_t newest, fd_fault *fault) {
    FD_CLEANUP(fd_sqlite_disconnect) fd_sqlite_connection connection = {0};
    uint32_t version;
    int r = roll_back_journal(path);
    return r < 0 ? r
                 : fd_sqlite_connect_inspected(&connection, path, given, newest, &version, fault);
}

/* ---- the store ---- */

static int open_writer(fd_sqlite_store *store, const char *given, bool checks_pages,
                       const fd_sqlite_migration *migrations, size_t n, fd_fault *fault) {
    fd_sqlite_connection *writer = &store->writer;
    int r = fd_sqlite_connect_writer(writer, store->path);
    if (r < 0)
        return fd_sqlite_fault(writer, given, "cannot be opened for writing", r, fault);
    r = fd_sqlite_inspect(writer, given, n, &store->schema.found, fault);
    if (r == 0 && (checks_pages || store->schema.found != n)) /* before a migration in any case */
        r = fd_page_check_run(writer, given, fault);
    if (r == 0)
        r = fd_sqlite_migrate(writer, store->path, given, store->schema.found, migrations, n,
                              fault);
    if (r < 0)
        return r;
    store->schema.current = (uint32_t)n;

    r = fd_sqlite_execute(writer, "PRAGMA foreign_keys = ON");
    if (r == 0)
        r = fd_sqlite_prepare(writer);
    if (r < 0)
        return fd_sqlite_fault(writer, given, "cannot be prepared", r, fault);
    fd_write_ahead_log_open(&store->log, writer, &store->readers);
    r = fd_database_files_note(store->path, &store->files);
    if (r < 0)
        return fd_fault_set(fault, r, "", "%s: its log cannot be found: %s", given, strerror(-r));
    return 0;
}

static int finish_opening(fd_store *store, fd_fault *fault) {
    return fd_page_check_end(&fd_sqlite_store_of(store)->page_check, fault);
}

static void store_free(fd_sqlite_store *store) {
    fd_page_check_cancel(&store->page_check);
    fd_sqlite_readers_clear(&store->readers);
    /* The last connection empties the log into the file, and removes the log by its name. */
    if (store->writer.database && fd_database_files_have_strangers(&store->files))
        (void)sqlite3_db_config(store->writer.database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    fd_sqlite_disconnect(&store->writer);
    fd_database_lock_release(&store->lock);
    fd_database_files_clear(&store->files);
    free(store->path);
    free(store);
}
FD_DEFINE_CLEANUP(fd_sqlite_store, store_free)

static void close_store(fd_store *store) {
    store_free(fd_sqlite_store_of(store));
}

static uint64_t log_bytes(fd_store *store) {
    return fd_write_ahead_log_bytes(fd_sqlite_store_of(store)->path);
}

static const fd_store_operations operations = {
    .finish_opening = finish_opening,
    .begin = fd_sqlite_begin,
    .commit = fd_sqlite_commit,
    .rollback = fd_sqlite_rollback,
    .probe = fd_sqlite_probe,
    .present = fd_sqlite_present,
    .items_add = fd_sqlite_items_add,
    .text_features_write = fd_sqlite_text_features_write,
    .scores_add = fd_sqlite_scores_add,
    .project_add = fd_sqlite_project_add,
    .embedder_write = fd_sqlite_embedder_write,
    .embedding_job_add = fd_sqlite_embedding_job_add,
    .embedding_job_write = fd_sqlite_embedding_job_write,
    .embedding_jobs_prune = fd_sqlite_embedding_jobs_prune,
    .labels_add = fd_sqlite_labels_add,
    .label_rows_add = fd_sqlite_label_rows_add,
    .label_revise = fd_sqlite_label_revise,
    .assignments_write = fd_sqlite_assignments_write,
    .assignment_key_write = fd_sqlite_assignment_key_write,
    .model_add = fd_sqlite_model_add,
    .model_activate = fd_sqlite_model_activate,
    .models_prune = fd_sqlite_models_prune,
    .component_block_write = fd_sqlite_component_block_write,
    .component_blocks_prune = fd_sqlite_component_blocks_prune,
    .component_blocks_read = fd_sqlite_component_blocks_read,
    .vectors_read = fd_sqlite_vectors_read,
    .shared_file_write = fd_sqlite_shared_file_write,
    .items_read = fd_sqlite_items_read,
    .scores_read = fd_sqlite_scores_read,
    .project_read = fd_sqlite_project_read,
    .project_versions_read = fd_sqlite_project_versions_read,
    .embedder_read = fd_sqlite_embedder_read,
    .embedding_jobs_read = fd_sqlite_embedding_jobs_read,
    .embedding_job_items_read = fd_sqlite_embedding_job_items_read,
    .labels_read = fd_sqlite_labels_read,
    .labelled_pairs_read = fd_sqlite_labelled_pairs_read,
    .revision_read = fd_sqlite_revision_read,
    .label_newest = fd_sqlite_label_newest,
    .assignments_read_open = fd_sqlite_assignments_read_open,
    .assignments_read = fd_sqlite_assignments_read,
    .assignment_key = fd_sqlite_assignment_key,
    .models_read = fd_sqlite_models_read,
    .shared_file_read = fd_sqlite_shared_file_read,
    .counts = fd_sqlite_counts,
    .log_bytes = log_bytes,
    .check = fd_sqlite_check,
    .back_up = fd_sqlite_back_up,
    .close = close_store,
};

static int store_new(const char *given, fd_sqlite_store **ret, fd_fault *fault) {
    fd_sqlite_store *store = calloc(1, sizeof(*store));
    if (!store)
        return -ENOMEM;
    store->store.operations = &operations;
    store->store.re_embedding = &fd_sqlite_re_embedding_operations;
    store->lock = FD_DATABASE_NOT_LOCKED;
    fd_sqlite_readers_init(&store->readers);
    *ret = store;
    int r = fd_sqlite_real_path(given, &store->path, fault);
    return r == 0 ? fd_sqlite_refuse_mounted_alone(store->path, given, fault) : r;
}

/* ---- for writing ---- */

static int open_store(const char *given, bool is_early, const fd_sqlite_migration *migrations,
                      size_t n, fd_store **ret, fd_fault *fault) {
    FD_CLEANUP(store_freep) fd_sqlite_store *store = NULL;
    int r = create_file(given, fault);
    if (r == 0)
        r = store_new(given, &store, fault);
    if (r == 0)
        r = inspect_first(store->path, given, n, fault);
    if (r == 0)
        r = fd_database_lock_take(store->path, given, &store->lock, fault);
    if (r == 0)
        r = open_writer(store, given, !is_early, migrations, n, fault);
    if (r == 0)
        r = fd_sqlite_readers_open(&store->readers, FD_SQLITE_READERS, store->path, given, fault);
    if (r == 0 && is_early && store->schema.found == n)
        r = fd_page_check_start(&store->page_check, &store->readers, given);
    if (r < 0)
        return r;
    *ret = &FD_STEAL(store)->store;
    return 0;
}

int fd_sqlite_open(const char *given, const fd_sqlite_migration *migrations, size_t n,
                   fd_store **ret, fd_fault *fault) {
    return open_store(given, false, migrations, n, ret, fault);
}

int fd_store_open_sqlite(const char *path, fd_store **ret, fd_fault *fault) {
    return fd_sqlite_open(path, fd_sqlite_migrations, fd_sqlite_migration_count, ret, fault);
}

int fd_store_open_sqlite_early(const char *path, fd_store **ret, fd_fault *fault) {
    return open_store(path, true, fd_sqlite_migrations, fd_sqlite_migration_count, ret, fault);
}

/* ---- for reading only ---- */

static int inspect_for_reading(fd_sqlite_store *store, const char *given, size_t newest,
                               fd_fault *fault) {
    FD_CLEANUP(fd_sqlite_disconnect) fd_sqlite_connection connection = {0};
    fd_schema *schema = &store->schema;
    int r =
        fd_sqlite_connect_inspected(&connection, store->path, given, newest, &schema->found, fault);
    if (r < 0)
        return r;
    if (schema->found == 0)
        return fd_fault_set(fault, -EBADMSG, "", "%s is empty, not a fisherd database", given);
    if (schema->found < newest)
        return fd_fault_set(fault, -EPROTONOSUPPORT, "",
                            "%s has schema %u, older than this program's %zu: migrate it first",
                            given, schema->found, newest);
    schema->current = schema->found;
    return 0;
}

/* One connection in one transaction, so that all readings see the same moment. Rows that a daemon
 * adds between two readings would look like contradictions. */
static int open_reader(fd_sqlite_store *store, const char *given, fd_fault *fault) {
    int r = fd_sqlite_readers_open(&store->readers, 1, store->path, given, fault);
    if (r < 0)
        return r;
    fd_sqlite_connection *reader = &store->readers.connections[0];
    r = fd_sqlite_execute(reader, "BEGIN");
    return r < 0 ? fd_sqlite_fault(reader, given, "cannot be read", r, fault) : 0;
}

int fd_sqlite_open_read_only(const char *given, size_t newest, fd_store **ret, fd_fault *fault) {
    FD_CLEANUP(store_freep) fd_sqlite_store *store = NULL;
    int r = store_new(given, &store, fault);
    if (r == 0)
        r = inspect_for_reading(store, given, newest, fault);
    if (r == 0)
        r = open_reader(store, given, fault);
    if (r < 0)
        return r;
    *ret = &FD_STEAL(store)->store;
    return 0;
}

int fd_store_open_sqlite_still(const char *path, fd_store **ret, fd_fault *fault) {
    FD_CLEANUP(store_freep) fd_sqlite_store *store = NULL;
    int r = store_new(path, &store, fault);
    if (r == 0)
        r = inspect_for_reading(store, path, fd_sqlite_migration_count, fault);
    if (r == 0)
        r = fd_database_lock_take(store->path, path, &store->lock, fault);
    if (r == 0)
        r = open_reader(store, path, fault);
    if (r < 0)
        return r;
    *ret = &FD_STEAL(store)->store;
    return 0;
}

int fd_store_open_sqlite_read_only(const char *path, fd_store **ret, fd_fault *fault) {
    return fd_sqlite_open_read_only(path, fd_sqlite_migration_count, ret, fault);
}

fd_schema fd_store_sqlite_schema(const fd_store *store) {
    return ((const fd_sqlite_store *)store)->schema;
}
