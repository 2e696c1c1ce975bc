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

typedef struct fd_store fd_store;

/* ---- rows ---- */

typedef struct fd_item_row {
    uint32_t index; /* dense from 0 in the order of arrival; given by the store */
    const char *id;
    const char *prompt_id;
    const char *prompt; /* NULL if not given, as are response and metadata */
    const char *response;
    const char *metadata; /* JSON text */
    const float *embedding;
    size_t dimension;
    int64_t created_ms;
} fd_item_row;

typedef enum fd_preference {
    FD_PREFER_A,
    FD_PREFER_B,
    FD_PREFER_TIE,
    FD_PREFER_SKIP,
    FD_PREFER_RETRACTED, /* a later revision takes the label back */
} fd_preference;

const char *fd_preference_name(fd_preference preference);      /* "a", "b", "tie", … */
int fd_preference_parse(const char *name, fd_preference *ret); /* -EINVAL; not "retracted" */

/*
 * One revision of a label. The history is append-only: revision 0 is the answer as it was given,
 * later ones correct or retract it, and the newest counts.
 */
typedef struct fd_label_row {
    int64_t sequence; /* place in the history, from 1; given by the store */
    int64_t original; /* that of the label's revision 0; given by the store */
    const char *id;   /* the client's */
    uint32_t revision;
    uint32_t item_a;
    uint32_t item_b;
    fd_preference preference;
    const char *annotator;
    const char *assignment; /* NULL if none */
    int64_t duration_ms;    /* -1 if not given */
    int64_t created_ms;
    const char *comment; /* NULL if none */
} fd_label_row;

/* A correction, or a retraction, of the label with an id. */
typedef struct fd_label_change {
    const char *id;
    fd_preference preference;
    int64_t duration_ms; /* -1: as it was */
    const char *comment; /* NULL: as it was */
    int64_t created_ms;
    const char *annotator; /* whose label alone it may be; NULL: anyone's */
} fd_label_change;

/* What became of it. */
typedef struct fd_label_changed {
    int64_t original; /* the place of revision 0 in the history */
    uint32_t revision;
    fd_preference before;
    bool changed; /* false: the newest revision said so already, and nothing was written */
} fd_label_changed;

typedef enum fd_model_state {
    FD_MODEL_STORED,   /* served, or may serve */
    FD_MODEL_ACTIVE,   /* serves: one at most */
    FD_MODEL_REJECTED, /* came out worse than what served, and never did */
} fd_model_state;

const char *fd_model_state_name(fd_model_state state);           /* "stored", … */
int fd_model_state_parse(const char *name, fd_model_state *ret); /* -EINVAL */

/* A model and its figures, NaN where unknown. */
typedef struct fd_model_row {
    uint64_t version; /* from 1, ascending */
    fd_model_state state;
    const char *reason;   /* why it was rejected; NULL otherwise */
    uint64_t parent;      /* version that the training started from; 0: none */
    int scratch;          /* 1: it started from fresh weights, 0: not, -1: unknown */
    const uint8_t *bytes; /* NULL where they were not asked for */
    size_t size;
    uint64_t labels; /* labels that count it was trained and tested on */
    uint64_t items;  /* items its input statistics were taken from */
    uint32_t iterations;
    double prior_precision; /* lambda */
    double train_loss;
    uint64_t held_out_labels;
    double held_out_loss;
    double held_out_accuracy;
    double held_out_accuracy_low; /* its 95% interval */
    double held_out_accuracy_high;
    double held_out_calibration_error;
    uint64_t control_labels; /* held-out labels of pairs that were drawn at random */
    double control_accuracy; /* on those */
    double seconds;          /* of training */
    int64_t created_ms;
    int64_t answers; /* rows of the history that the training knew, the first ones; -1: unknown */
    double logdet;   /* log det of their information and the prior; NaN: unknown */
} fd_model_row;

/* What became of a list of rows. */
typedef struct fd_added {
    size_t created;
    size_t unchanged; /* rows that were there already with the same content */
    size_t conflict;  /* with -EEXIST: the first row whose id is taken by other content */
} fd_added;

typedef struct fd_counts {
    uint64_t items;
    uint64_t labels;     /* label ids, whatever their newest revision says */
    uint64_t label_rows; /* revisions */
    uint64_t models;
} fd_counts;

/* What a backup holds. */
typedef struct fd_backup {
    uint64_t bytes;
    fd_counts counts;
} fd_backup;

/* A callback ends the reading by returning anything but 0; the call then returns that. */
typedef int fd_item_visit(void *context, const fd_item_row *row);
typedef int fd_label_visit(void *context, const fd_label_row *row);
typedef int fd_model_visit(void *context, const fd_model_row *row);
typedef int fd_finding_visit(void *context, const char *finding);

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

/* ---- backends ---- */

/*
 * Opens or creates an SQLite database, takes the lock that keeps every other fisherd away, and
 * brings it to the newest schema (with a backup beside it before migrating a database that holds
 * data). On failure `fault` says why in words: -EBUSY held by another process, -EBADMSG not a
 * fisherd database or damaged, -EPROTONOSUPPORT newer than this program, -EACCES, -ENOENT, ….
 */
int fd_store_open_sqlite(const char *path, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/*
 * Opens a database that is there for reading alone, also beside a daemon that holds it: creates,
 * migrates and locks nothing; an older schema is -EPROTONOSUPPORT too. begin fails with -EROFS.
 */
int fd_store_open_sqlite_read_only(const char *path, fd_store **ret, fd_fault *fault) FD_MUST_CHECK;

/*
 * Puts a copy of the database `from`, brought to the newest schema, in the place of `path`, once
 * `check` has looked at it, open for reading alone, and returned 0. -EBUSY: a fisherd holds `path`;
 * -EEXIST: there is something, and it is not to be replaced; otherwise what was there is kept under
 * a name of its own, which the caller frees (*ret_kept is NULL where nothing was there). All with a
 * fault; then nothing has changed.
 */
typedef int fd_store_visit(void *context, fd_store *store);
int fd_store_restore_sqlite(const char *path, const char *from, bool replace, fd_store_visit *check,
                            void *context, char **ret_kept, fd_fault *fault) FD_MUST_CHECK;

/* The schema's number as it was found (0: a new database) and as it is, of an SQLite store. */
typedef struct fd_schema {
    uint32_t found;
    uint32_t current;
} fd_schema;
fd_schema fd_store_sqlite_schema(const fd_store *store);

/* A store in memory that ends with the process; for tests. */
int fd_store_open_memory(fd_store **ret) FD_MUST_CHECK;

#endif
