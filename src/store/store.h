/*
 * The store: items and their scores, the history of labels, assignments, model versions and the
 * project, on disk or in memory. A backend implements a table of operations.
 *
 * Functions return 0 or -errno; any of them may return -EIO, -ENOSPC, -EFBIG or -ENOMEM. Rows that
 * are passed in are borrowed for the call. Rows that are read are passed to a callback and are
 * valid only inside it.
 *
 * Threads: one thread at a time, the engine's writer, calls the operations that write (begin to
 * models_prune) and close. Any thread may call the others at any time; they see committed rows
 * only.
 */
#ifndef FD_STORE_H
#define FD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "component_block.h"
#include "embedding_job_rows.h"
#include "fault.h"
#include "macros.h"
#include "shared_file.h"
#include "store_replicas.h"
#include "store_rows.h"

typedef struct fd_store fd_store;

typedef struct fd_store_operations {
    /* Waits for what opening early left to find out, before the first transaction; NULL: nothing.
     * -EBADMSG, with a fault: the store is damaged. */
    int (*finish_opening)(fd_store *store, fd_fault *fault) FD_MUST_CHECK;

    /* When commit returns 0, everything since begin is on disk; otherwise nothing is, except after
     * -EAGAIN: a store of several replicas may not know, and tells by was_committed or catch_up. If
     * an operation in between fails, the caller rolls back, except after -EEXIST. */
    int (*begin)(fd_store *store) FD_MUST_CHECK;
    int (*commit)(fd_store *store) FD_MUST_CHECK;
    void (*rollback)(fd_store *store);

    /* Writes and syncs a meaningless row in a transaction of its own. 0: the store can write. */
    int (*probe)(fd_store *store) FD_MUST_CHECK;

    /* Looks whether what was opened is still in its place. -ESTALE: it was removed, moved or
     * replaced, so that new rows would be lost; commit then fails with the same. */
    int (*present)(fd_store *store) FD_MUST_CHECK;

    /* Adds all rows or none, inside begin and commit. A row whose id is stored already, or comes
     * earlier in the list, counts as unchanged if its content is the same; created_ms, index
     * and text features are not content. If its content differs, nothing is added and the result is
     * -EEXIST. `indices` [n] gets the index of each row. */
    int (*items_add)(fd_store *store, const fd_item_row *rows, size_t n, uint32_t *indices,
                     fd_added *ret) FD_MUST_CHECK;

    /* Writes the text features of items, each in the place of those that the item had, inside begin
     * and commit. -EINVAL if an item does not exist; then none is written. */
    int (*text_features_write)(fd_store *store, const fd_text_features_row *rows,
                               size_t n) FD_MUST_CHECK;

    /* Adds scores, inside begin and commit. A row that repeats the newest one of its item and name,
     * or withdraws what is not there, is not written; *ret_changed counts the others. -EINVAL if an
     * item does not exist; then none is written. */
    int (*scores_add)(fd_store *store, const fd_score_row *rows, size_t n,
                      size_t *ret_changed) FD_MUST_CHECK;

    /* Adds a version of the project, inside begin and commit. -EEXIST if it is not the one after
     * the newest. */
    int (*project_add)(fd_store *store, const fd_project_row *row) FD_MUST_CHECK;

    /* Writes the embedder of the items, in the place of the one before, inside begin and commit. */
    int (*embedder_write)(fd_store *store, const fd_embedder_row *row) FD_MUST_CHECK;

    /* Adds an embedding job with its n items, inside begin and commit, as are the next two.
     * -EEXIST: its author has used its key. -EINVAL: with it, jobs that have not ended would be
     * more than `most_jobs`, or their contents more than `most_bytes`; one that has ended is not
     * refused. */
    int (*embedding_job_add)(fd_store *store, const fd_embedding_job_row *row,
                             const fd_embedding_job_item *items, size_t n, uint64_t most_jobs,
                             uint64_t most_bytes) FD_MUST_CHECK;

    /* Writes what may change of a job: state, done, created, unchanged, error, embedder_ms, and the
     * times; and the vectors of n items. Where `done` is 0, vectors from before are dropped. With
     * an end, the items are. -ECANCELED if the job has ended, or is not there; then nothing is
     * written. */
    int (*embedding_job_write)(fd_store *store, const fd_embedding_job_row *row,
                               const fd_embedding_job_item *items, size_t n) FD_MUST_CHECK;

    /* Drops jobs that ended before a time, and all that have ended but the newest `keep`. */
    int (*embedding_jobs_prune)(fd_store *store, int64_t before_ms, size_t keep) FD_MUST_CHECK;

    /* Adds labels at revision 0, as items are added. `sequences` [n] gets the place of each new
     * label in the history, and 0 for a label that is stored already. -EINVAL if an item does not
     * exist or is paired with itself. */
    int (*labels_add)(fd_store *store, const fd_label_row *rows, size_t n, int64_t *sequences,
                      fd_added *ret) FD_MUST_CHECK;

    /* Adds a revision to a label, inside begin and commit. -ENOENT if there is no such label. */
    int (*label_revise)(fd_store *store, const fd_label_change *change,
                        fd_label_changed *ret) FD_MUST_CHECK;

    /* Adds rows of the history as another store has them, inside begin and commit: with their place
     * in it, which must be the next one. `original` is not read. -EINVAL if a row does not continue
     * the history or its label, or an item does not exist or is paired with itself; then none is
     * written. */
    int (*label_rows_add)(fd_store *store, const fd_label_row *rows, size_t n) FD_MUST_CHECK;

    /* Adds assignments, inside begin and commit. Of one whose id is stored only the expiry and the
     * end are changed. -EINVAL if an item does not exist; then none is written. */
    int (*assignments_write)(fd_store *store, const fd_assignment_row *rows,
                             size_t n) FD_MUST_CHECK;

    /* Writes the key of the hash in their ids, in the place of the one that the store drew. */
    int (*assignment_key_write)(
        fd_store *store, const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) FD_MUST_CHECK;

    /* Adds a model whose state is stored or rejected, inside begin and commit, as are the next two.
     * -EEXIST if the version exists, -EINVAL if it is 0 or there are no bytes. */
    int (*model_add)(fd_store *store, const fd_model_row *row) FD_MUST_CHECK;

    /* Makes a model the active one and clears its reason; the model that was active becomes stored.
     * -ENOENT if there is no such version; then nothing is written. */
    int (*model_activate)(fd_store *store, uint64_t version) FD_MUST_CHECK;

    /* Deletes all models but the newest `keep` (at least 1), the active one and `spare`. */
    int (*models_prune)(fd_store *store, size_t keep, uint64_t spare,
                        size_t *ret_deleted) FD_MUST_CHECK;

    /* Writes a block of components in the place of the one with its inputs and number, and deletes
     * at most `limit` blocks of other inputs, inside begin and commit. */
    int (*component_block_write)(fd_store *store, const fd_component_block *block) FD_MUST_CHECK;
    int (*component_blocks_prune)(fd_store *store, const char *inputs, size_t limit,
                                  size_t *ret_deleted) FD_MUST_CHECK;

    /* Writes a shared file in the place of its version `replaced` (0: there is none), outside of
     * begin and commit: a transaction of its own. -EEXIST: it has another version, and nothing is
     * written. At a store of several replicas any thread may call it. */
    int (*shared_file_write)(fd_store *store, const char *name, const void *bytes, size_t size,
                             uint64_t replaced) FD_MUST_CHECK;

    /* Reads at most `limit` items in the order of their index, from `first`. Without `embeddings`
     * these are not touched: the embedding is NULL, and dimension that of the first item. */
    int (*items_read)(fd_store *store, uint32_t first, size_t limit, bool embeddings,
                      fd_item_visit *visit, void *context) FD_MUST_CHECK;

    /* Reads the embeddings of at most `limit` items in the order of their index, from `first`:
     * index, embedding and dimension alone. */
    int (*vectors_read)(fd_store *store, uint32_t first, size_t limit, fd_item_visit *visit,
                        void *context) FD_MUST_CHECK;

    /* Reads blocks of components of some inputs in the order of their numbers, from `first`. */
    int (*component_blocks_read)(fd_store *store, const char *inputs, uint32_t first,
                                 fd_component_block_visit *visit, void *context) FD_MUST_CHECK;

    /* Reads all scores, in the order in which they were added. */
    int (*scores_read)(fd_store *store, fd_score_visit *visit, void *context) FD_MUST_CHECK;

    /* Reads the newest version of the project, if there is one. */
    int (*project_read)(fd_store *store, fd_project_visit *visit, void *context) FD_MUST_CHECK;

    /* Reads all versions of the project, from the first. */
    int (*project_versions_read)(fd_store *store, fd_project_visit *visit,
                                 void *context) FD_MUST_CHECK;

    /* Reads the embedder of the items, if it is known. */
    int (*embedder_read)(fd_store *store, fd_embedder_visit *visit, void *context) FD_MUST_CHECK;

    /* Reads at most `limit` embedding jobs, the newest first, of those before sequence `before`. */
    int (*embedding_jobs_read)(fd_store *store, int64_t before, size_t limit,
                               fd_embedding_job_visit *visit, void *context) FD_MUST_CHECK;

    /* Reads the items of an embedding job in the order of their places, from `first`. */
    int (*embedding_job_items_read)(fd_store *store, int64_t sequence, uint32_t first,
                                    fd_embedding_job_item_visit *visit,
                                    void *context) FD_MUST_CHECK;

    /* Reads at most `limit` revisions of labels in the order of the history, after `after`. */
    int (*labels_read)(fd_store *store, int64_t after, size_t limit, fd_label_visit *visit,
                       void *context) FD_MUST_CHECK;

    /* Reads labels as they were when the history had `moment` rows: of each label the newest of
     * those, in the order of the history, after sequence `after`, at most `limit`. `texts`: with
     * prompts, responses and metadata. Assignments that have ended may be missing. */
    int (*labelled_pairs_read)(fd_store *store, int64_t after, int64_t moment, size_t limit,
                               bool texts, fd_labelled_pair_visit *visit,
                               void *context) FD_MUST_CHECK;

    /* Reads one row of the history with its items, without texts, and its assignment. Nothing is
     * visited where there is none. */
    int (*revision_read)(fd_store *store, int64_t sequence, fd_labelled_pair_visit *visit,
                         void *context) FD_MUST_CHECK;

    /* The place in the history of the newest revision of a label. -ENOENT if there is no label. */
    int (*label_newest)(fd_store *store, const char *id, int64_t *ret_sequence) FD_MUST_CHECK;

    /* Reads the open assignments, in the order in which they were added. */
    int (*assignments_read_open)(fd_store *store, fd_assignment_row_visit *visit,
                                 void *context) FD_MUST_CHECK;

    /* Reads all assignments, in the order in which they were added. Those that have ended may be
     * missing. */
    int (*assignments_read)(fd_store *store, fd_assignment_row_visit *visit,
                            void *context) FD_MUST_CHECK;

    /* The key of the hash in the ids of assignments; the same as long as the store exists. */
    int (*assignment_key)(fd_store *store,
                          unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) FD_MUST_CHECK;

    /* Reads at most `limit` models from version `highest` down. Without `bytes` these are NULL. */
    int (*models_read)(fd_store *store, uint64_t highest, size_t limit, bool bytes,
                       fd_model_visit *visit, void *context) FD_MUST_CHECK;

    /* Reads a shared file, unless its version is `known`. Nothing is visited if there is none. */
    int (*shared_file_read)(fd_store *store, const char *name, uint64_t known,
                            fd_shared_file_visit *visit, void *context) FD_MUST_CHECK;

    int (*counts)(fd_store *store, fd_counts *ret) FD_MUST_CHECK;

    /* The size in bytes of the log: committed changes that are not yet in the database file. */
    uint64_t (*log_bytes)(fd_store *store);

    /* Looks for damage: page structure, foreign keys, gaps in item indices and in histories, blob
     * sizes. Passes each finding, a sentence for people, to `visit`. Returns 0 with findings. */
    int (*check)(fd_store *store, fd_finding_visit *visit, void *context) FD_MUST_CHECK;

    /* Copies all committed rows to a new file, while another thread writes. The file is complete
     * and on disk if the result is 0, and does not exist otherwise. Errors, all with a fault:
     * -EINVAL its name is one of another file of a database, such as its log; -EEXIST the file
     * exists; -ESTALE the store is not present; -EBUSY another backup writes it; -ECANCELED
     * `go_on`, which is called now and then unless it is NULL, returned false; -EOPNOTSUPP the
     * store is in memory. */
    int (*back_up)(fd_store *store, const char *to, bool (*go_on)(void *context), void *context,
                   fd_backup *ret, fd_fault *fault) FD_MUST_CHECK;

    void (*close)(fd_store *store);
} fd_store_operations;

struct fd_store {
    const fd_store_operations *operations;
    const fd_replica_operations *replicas; /* NULL: one process alone opens the store */
    const struct fd_re_embedding_operations *re_embedding; /* re_embedding.h; NULL: it cannot */
};

static inline void fd_store_close(fd_store *store) {
    if (store)
        store->operations->close(store);
}
FD_DEFINE_CLEANUP(fd_store, fd_store_close)

#endif
