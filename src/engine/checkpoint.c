/* Decides when a checkpoint is written, writes it on a thread of its own, and finds out at the
 * start whether one fits the store. */
#include "checkpoint.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "assignments_state.h"
#include "checkpoint_write.h"
#include "clock.h"
#include "engine_state.h"
#include "item_text_features.h"
#include "log.h"
#include "random_bytes.h"
#include "text_fill.h"
#include "thread.h"

/* The name of the proofs in the store. The newest come first; each of them proves its checkpoint,
 * also while the next one is written. Replicas that share a store have one checkpoint each. */
static const char proofs_name[] = "checkpoint-proofs";
enum { PROOFS_MAX = 32, PROOFS_BYTES = PROOFS_MAX * FD_CHECKPOINT_PROOF };

/* A checkpoint is written again once the rows have grown by this part of them, so that writing
 * takes a small, constant part of the time that the rows took. */
enum { GROWTH = 8 };

/* At the end one is written for a part of the rows that are wanted otherwise, and only if it is
 * small, because the end must be quick. */
enum { LESS_AT_END = 10, ROWS_AT_END_MAX = 1 << 19 };

enum { NICENESS = 10 };

struct fd_checkpoint {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stop; /* guarded by lock, as the next two */
    bool is_due;
    fd_checkpoint_moment due;
    size_t rows; /* of the last one, written or tried; the writer's own */
    bool runs;
    pthread_t thread;
};

int fd_checkpoint_new(fd_engine *engine) {
    struct fd_checkpoint *checkpoint = calloc(1, sizeof(*checkpoint));
    if (!checkpoint)
        return -ENOMEM;
    (void)pthread_mutex_init(&checkpoint->lock, NULL);
    fd_condition_init(&checkpoint->changed);
    engine->checkpoint = checkpoint;
    return 0;
}

void fd_checkpoint_free(fd_engine *engine) {
    struct fd_checkpoint *checkpoint = engine->checkpoint;
    if (!checkpoint)
        return;
    (void)pthread_mutex_destroy(&checkpoint->lock);
    (void)pthread_cond_destroy(&checkpoint->changed);
    free(checkpoint);
}

static bool is_on(const fd_engine *engine) {
    return engine->options.checkpoint && engine->options.checkpoint[0] != '\0';
}

/* ---- proofs ---- */

struct proofs {
    uint64_t version; /* of the shared file; 0: there is none */
    size_t count;
    unsigned char bytes[PROOFS_BYTES];
};

static int take_proofs(void *context, const fd_shared_file *file) {
    struct proofs *proofs = context;
    size_t size = file->size < PROOFS_BYTES ? file->size : PROOFS_BYTES;
    proofs->version = file->version;
    proofs->count = size / FD_CHECKPOINT_PROOF;
    memcpy(proofs->bytes, file->bytes, size);
    return 0;
}

static int read_proofs(fd_engine *engine, struct proofs *ret) {
    *ret = (struct proofs){0};
    return engine->store->operations->shared_file_read(engine->store, proofs_name, 0, take_proofs,
                                                       ret);
}

/* Writes a new one. -EEXIST: another replica did at the same time. */
static int add_proof(fd_engine *engine, unsigned char proof[static FD_CHECKPOINT_PROOF]) {
    struct proofs proofs;
    int r = read_proofs(engine, &proofs);
    if (r < 0)
        return r;
    size_t kept = proofs.count < PROOFS_MAX ? proofs.count : PROOFS_MAX - 1;
    memmove(proofs.bytes + FD_CHECKPOINT_PROOF, proofs.bytes, kept * FD_CHECKPOINT_PROOF);
    fd_random_bytes(proof, FD_CHECKPOINT_PROOF);
    memcpy(proofs.bytes, proof, FD_CHECKPOINT_PROOF);
    return engine->store->operations->shared_file_write(
        engine->store, proofs_name, proofs.bytes, (kept + 1) * FD_CHECKPOINT_PROOF, proofs.version);
}

/* ---- reading one at the start ---- */

/* Whether the last rows of the tables are those of the store: they are, unless somebody changed the
 * database by other means. */
struct comparing {
    fd_engine *engine;
    bool is_same;
};

static const float *last_features(const fd_engine *engine) {
    return fd_growing_matrix_row(engine->text_features, engine->items.count - 1);
}

/* Features that an item has not are not a number, in both. */
static bool are_same_features(const float *a, const float *b) {
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++)
        if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i])))
            return false;
    return true;
}

static int compare_item(void *context, const fd_item_row *row) {
    struct comparing *comparing = context;
    const fd_item_table *items = &comparing->engine->items;
    const fd_item_entry *entry = &items->entries[items->count - 1];
    float features[FD_TEXT_FEATURES];
    fd_text_features_place(&comparing->engine->options, row, features);
    comparing->engine->dimension = row->dimension;
    comparing->is_same = row->index == items->count - 1 && strcmp(row->id, entry->id) == 0 &&
                         strcmp(row->prompt_id, items->prompts[entry->prompt].id) == 0 &&
                         are_same_features(features, last_features(comparing->engine));
    return 0;
}

static int compare_label(void *context, const fd_label_row *row) {
    struct comparing *comparing = context;
    const fd_label_table *labels = &comparing->engine->labels;
    const fd_label_revision *last = &labels->revisions[labels->count - 1];
    const char *name = fd_annotators_name(comparing->engine->annotators, last->annotator);
    comparing->is_same =
        row->sequence == (int64_t)labels->count && row->original == (int64_t)last->label + 1 &&
        row->item_a == last->pair.a && row->item_b == last->pair.b &&
        row->preference == (fd_preference)last->preference && row->created_ms == last->created_ms &&
        row->duration_ms == last->duration_ms && strcmp(row->annotator, name) == 0;
    return 0;
}

/* -EBADMSG: they are others. */
static int compare_last_rows(fd_engine *engine) {
    const fd_store_operations *store = engine->store->operations;
    struct comparing items = {.engine = engine}, labels = {.engine = engine};
    int r = 0;
    if (engine->items.count > 0)
        r = store->items_read(engine->store, (uint32_t)engine->items.count - 1, 1, false,
                              compare_item, &items);
    if (r == 0 && engine->labels.count > 0)
        r = store->labels_read(engine->store, (int64_t)engine->labels.count - 1, 1, compare_label,
                               &labels);
    bool is_same = (items.is_same || engine->items.count == 0) &&
                   (labels.is_same || engine->labels.count == 0);
    return r < 0 || is_same ? r : -EBADMSG;
}

/* The engine has no rows any more. */
static int forget_rows(fd_engine *engine) {
    fd_annotators *annotators;
    int r = fd_annotators_new(&annotators);
    if (r < 0)
        return r;
    fd_annotators_free(engine->annotators);
    engine->annotators = annotators;
    fd_item_table_clear(&engine->items);
    fd_label_table_clear(&engine->labels);
    fd_growing_matrix_free(FD_STEAL(engine->text_features));
    fd_growing_matrix_free(FD_STEAL(engine->groups));
    fd_pair_records_clear(&engine->assignments->records);
    fd_unfinished_pairs_clear(&engine->assignments->unfinished);
    return 0;
}

static int read_and_compare(fd_engine *engine, const fd_counts *counts, fd_checkpoint_step *step,
                            void *context, const char **ret_reason) {
    struct proofs proofs;
    int r = read_proofs(engine, &proofs);
    if (r < 0)
        return r;
    fd_checkpoint_proofs known = {proofs.count, proofs.bytes};
    r = fd_checkpoint_read(engine, &known, step, context, ret_reason);
    if (r < 0)
        return r;
    *ret_reason = "the store has other rows";
    return engine->items.count > counts->items || engine->labels.count > counts->label_rows
               ? -EBADMSG
               : compare_last_rows(engine);
}

int fd_checkpoint_restore(fd_engine *engine, const fd_counts *counts, fd_checkpoint_step *step,
                          void *context, bool *ret) {
    const char *reason = "";
    double start = fd_monotonic_seconds();
    *ret = false;
    if (!is_on(engine))
        return 0;
    int r = read_and_compare(engine, counts, step, context, &reason);
    if (r == -ENOENT || r == -ENOMEM)
        return r == -ENOENT ? 0 : r;
    if (r < 0) {
        fd_log(FD_LOG_WARNING, "checkpoint-ignored", FD_STR("file", engine->options.checkpoint),
               FD_STR("reason", r == -EBADMSG ? reason : strerror(-r)));
        return forget_rows(engine);
    }
    engine->checkpoint->rows = engine->items.count + engine->labels.count;
    fd_log(FD_LOG_INFO, "checkpoint-read", FD_INT("items", engine->items.count),
           FD_INT("revisions", engine->labels.count),
           FD_REAL("seconds", fd_monotonic_seconds() - start));
    *ret = true;
    return 0;
}

/* ---- writing ---- */

/* A failure is no reason to try at each commit. */
static int begin_one(fd_engine *engine, fd_checkpoint_moment *ret) {
    struct fd_checkpoint *checkpoint = engine->checkpoint;
    *ret = (fd_checkpoint_moment){.items = engine->items.count, .revisions = engine->labels.count};
    checkpoint->rows = ret->items + ret->revisions;
    int r = add_proof(engine, ret->proof);
    if (r < 0)
        fd_log(FD_LOG_WARNING, "checkpoint-failed", FD_STR("error", strerror(-r)));
    return r;
}

static void write_one(fd_engine *engine, const fd_checkpoint_moment *moment,
                      bool (*go_on)(fd_engine *engine)) {
    double start = fd_monotonic_seconds();
    uint64_t bytes = 0;
    int r = fd_checkpoint_write(engine, moment, go_on, &bytes);
    if (r == 0)
        fd_log(FD_LOG_INFO, "checkpoint-written", FD_INT("items", moment->items),
               FD_INT("revisions", moment->revisions), FD_INT("bytes", bytes),
               FD_REAL("seconds", fd_monotonic_seconds() - start));
    else if (r != -ECANCELED)
        fd_log(FD_LOG_WARNING, "checkpoint-failed", FD_STR("file", engine->options.checkpoint),
               FD_STR("error", strerror(-r)));
}

/* The writer alone changes the tables, and calls this. */
static size_t count_new_rows(const fd_engine *engine) {
    return engine->items.count + engine->labels.count - engine->checkpoint->rows;
}

void fd_checkpoint_on_commit(fd_engine *engine) {
    struct fd_checkpoint *checkpoint = engine->checkpoint;
    size_t wanted = checkpoint->rows / GROWTH;
    fd_checkpoint_moment moment;
    if (wanted < engine->options.checkpoint_rows)
        wanted = engine->options.checkpoint_rows;
    if (!is_on(engine) || count_new_rows(engine) < wanted || !fd_text_fill_has_ended(engine) ||
        begin_one(engine, &moment) < 0)
        return;
    FD_LOCKED(&checkpoint->lock);
    checkpoint->due = moment;
    checkpoint->is_due = true;
    (void)pthread_cond_signal(&checkpoint->changed);
}

static bool go_on(fd_engine *engine) {
    FD_LOCKED(&engine->checkpoint->lock);
    return !engine->checkpoint->stop;
}

static bool wait_for_one(struct fd_checkpoint *checkpoint, fd_checkpoint_moment *ret) {
    FD_LOCKED(&checkpoint->lock);
    while (!checkpoint->stop && !checkpoint->is_due)
        (void)pthread_cond_wait(&checkpoint->changed, &checkpoint->lock);
    *ret = checkpoint->due;
    checkpoint->is_due = false;
    return !checkpoint->stop;
}

static void *checkpoint_loop(void *context) {
    fd_engine *engine = context;
    fd_checkpoint_moment moment;
    fd_thread_name("checkpoint");
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    while (wait_for_one(engine->checkpoint, &moment))
        write_one(engine, &moment, go_on);
    return NULL;
}

int fd_checkpoint_start(fd_engine *engine) {
    struct fd_checkpoint *checkpoint = engine->checkpoint;
    if (!is_on(engine))
        return 0;
    int r = -pthread_create(&checkpoint->thread, NULL, checkpoint_loop, engine);
    checkpoint->runs = r == 0;
    return r;
}

static void end_thread(struct fd_checkpoint *checkpoint) {
    {
        FD_LOCKED(&checkpoint->lock);
        checkpoint->stop = true;
        (void)pthread_cond_signal(&checkpoint->changed);
    }
    (void)pthread_join(checkpoint->thread, NULL);
    checkpoint->runs = false;
}

void fd_checkpoint_stop(fd_engine *engine) {
    struct fd_checkpoint *checkpoint = engine->checkpoint;
    size_t wanted = engine->options.checkpoint_rows / LESS_AT_END;
    fd_checkpoint_moment moment;
    if (!checkpoint->runs)
        return;
    end_thread(checkpoint);
    if (count_new_rows(engine) > wanted && fd_text_fill_has_ended(engine) &&
        engine->items.count + engine->labels.count <= ROWS_AT_END_MAX &&
        begin_one(engine, &moment) == 0)
        write_one(engine, &moment, NULL);
}
