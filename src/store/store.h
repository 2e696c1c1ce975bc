/*
 * The store: items, the history of labels, and models, on disk or in memory.
 *
 * Reading and writing go through a table of operations, so that a backend is one file. Rows that go
 * in are borrowed for the call; rows that come out are handed to a callback and valid only inside
 * it. Functions return 0 or -errno: -EIO, -ENOSPC, -EFBIG and -ENOMEM come from below as they are.
 *
 * Threads: the writing operations (begin … rollback, *_add, close) belong to one thread at a time,
 * the engine's writer. The reading operations may be called from any thread at any time and see
 * what was committed.
 */
#ifndef FD_STORE_H
#define FD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"
#include "store_rows.h"

typedef struct fd_store fd_store;

/* ---- operations ---- */

typedef struct fd_store_operations {
    /* Everything between begin and commit is on disk when commit returns 0, or not at all. After a
     * failure other than -EEXIST inside, roll back. */
    int (*begin)(fd_store *store) FD_MUST_CHECK;
    int (*commit)(fd_store *store) FD_MUST_CHECK;
    void (*rollback)(fd_store *store);

    /* Writes and syncs something of no meaning, in a transaction of its own: 0 where others could
     * be too. */
    int (*probe)(fd_store *store) FD_MUST_CHECK;

    /* Adds all rows or none, inside begin and commit. A row whose id is there (or is twice in the
     * list) with the same content, times and sequence aside, counts as unchanged; with other
     * content nothing is added and the result is -EEXIST. `indices` [n] gets each row's index. */
    int (*items_add)(fd_store *store, const fd_item_row *rows, size_t n, uint32_t *indices,
                     fd_added *ret) FD_MUST_CHECK;

    /* The same for labels at revision 0; `sequences` [n] gets each label's place in the history
     * when it was created and 0 when it was there already. -EINVAL if an item is not there or is
     * paired with itself. */
    int (*labels_add)(fd_store *store, const fd_label_row *rows, size_t n, int64_t *sequences,
                      fd_added *ret) FD_MUST_CHECK;

    /* Adds a revision to a label, inside begin and commit; -ENOENT if there is no such label. */
    int (*label_revise)(fd_store *store, const fd_label_change *change,
                        fd_label_changed *ret) FD_MUST_CHECK;

    /* Adds a model that is stored or rejected. -EEXIST if the version is there, -EINVAL if it is
     * 0 or there are no bytes. */
    int (*model_add)(fd_store *store, const fd_model_row *row) FD_MUST_CHECK;

    /* Makes a model the active one, stored or rejected before, without a reason any more; the one
     * that was is stored. -ENOENT if there is no such version, and nothing is written. */
    int (*model_activate)(fd_store *store, uint64_t version) FD_MUST_CHECK;

    /* Deletes all models but the newest `keep` (at least 1), the active one and `spare`. */
    int (*models_prune)(fd_store *store, size_t keep, uint64_t spare,
                        size_t *ret_deleted) FD_MUST_CHECK;

    /* Items in the order of their index, from `first`, at most `limit`. `embeddings` = false may
     * leave the embedding NULL (dimension is set). */
    int (*items_read)(fd_store *store, uint32_t first, size_t limit, bool embeddings,
                      fd_item_visit *visit, void *context) FD_MUST_CHECK;

    /* Label revisions in the order of the history, after sequence `after`, at most `limit`. */
    int (*labels_read)(fd_store *store, int64_t after, size_t limit, fd_label_visit *visit,
                       void *context) FD_MUST_CHECK;

    /* Models from version `highest` down, at most `limit`. `bytes` = false leaves the bytes NULL.
     */
    int (*models_read)(fd_store *store, uint64_t highest, size_t limit, bool bytes,
                       fd_model_visit *visit, void *context) FD_MUST_CHECK;

    int (*counts)(fd_store *store, fd_counts *ret) FD_MUST_CHECK;

    /* Size of what is committed but not in its place yet, from any thread. */
    uint64_t (*log_bytes)(fd_store *store);

    /* Looks for damage: page structure, foreign keys, dense item indices and histories, blob sizes.
     * Each finding, in words for people, goes to `visit`; none is 0 as well. */
    int (*check)(fd_store *store, fd_finding_visit *visit, void *context) FD_MUST_CHECK;

    /* Copies what is committed to a new file, from any thread, while another writes: whole and on
     * disk when it returns 0, not there otherwise. -EEXIST, -EBUSY: the file is there or being
     * written; -ECANCELED: `go_on`, asked now and then, returned false (NULL: always goes on);
     * -EOPNOTSUPP: in memory. All with a fault. */
    int (*back_up)(fd_store *store, const char *to, bool (*go_on)(void *context), void *context,
                   fd_backup *ret, fd_fault *fault) FD_MUST_CHECK;

    void (*close)(fd_store *store);
} fd_store_operations;

struct fd_store {
    const fd_store_operations *operations;
};

static inline void fd_store_close(fd_store *store) {
    if (store)
        store->operations->close(store);
}
FD_DEFINE_CLEANUP(fd_store, fd_store_close)

#endif
