/*
 * What the engine's files share.
 *
 * Threads: the writer (writer.c) is the only thread that changes items, answers and the snapshot,
 * so it reads them without the state lock; it takes the lock to change them, the others to read
 * them. The worker (worker.c) trains on its own copies and hands its model to the writer as a job;
 * so does the refitter (refit.c) with its last layers.
 *
 * Locks: `filling` of the desk is held over a whole choice of pairs and taken before all
 * others. None of the others is held over BLAS, SQL or a system call that waits, and none nests
 * in another, metrics aside.
 */
#ifndef FD_ENGINE_PRIVATE_H
#define FD_ENGINE_PRIVATE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "engine.h"
#include "learning_progress.h"
#include "score.h"
#include "select.h"
#include "snapshot.h"
#include "tables.h"
#include "trainer.h"

typedef struct fd_job fd_job;
typedef struct fd_assignments fd_assignments;

/* A change, asked for by a thread that waits for it. */
struct fd_job {
    /* Inside the transaction: writes rows, checks what only the writer can, and reserves all that
     * `apply` needs. -EEXIST, -EINVAL, -ENOENT and -ECANCELED mean that this job alone is
     * refused and wrote nothing; any other failure undoes the whole transaction. */
    int (*store)(fd_engine *engine, fd_job *job);
    /* After the commit, under the state lock: changes the memory; cannot fail. */
    void (*apply)(fd_engine *engine, fd_job *job);

    int result;
    sem_t finished;
    fd_job *next; /* guarded by engine->queue_lock */
};

/* What a transaction adds up to while its jobs are stored. */
typedef struct fd_pending {
    size_t items;   /* rows of embeddings, those of the table included */
    size_t answers; /* revisions of labels, those of the table included */
    fd_snapshot
        *base; /* a new model's snapshot, from which the next one grows; borrowed, or NULL */
} fd_pending;

/* What watch.c watches. */
typedef enum {
    FD_HEALTH_WRITER,
    FD_HEALTH_TRAINING,
    FD_HEALTH_REFIT,
    FD_HEALTH_SUBJECTS
} fd_health_subject;

typedef struct fd_pulse {
    _Atomic double beat;  /* monotonic seconds of the last sign of life; 0: it rests */
    atomic_uint failures; /* in a row */
} fd_pulse;

struct fd_engine {
    fd_engine_options options;
    fd_store *store;
    fd_metrics *metrics;

    pthread_rwlock_t state_lock;
    fd_item_table items;           /* guarded by state_lock */
    fd_label_table answers;        /* guarded by state_lock */
    fd_growing_matrix *embeddings; /* guarded by state_lock; NULL until the first item */
    fd_snapshot *snapshot;         /* guarded by state_lock; NULL until the first item */
    int store_failure;             /* guarded by state_lock; the last transaction's -errno, or 0 */

    fd_pulse pulses[FD_HEALTH_SUBJECTS];

    fd_assignments *desk; /* assignments; locks itself */

    atomic_bool backup_runs;
    double store_failed_since;   /* monotonic seconds; the writer's own */
    uint64_t offered_version;    /* of the model that pairs were last chosen by; the writer's own */
    size_t answers_reserved;     /* room in the table of answers, as the writer knows it */
    fd_pending pending;          /* the writer's own */
    uint64_t last_model_version; /* the highest ever stored; the worker's, between its jobs */
    size_t labels_at_scratch;    /* when a model was last trained from scratch; the worker's own */
    size_t models_stored;        /* the writer's own */

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_filled;
    fd_job *queue_head; /* guarded by queue_lock, as are the next two */
    fd_job **queue_tail;
    bool queue_closed;
    pthread_t writer;

    pthread_mutex_t progress_lock;
    fd_progress progress; /* guarded by progress_lock; without the gain, which the desk knows */

    pthread_mutex_t worker_lock;
    pthread_cond_t worker_wanted;
    pthread_cond_t worker_rested;
    bool worker_stop; /* guarded by worker_lock, as is all below */
    bool train_requested;
    fd_retrain train_from;
    size_t labels_seen;      /* revisions of labels */
    size_t labels_trained;   /* of them when the last training began */
    double oldest_new_label; /* monotonic seconds; when the first after those came */
    fd_trainer_state worker_state;
    double worker_progress;
    pthread_t worker;

    pthread_mutex_t refit_lock;
    pthread_cond_t refit_wanted;
    pthread_cond_t refit_ended;
    bool refit_stop; /* guarded by refit_lock, as is all below */
    bool refit_due;  /* there are answers that the model that serves has not learned from */
    bool refit_runs;
    double refit_due_since; /* monotonic seconds */
    pthread_t refitter;
};

/* ---- writer.c ---- */

int fd_writer_start(fd_engine *engine) FD_MUST_CHECK;
void fd_writer_stop(fd_engine *engine); /* runs what is queued, then joins */

/* Queues a job, waits, and returns its result. */
int fd_writer_run(fd_engine *engine, fd_job *job) FD_MUST_CHECK;

/* Before the writer runs: serves `base` (NULL: an untrained model), grown by all items and answers.
 */
int fd_writer_rebuild(fd_engine *engine, fd_snapshot *base) FD_MUST_CHECK;

/* Sets the gauges that follow the tables and the snapshot. */
void fd_writer_measure(fd_engine *engine);

/* ---- worker.c ---- */

int fd_trainer_start(fd_engine *engine) FD_MUST_CHECK;
void fd_trainer_interrupt(fd_engine *engine);             /* a training ends at its next step */
void fd_trainer_stop(fd_engine *engine);                  /* interrupts, then joins */
void fd_trainer_notify(fd_engine *engine, size_t labels); /* so many answers count now */

/* What a training reads, or a snapshot is made of: copies and references of one moment. */
typedef struct fd_training_data {
    fd_snapshot *snapshot; /* that served; NULL, with nothing else, without items or answers */
    fd_growing_matrix *embeddings;
    size_t n_items;
    size_t n_answers;
    fd_label_revision *answers;
} fd_training_data;
int fd_training_data_read(fd_engine *engine, fd_training_data *ret) FD_MUST_CHECK;
void fd_training_data_clear(fd_training_data *lesson);

/* Answers for libfisher. */
typedef struct fd_training_set {
    fi_answers answers;
    fi_pair *pairs;
    float *targets;
} fd_training_set;

/* Labels that count in the first n rows of a history. */
uint64_t fd_labels_counting(const fd_label_revision *answers, size_t n);

/* Of the labels that came as the `first`-th or later, by their newest revision in the lesson, those
 * that count and are held out or not: of one arm (FD_ORIGIN_ACTIVE, FD_ORIGIN_CONTROL), or with
 * FD_ORIGIN_NONE all. */
int fd_training_set_fill(const fd_training_data *lesson, size_t first, bool held_out, uint16_t arm,
                         fd_training_set *ret) FD_MUST_CHECK;
void fd_training_set_clear(fd_training_set *set);

/* ---- refit.c ---- */

int fd_refitter_start(fd_engine *engine) FD_MUST_CHECK;
void fd_refitter_interrupt(fd_engine *engine); /* a refit ends at its next step */
void fd_refitter_stop(fd_engine *engine);      /* interrupts, then joins */

/* The snapshot has changed; the writer tells, or who starts before it. */
void fd_refitter_notify(fd_engine *engine);

/* ---- watch.c ---- */

/* It works and goes on; it has nothing to do; how what it did has ended. */
void fd_health_beat(fd_engine *engine, fd_health_subject watched);
void fd_health_rest(fd_engine *engine, fd_health_subject watched);
void fd_health_result(fd_engine *engine, fd_health_subject watched, bool has_failed);

/* As fd_engine_ready, of what learns. */
int fd_health_ready(fd_engine *engine, char *reason, size_t size) FD_MUST_CHECK;

/* ---- wait.c ---- */

/* Waits for a condition of the monotonic clock, but no longer than so many seconds. */
void fd_wait_for(pthread_cond_t *condition, pthread_mutex_t *lock, double seconds);

/* ---- models.c ---- */

/* What a trained model is judged by. */
typedef struct fd_evaluation_sets {
    const fi_answers *learned;
    const fi_answers *held_out;
} fd_evaluation_sets;

/*
 * Stores a model that was trained on the lesson as row->version, prunes, and serves it unless it is
 * worse than what served when the lesson was read: then row->state is FD_MODEL_REJECTED. Fills the
 * row's figures on held-out answers. *model becomes the snapshot's.
 */
int fd_model_versions_publish(fd_engine *engine, const fd_training_data *lesson,
                              const fd_evaluation_sets *trial, fi_model **model,
                              fd_model_row *row) FD_MUST_CHECK;

/* Before anything runs: a snapshot of no item of the model that serves, NULL without one, and how
 * many rows of the history the newest training knew (0: none, or unknown). */
int fd_model_versions_replay(fd_engine *engine, fd_snapshot **ret,
                             size_t *ret_trained) FD_MUST_CHECK;

/* ---- resolve.c ---- */

/* Rows of a snapshot for item references. */
typedef struct fd_item_rows {
    /* an item of the table has its index, inline ones follow from snapshot->items */
    uint32_t *rows;
    size_t n_extra;
    float *extra; /* [n_extra x D], the inline embeddings */
} fd_item_rows;

/* -EAGAIN with a fault when there is no item yet. */
int fd_engine_snapshot(fd_engine *engine, fd_snapshot **ret, fd_fault *fault) FD_MUST_CHECK;

/*
 * Reference i belongs to element i / members of the request's list, and is its member
 * names[i % members], or the element itself where names is NULL.
 */
int fd_item_lookup(fd_engine *engine, const fd_snapshot *snapshot, const char *list,
                   const char *const *names, size_t members, const fd_item_reference *references,
                   size_t n, fd_item_rows *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_item_rows_clear(fd_item_rows *resolved);

/* ---- generate.c ---- */

/* Candidates from the item table of a snapshot: a sample of pairs, or the items of all pairs and
 * those of them that have a label. */
typedef struct fd_candidate_sample {
    size_t n_pairs;
    fi_pair *pairs;
    size_t n_members;
    uint32_t *members;
    size_t n_labelled;
    fi_pair *labelled;
} fd_candidate_sample;

/* `unwanted` pairs are never drawn. */
int fd_candidate_sample_draw(fd_engine *engine, const fd_snapshot *snapshot,
                             const fd_sampling *generate, uint64_t seed,
                             const fd_pair_set *unwanted, fd_candidate_sample *ret) FD_MUST_CHECK;
void fd_candidate_sample_clear(fd_candidate_sample *generated);

/* Keeps that share of the pairs, at least `least` of them, that the snapshot's model is least sure
 * of, in their order. */
int fd_keep_contested(fd_candidate_sample *generated, const fd_snapshot *snapshot, double share,
                      size_t least) FD_MUST_CHECK;

/* The prompt of each item of a snapshot: malloc'd [snapshot->items]. */
int fd_prompts_of(fd_engine *engine, const fd_snapshot *snapshot, uint32_t **ret) FD_MUST_CHECK;

/* ---- target.c ---- */

/* The sum of d d' over all pairs within the prompts of the table, by the features of the snapshot;
 * it may know of items that came since. NULL where no prompt has two items: every pair would be
 * worth as little. */
int fd_i_opt_target_find(fd_engine *engine, const fd_snapshot *snapshot,
                         fi_information **ret) FD_MUST_CHECK;

/* ---- source.c ---- */

/* What a selection chooses from and what it counts as known. */
typedef struct fd_candidates {
    fd_snapshot *snapshot;
    bool is_pool;
    fi_pool pool;
    fi_candidates list;
    const fi_pair *rows;     /* [list.n_pairs] its pairs; inline items follow the snapshot's */
    const uint32_t *numbers; /* [list.n_pairs] the index of each in the request; NULL: its own */
    fi_information *past;    /* answered and pending */
    fi_information *target;  /* NULL: that of the candidates */
    struct fd_candidates_memory *memory;
} fd_candidates;

/* `by_prompt`: the prompts of the candidates are needed. */
int fd_candidates_find(fd_engine *engine, const fd_selection_request *request, bool by_prompt,
                       uint64_t seed, const fi_strategy *strategy, fd_candidates *ret,
                       fd_fault *fault) FD_MUST_CHECK;
void fd_candidates_clear(fd_candidates *source);

/* ---- desk.c ---- */

int fd_assignments_new(fd_assignments **ret) FD_MUST_CHECK;
void fd_assignments_free(fd_assignments *desk);

/* ---- lease.c ---- */

/* Where an answer came from, as its assignment's id tells: the arm, and in the lowest 12 bits the
 * probability that the model gave to a, in 4094ths: FD_ORIGIN_EVEN is one half. */
enum {
    FD_ORIGIN_NONE = 0,
    FD_ORIGIN_ACTIVE = 1 << 12,
    FD_ORIGIN_CONTROL = 2 << 12,
    FD_ORIGIN_EVEN = 2047
};
uint16_t fd_origin_of(const char *assignment); /* NULL: none */

/* ---- assign.c ---- */

/* Annotators are numbered as they come. */
int fd_assignments_annotator(fd_engine *engine, const char *annotator, uint32_t *ret) FD_MUST_CHECK;

/* A row of the history, of a label that was `before` so far; in its order, before anything runs. */
int fd_assignments_replay(fd_engine *engine, const fd_label_row *row, uint32_t annotator,
                          fd_preference before) FD_MUST_CHECK;

/* After a label was stored; `fresh` unless it was there before. */
void fd_assignments_on_label(fd_engine *engine, const fd_label_row *row, uint32_t annotator,
                             bool fresh);

/* After a label was corrected or taken back. */
void fd_assignments_on_revision(fd_engine *engine, fi_pair pair, uint32_t annotator,
                                fd_preference before, fd_preference after);

/* ---- select.c ---- */

/* That a is preferred, by the model that serves; 0.5 for items that it does not know. */
double fd_engine_probability(fd_engine *engine, fi_pair pair, uint64_t *ret_model_version);

/* ---- stats.c ---- */

/* The last batches that were chosen for the annotators. */
void fd_batch_history_add(fd_engine *engine, const fd_selection_result *answer);

/* ---- progress.c ---- */

/* A version for the learning curve, unless it is known or was rejected; to be followed by a
 * judgement. */
void fd_progress_add(fd_engine *engine, const fd_model_row *row);

/* How a model fares on held-out answers by the arm that they came from. */
int fd_progress_measure(const fd_training_data *lesson, const fd_snapshot *snapshot,
                        fd_arm_fits *ret) FD_MUST_CHECK;

/* Judges anew. `arms` are those of the model that serves from now on; NULL: the same as before. */
void fd_progress_judge(fd_engine *engine, const fd_arm_fits *arms);

/* Another batch was noted; with the desk's lock held. */
void fd_progress_note_gain(fd_engine *engine);

/* Before anything runs, after fd_model_versions_replay has added what is stored. */
int fd_progress_start(fd_engine *engine) FD_MUST_CHECK;

/* ---- refill.c ---- */

int fd_refill_start(fd_engine *engine) FD_MUST_CHECK;
void fd_refill_stop(fd_engine *engine);

/* Something that the pairs kept ready depend on has changed: a model when `rebuild`. */
void fd_refill_notify(fd_engine *engine, bool rebuild);

/* Fills what is short for an annotator on the thread that asks, unless the queues were filled since
 * that had happened `fills` times. *ret_more: there is something new to take. */
int fd_refill_now(fd_engine *engine, uint32_t annotator, uint64_t fills, bool *ret_more,
                  fd_fault *fault) FD_MUST_CHECK;

static inline int64_t fd_engine_now_ms(const fd_engine *engine) {
    return engine->options.now_ms(engine->options.now_context);
}

static inline int64_t fd_engine_steady_ms(const fd_engine *engine) {
    return engine->options.steady_ms(engine->options.now_context);
}

#endif
