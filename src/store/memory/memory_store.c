/*
 * The store in memory, with the rules of the database: readers see committed rows only. One lock
 * guards the committed counts of items and labels, so that readers see whole transactions.
 */
#include "memory_store.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "fair_lock.h"
#include "memory_assignments.h"
#include "memory_component_blocks.h"
#include "memory_embedders.h"
#include "memory_embedding_jobs.h"
#include "memory_items.h"
#include "memory_labelled_pairs.h"
#include "memory_labels.h"
#include "memory_models.h"
#include "memory_project.h"
#include "memory_scores.h"
#include "memory_shared_files.h"
#include "thread.h"

struct memory_store {
    fd_store store;
    bool in_transaction; /* used by the writer only */
    pthread_rwlock_t lock;
    fd_memory_items items;
    fd_memory_scores scores;
    fd_memory_project project;
    fd_memory_embedders embedders;
    fd_memory_embedding_jobs embedding_jobs;
    fd_memory_labels labels;
    fd_memory_assignments assignments;
    fd_memory_models models; /* with a lock of their own */
    fd_memory_shared_files shared_files;
    fd_memory_component_blocks component_blocks;
};

static struct memory_store *memory_of(fd_store *store) {
    return (struct memory_store *)store;
}

/* The store, which must be in a transaction. */
static struct memory_store *writing_to(fd_store *store) {
    struct memory_store *memory = memory_of(store);
    assert(memory->in_transaction);
    return memory;
}

/* ---- transactions ---- */

static int memory_begin(fd_store *store) {
    struct memory_store *memory = memory_of(store);
    assert(!memory->in_transaction);
    memory->in_transaction = true;
    return 0;
}

static void commit_rows(struct memory_store *memory) {
    FD_WRITE_LOCKED(&memory->lock);
    memory->items.table.committed = memory->items.table.count;
    fd_memory_text_features_commit(&memory->items.text_features);
    memory->scores.table.committed = memory->scores.table.count;
    memory->project.table.committed = memory->project.table.count;
    memory->embedders.table.committed = memory->embedders.table.count;
    fd_memory_embedding_jobs_commit(&memory->embedding_jobs);
    fd_memory_labels_commit(&memory->labels);
    fd_memory_assignments_commit(&memory->assignments);
    fd_memory_component_blocks_commit(&memory->component_blocks);
}

static int memory_commit(fd_store *store) {
    struct memory_store *memory = writing_to(store);
    commit_rows(memory);
    fd_memory_models_commit(&memory->models);
    memory->in_transaction = false;
    return 0;
}

static void roll_back_changes(struct memory_store *memory) {
    FD_WRITE_LOCKED(&memory->lock);
    fd_memory_assignments_rollback(&memory->assignments);
    fd_memory_embedding_jobs_rollback(&memory->embedding_jobs);
}

static void memory_rollback(fd_store *store) {
    struct memory_store *memory = memory_of(store);
    roll_back_changes(memory);
    fd_memory_text_features_drop(&memory->items.text_features, 0);
    fd_memory_items_drop(&memory->items, memory->items.table.committed);
    fd_memory_scores_drop(&memory->scores, memory->scores.table.committed);
    fd_memory_project_drop(&memory->project, memory->project.table.committed);
    fd_memory_embedders_drop(&memory->embedders, memory->embedders.table.committed);
    fd_memory_labels_drop(&memory->labels, memory->labels.table.committed);
    fd_memory_models_rollback(&memory->models);
    fd_memory_component_blocks_rollback(&memory->component_blocks);
    memory->in_transaction = false;
}

static int memory_probe(fd_store *store) {
    (void)store;
    return 0;
}

static int memory_present(fd_store *store) {
    (void)store;
    return 0;
}

/* ---- writing ---- */

static int memory_items_add(fd_store *store, const fd_item_row *rows, size_t n, uint32_t *indices,
                            fd_added *ret) {
    return fd_memory_items_add(&writing_to(store)->items, rows, n, indices, ret);
}

static int memory_text_features_write(fd_store *store, const fd_text_features_row *rows, size_t n) {
    fd_memory_items *items = &writing_to(store)->items;
    return fd_memory_text_features_write(&items->text_features, items->table.count, rows, n);
}

static int memory_scores_add(fd_store *store, const fd_score_row *rows, size_t n,
                             size_t *ret_changed) {
    struct memory_store *memory = writing_to(store);
    return fd_memory_scores_add(&memory->scores, memory->items.table.count, rows, n, ret_changed);
}

static int memory_project_add(fd_store *store, const fd_project_row *row) {
    return fd_memory_project_add(&writing_to(store)->project, row);
}

static int memory_embedder_write(fd_store *store, const fd_embedder_row *row) {
    return fd_memory_embedder_write(&writing_to(store)->embedders, row);
}

static int memory_embedding_job_add(fd_store *store, const fd_embedding_job_row *row,
                                    const fd_embedding_job_item *items, size_t n,
                                    uint64_t most_jobs, uint64_t most_bytes) {
    return fd_memory_embedding_job_add(&writing_to(store)->embedding_jobs, row, items, n, most_jobs,
                                       most_bytes);
}

static int memory_embedding_job_write(fd_store *store, const fd_embedding_job_row *row,
                                      const fd_embedding_job_item *items, size_t n) {
    return fd_memory_embedding_job_write(&writing_to(store)->embedding_jobs, row, items, n);
}

static int memory_embedding_jobs_prune(fd_store *store, int64_t before_ms, size_t keep) {
    return fd_memory_embedding_jobs_prune(&writing_to(store)->embedding_jobs, before_ms, keep);
}

static int memory_labels_add(fd_store *store, const fd_label_row *rows, size_t n,
                             int64_t *sequences, fd_added *ret) {
    struct memory_store *memory = writing_to(store);
    return fd_memory_labels_add(&memory->labels, memory->items.table.count, rows, n, sequences,
                                ret);
}

static int memory_label_rows_add(fd_store *store, const fd_label_row *rows, size_t n) {
    struct memory_store *memory = writing_to(store);
    return fd_memory_label_rows_add(&memory->labels, memory->items.table.count, rows, n);
}

static int memory_label_revise(fd_store *store, const fd_label_change *change,
                               fd_label_changed *ret) {
    return fd_memory_label_revise(&writing_to(store)->labels, change, ret);
}

static int memory_assignments_write(fd_store *store, const fd_assignment_row *rows, size_t n) {
    struct memory_store *memory = writing_to(store);
    return fd_memory_assignments_write(&memory->assignments, memory->items.table.count, rows, n);
}

static int memory_assignment_key_write(fd_store *store,
                                       const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) {
    fd_memory_assignment_key_write(&writing_to(store)->assignments, key);
    return 0;
}

static int memory_model_add(fd_store *store, const fd_model_row *row) {
    return fd_memory_model_add(&writing_to(store)->models, row);
}

static int memory_model_activate(fd_store *store, uint64_t version) {
    return fd_memory_model_activate(&writing_to(store)->models, version);
}

static int memory_models_prune(fd_store *store, size_t keep, uint64_t spare, size_t *ret_deleted) {
    return fd_memory_models_prune(&writing_to(store)->models, keep, spare, ret_deleted);
}

static int memory_component_block_write(fd_store *store, const fd_component_block *block) {
    return fd_memory_component_block_write(&writing_to(store)->component_blocks, block);
}

static int memory_component_blocks_prune(fd_store *store, const char *inputs, size_t limit,
                                         size_t *ret_deleted) {
    return fd_memory_component_blocks_prune(&writing_to(store)->component_blocks, inputs, limit,
                                            ret_deleted);
}

static int memory_shared_file_write(fd_store *store, const char *name, const void *bytes,
                                    size_t size, uint64_t replaced) {
    return fd_memory_shared_file_write(&memory_of(store)->shared_files, name, bytes, size,
                                       replaced);
}

/* ---- reading ---- */

static int memory_items_read(fd_store *store, uint32_t first, size_t limit, bool embeddings,
                             fd_item_visit *visit, void *context) {
    return fd_memory_items_read(&memory_of(store)->items, first, limit, embeddings, visit, context);
}

static int memory_scores_read(fd_store *store, fd_score_visit *visit, void *context) {
    return fd_memory_scores_read(&memory_of(store)->scores, visit, context);
}

static int memory_project_read(fd_store *store, fd_project_visit *visit, void *context) {
    return fd_memory_project_read(&memory_of(store)->project, visit, context);
}

static int memory_project_versions_read(fd_store *store, fd_project_visit *visit, void *context) {
    return fd_memory_project_versions_read(&memory_of(store)->project, visit, context);
}

static int memory_embedder_read(fd_store *store, fd_embedder_visit *visit, void *context) {
    return fd_memory_embedder_read(&memory_of(store)->embedders, visit, context);
}

static int memory_embedding_jobs_read(fd_store *store, int64_t before, size_t limit,
                                      fd_embedding_job_visit *visit, void *context) {
    return fd_memory_embedding_jobs_read(&memory_of(store)->embedding_jobs, before, limit, visit,
                                         context);
}

static int memory_embedding_job_items_read(fd_store *store, int64_t sequence, uint32_t first,
                                           fd_embedding_job_item_visit *visit, void *context) {
    return fd_memory_embedding_job_items_read(&memory_of(store)->embedding_jobs, sequence, first,
                                              visit, context);
}

static int memory_labels_read(fd_store *store, int64_t after, size_t limit, fd_label_visit *visit,
                              void *context) {
    return fd_memory_labels_read(&memory_of(store)->labels, after, limit, visit, context);
}

static int memory_labelled_pairs_read(fd_store *store, int64_t after, int64_t moment, size_t limit,
                                      bool texts, fd_labelled_pair_visit *visit, void *context) {
    struct memory_store *memory = memory_of(store);
    return fd_memory_labelled_pairs_read(&memory->items, &memory->labels, after, moment, limit,
                                         texts, visit, context);
}

static int memory_revision_read(fd_store *store, int64_t sequence, fd_labelled_pair_visit *visit,
                                void *context) {
    struct memory_store *memory = memory_of(store);
    return fd_memory_revision_read(&memory->items, &memory->labels, sequence, visit, context);
}

static int memory_label_newest(fd_store *store, const char *id, int64_t *ret_sequence) {
    return fd_memory_label_newest(&memory_of(store)->labels, id, ret_sequence);
}

static int memory_assignments_read_open(fd_store *store, fd_assignment_row_visit *visit,
                                        void *context) {
    return fd_memory_assignments_read_open(&memory_of(store)->assignments, visit, context);
}

/* Those that have ended are not kept. */
static int memory_assignments_read(fd_store *store, fd_assignment_row_visit *visit, void *context) {
    return memory_assignments_read_open(store, visit, context);
}

static int memory_assignment_key(fd_store *store,
                                 unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) {
    fd_memory_assignment_key(&memory_of(store)->assignments, key);
    return 0;
}

static int memory_models_read(fd_store *store, uint64_t highest, size_t limit, bool bytes,
                              fd_model_visit *visit, void *context) {
    return fd_memory_models_read(&memory_of(store)->models, highest, limit, bytes, visit, context);
}

static int memory_vectors_read(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                               void *context) {
    return fd_memory_vectors_read(&memory_of(store)->items, first, limit, visit, context);
}

static int memory_component_blocks_read(fd_store *store, const char *inputs, uint32_t first,
                                        fd_component_block_visit *visit, void *context) {
    return fd_memory_component_blocks_read(&memory_of(store)->component_blocks, inputs, first,
                                           visit, context);
}

static int memory_shared_file_read(fd_store *store, const char *name, uint64_t known,
                                   fd_shared_file_visit *visit, void *context) {
    return fd_memory_shared_file_read(&memory_of(store)->shared_files, name, known, visit, context);
}

static int memory_counts(fd_store *store, fd_counts *ret) {
    struct memory_store *memory = memory_of(store);
    FD_READ_LOCKED(&memory->lock);
    *ret = (fd_counts){
        .items = memory->items.table.committed,
        .labels = memory->labels.committed_ids,
        .label_rows = memory->labels.table.committed,
        .models = fd_memory_models_count(&memory->models),
    };
    return 0;
}

static uint64_t memory_log_bytes(fd_store *store) {
    (void)store;
    return 0;
}

static int memory_check(fd_store *store, fd_finding_visit *visit, void *context) {
    (void)store;
    (void)visit;
    (void)context;
    return 0;
}

static int memory_back_up(fd_store *store, const char *to, bool (*go_on)(void *context),
                          void *context, fd_backup *ret, fd_fault *fault) {
    (void)store;
    (void)go_on;
    (void)context;
    (void)ret;
    return fd_fault_set(fault, -EOPNOTSUPP, "", "a store in memory cannot be backed up to %s", to);
}

/* ---- opening and closing ---- */

static void memory_close(fd_store *store) {
    struct memory_store *memory = memory_of(store);
    fd_memory_items_clear(&memory->items);
    fd_memory_scores_clear(&memory->scores);
    fd_memory_table_clear(&memory->project.table);
    fd_memory_table_clear(&memory->embedders.table);
    fd_memory_embedding_jobs_clear(&memory->embedding_jobs);
    fd_memory_labels_clear(&memory->labels);
    fd_memory_assignments_clear(&memory->assignments);
    fd_memory_models_clear(&memory->models);
    fd_memory_shared_files_clear(&memory->shared_files);
    fd_memory_component_blocks_clear(&memory->component_blocks);
    (void)pthread_rwlock_destroy(&memory->lock);
    free(memory);
}

static const fd_store_operations memory_operations = {
    .begin = memory_begin,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .probe = memory_probe,
    .present = memory_present,
    .items_add = memory_items_add,
    .text_features_write = memory_text_features_write,
    .scores_add = memory_scores_add,
    .project_add = memory_project_add,
    .embedder_write = memory_embedder_write,
    .embedding_job_add = memory_embedding_job_add,
    .embedding_job_write = memory_embedding_job_write,
    .embedding_jobs_prune = memory_embedding_jobs_prune,
    .labels_add = memory_labels_add,
    .label_rows_add = memory_label_rows_add,
    .label_revise = memory_label_revise,
    .assignments_write = memory_assignments_write,
    .assignment_key_write = memory_assignment_key_write,
    .model_add = memory_model_add,
    .model_activate = memory_model_activate,
    .models_prune = memory_models_prune,
    .component_block_write = memory_component_block_write,
    .component_blocks_prune = memory_component_blocks_prune,
    .component_blocks_read = memory_component_blocks_read,
    .vectors_read = memory_vectors_read,
    .shared_file_write = memory_shared_file_write,
    .items_read = memory_items_read,
    .scores_read = memory_scores_read,
    .project_read = memory_project_read,
    .project_versions_read = memory_project_versions_read,
    .embedder_read = memory_embedder_read,
    .embedding_jobs_read = memory_embedding_jobs_read,
    .embedding_job_items_read = memory_embedding_job_items_read,
    .labels_read = memory_labels_read,
    .labelled_pairs_read = memory_labelled_pairs_read,
    .revision_read = memory_revision_read,
    .label_newest = memory_label_newest,
    .assignments_read_open = memory_assignments_read_open,
    .assignments_read = memory_assignments_read,
    .assignment_key = memory_assignment_key,
    .models_read = memory_models_read,
    .shared_file_read = memory_shared_file_read,
    .counts = memory_counts,
    .log_bytes = memory_log_bytes,
    .check = memory_check,
    .back_up = memory_back_up,
    .close = memory_close,
};

int fd_store_open_memory(fd_store **ret) {
    struct memory_store *memory = calloc(1, sizeof(*memory));
    if (!memory)
        return -ENOMEM;
    memory->store.operations = &memory_operations;
    fd_fair_lock_init(&memory->lock);
    memory->items.table.lock = &memory->lock;
    memory->items.text_features.lock = &memory->lock;
    memory->scores.table.lock = &memory->lock;
    memory->project.table.lock = &memory->lock;
    memory->embedders.table.lock = &memory->lock;
    memory->embedding_jobs.lock = &memory->lock;
    memory->labels.table.lock = &memory->lock;
    fd_memory_assignments_init(&memory->assignments, &memory->lock);
    fd_memory_models_init(&memory->models);
    memory->shared_files.lock = &memory->lock;
    memory->component_blocks.lock = &memory->lock;
    *ret = &memory->store;
    return 0;
}
