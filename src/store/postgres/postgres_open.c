/* Opening and closing a store in a PostgreSQL database, for writing or for reading only. */
#include "postgres_open.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "postgres_assignments.h"
#include "postgres_backend.h"
#include "postgres_catch_up.h"
#include "postgres_check.h"
#include "postgres_component_blocks.h"
#include "postgres_embedding_jobs.h"
#include "postgres_items.h"
#include "postgres_labelled_pairs.h"
#include "postgres_labels.h"
#include "postgres_learning.h"
#include "postgres_models.h"
#include "postgres_project.h"
#include "postgres_replicas.h"
#include "postgres_schema.h"
#include "postgres_scores.h"
#include "postgres_settings.h"
#include "postgres_shared_files.h"
#include "postgres_time.h"
#include "postgres_transaction.h"
#include "postgres_url.h"
#include "random_bytes.h"

/* ---- what PostgreSQL has tools of its own for ---- */

static uint64_t log_bytes(fd_store *store) {
    (void)store;
    return 0;
}

static int back_up(fd_store *store, const char *to, bool (*go_on)(void *context), void *context,
                   fd_backup *ret, fd_fault *fault) {
    (void)to;
    (void)go_on;
    (void)context;
    (void)ret;
    return fd_fault_set(fault, -EOPNOTSUPP, "",
                        "%s is a PostgreSQL database: back it up by pg_dump or pg_basebackup",
                        fd_postgres_store_of(store)->name);
}

/* ---- the store ---- */

static void store_free(fd_postgres_store *store) {
    fd_postgres_rollback(&store->store);
    fd_postgres_follower_clear(&store->follower);
    fd_postgres_readers_clear(&store->readers);
    fd_postgres_disconnect(&store->side);
    fd_postgres_disconnect(&store->writer);
    fd_postgres_new_labels_clear(&store->new_labels);
    (void)pthread_mutex_destroy(&store->side_lock);
    free(store->url);
    free(store->name);
    free(store);
}
FD_DEFINE_CLEANUP(fd_postgres_store, store_free)

static void close_store(fd_store *store) {
    store_free(fd_postgres_store_of(store));
}

static const fd_store_operations operations = {
    .begin = fd_postgres_begin,
    .commit = fd_postgres_commit,
    .rollback = fd_postgres_rollback,
    .probe = fd_postgres_probe,
    .present = fd_postgres_present,
    .items_add = fd_postgres_items_add,
    .text_features_write = fd_postgres_text_features_write,
    .scores_add = fd_postgres_scores_add,
    .project_add = fd_postgres_project_add,
    .embedder_write = fd_postgres_embedder_write,
    .embedding_job_add = fd_postgres_embedding_job_add,
    .embedding_job_write = fd_postgres_embedding_job_write,
    .embedding_jobs_prune = fd_postgres_embedding_jobs_prune,
    .labels_add = fd_postgres_labels_add,
    .label_rows_add = fd_postgres_label_rows_add,
    .label_revise = fd_postgres_label_revise,
    .assignments_write = fd_postgres_assignments_write,
    .assignment_key_write = fd_postgres_assignment_key_write,
    .model_add = fd_postgres_model_add,
    .model_activate = fd_postgres_model_activate,
    .models_prune = fd_postgres_models_prune,
    .items_read = fd_postgres_items_read,
    .scores_read = fd_postgres_scores_read,
    .project_read = fd_postgres_project_read,
    .project_versions_read = fd_postgres_project_versions_read,
    .embedder_read = fd_postgres_embedder_read,
    .embedding_jobs_read = fd_postgres_embedding_jobs_read,
    .embedding_job_items_read = fd_postgres_embedding_job_items_read,
    .labels_read = fd_postgres_labels_read,
    .labelled_pairs_read = fd_postgres_labelled_pairs_read,
    .revision_read = fd_postgres_revision_read,
    .label_newest = fd_postgres_label_newest,
    .assignments_read_open = fd_postgres_assignments_read_open,
    .assignments_read = fd_postgres_assignments_read,
    .assignment_key = fd_postgres_assignment_key,
    .models_read = fd_postgres_models_read,
    .component_block_write = fd_postgres_component_block_write,
    .component_blocks_prune = fd_postgres_component_blocks_prune,
    .component_blocks_read = fd_postgres_component_blocks_read,
    .vectors_read = fd_postgres_vectors_read,
    .shared_file_read = fd_postgres_shared_file_read,
    .shared_file_write = fd_postgres_shared_file_write,
    .counts = fd_postgres_counts,
    .log_bytes = log_bytes,
    .check = fd_postgres_check,
    .back_up = back_up,
    .close = close_store,
};

static const fd_replica_operations replica_operations = {
    .catch_up = fd_postgres_catch_up,
    .begin_after = fd_postgres_begin_after,
    .wait_for_change = fd_postgres_wait_for_change,
    .now_ms = fd_postgres_now_ms,
    .resume = fd_postgres_resume,
    .was_committed = fd_postgres_was_committed,
    .hold_learning = fd_postgres_hold_learning,
    .release_learning = fd_postgres_release_learning,
    .model_announce = fd_postgres_model_announce,
    .position = fd_postgres_position,
    .replica_write = fd_postgres_replica_write,
    .replicas_read = fd_postgres_replicas_read,
};

static int store_new(const char *url, fd_postgres_store **ret, fd_fault *fault) {
    fd_postgres_store *store = calloc(1, sizeof(*store));
    if (!store)
        return -ENOMEM;
    uint64_t id;
    fd_random_bytes(&id, sizeof(id));
    (void)snprintf(store->id, sizeof(store->id), "%016llx", (unsigned long long)id);
    store->store.operations = &operations;
    store->store.replicas = &replica_operations;
    atomic_store(&store->ahead_ms, INT64_MIN);
    (void)pthread_mutex_init(&store->side_lock, NULL);
    store->url = strdup(url);
    fd_postgres_readers_init(&store->readers, store->url);
    *ret = store;
    return store->url ? fd_postgres_url_name(url, &store->name, fault) : -ENOMEM;
}

/* The reason of a failure to connect, which is in the log too. */
static int connect_first(fd_postgres_connection *connection, const fd_postgres_store *store,
                         fd_postgres_purpose purpose, fd_fault *fault) {
    int r = fd_postgres_connect(connection, store->url, purpose);
    if (r == 0 || r == -ENOMEM)
        return r;
    const char *message = PQerrorMessage(connection->wire);
    return fd_fault_set(fault, r, "", "%s cannot be opened: %.*s", store->name,
                        (int)strcspn(message, "\n"), message);
}

/* ---- for writing ---- */

/* What must stay in the history from here on, and the time. */
static int look_at_clock(fd_postgres_store *store) {
    FD_CLEANUP(PQclearp) PGresult *clock = NULL;
    FD_CLEANUP(PQclearp) PGresult *time = NULL;
    int r = fd_postgres_run(&store->writer, FD_PG_CLOCK_READ, NULL, &clock);
    if (r == 0)
        r = fd_postgres_moment_at(clock, &store->proof);
    double asked = fd_monotonic_seconds();
    if (r == 0)
        r = fd_postgres_run(&store->writer, FD_PG_TIME, NULL, &time);
    if (r < 0)
        return r;
    fd_postgres_note_time(store, fd_postgres_integer_at(time, 0, 0), asked);
    atomic_store(&store->known_tick, store->proof.tick);
    store->owes_flush = true;
    return 0;
}

int fd_postgres_open(const char *url, const fd_postgres_migration *migrations, size_t n,
                     fd_store **ret, fd_fault *fault) {
    FD_CLEANUP(store_freep) fd_postgres_store *store = NULL;
    int r = store_new(url, &store, fault);
    if (r == 0)
        r = connect_first(&store->writer, store, FD_POSTGRES_WRITES, fault);
    if (r == 0)
        r = fd_postgres_check_settings(&store->writer, store->name, fault);
    if (r == 0)
        r = fd_postgres_migrate(&store->writer, store->name, migrations, n, fault);
    if (r == 0)
        r = look_at_clock(store);
    if (r < 0 && r != -ENOMEM && fault->detail[0] == '\0')
        return fd_fault_set(fault, r, "", "%s cannot be opened: %s", store->name, strerror(-r));
    if (r < 0)
        return r;
    *ret = &FD_STEAL(store)->store;
    return 0;
}

int fd_store_open_postgres(const char *url, fd_store **ret, fd_fault *fault) {
    return fd_postgres_open(url, fd_postgres_migrations, fd_postgres_migration_count, ret, fault);
}

/* ---- for reading only ---- */

static int inspect_for_reading(fd_postgres_store *store, fd_fault *fault) {
    int64_t version = 0;
    size_t newest = fd_postgres_migration_count;
    int r = fd_postgres_inspect(&store->readers.connections[0], store->name, &version, fault);
    if (r < 0)
        return r;
    if (version == 0)
        return fd_fault_set(fault, -EBADMSG, "", "%s is empty, not a fisherd database",
                            store->name);
    if (version == (int64_t)newest)
        return 0;
    return fd_fault_set(fault, -EPROTONOSUPPORT, "", "%s has schema %lld, and this program %zu",
                        store->name, (long long)version, newest);
}

int fd_store_open_postgres_read_only(const char *url, fd_store **ret, fd_fault *fault) {
    FD_CLEANUP(store_freep) fd_postgres_store *store = NULL;
    int r = store_new(url, &store, fault);
    if (r < 0)
        return r;
    store->is_read_only = true;
    r = connect_first(&store->readers.connections[0], store, FD_POSTGRES_READS, fault);
    if (r == 0)
        r = inspect_for_reading(store, fault);
    if (r == 0)
        r = fd_postgres_readers_stand_still(&store->readers);
    if (r < 0 && r != -ENOMEM && fault->detail[0] == '\0')
        return fd_fault_set(fault, r, "", "%s cannot be read: %s", store->name, strerror(-r));
    if (r < 0)
        return r;
    *ret = &FD_STEAL(store)->store;
    return 0;
}
