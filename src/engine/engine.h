/*
 * The engine: all of fisherd's state, and what can be done with it.
 *
 * Strings and arrays in arguments are borrowed for the call. What is wrong with a request is told
 * through `fault`, whose pointer follows the JSON of the API; then nothing has changed. Return
 * values: -EINVAL wrong content, -ENOENT no such thing, -EEXIST conflict, -ENOSPC and -EIO the
 * store failed (nothing is half-written), -ESHUTDOWN closing, -ENOMEM.
 *
 * Threads: every function may be called from any thread at any time between fd_engine_open and
 * fd_engine_close.
 */
#ifndef FD_ENGINE_H
#define FD_ENGINE_H

#include <fisher/design.h>
#include <fisher/learn.h>
#include <stdbool.h>

#include "fault.h"
#include "macros.h"
#include "metrics.h"
#include "store.h"

typedef struct fd_engine fd_engine;

/* Where the training of a network begins. */
typedef enum fd_retrain {
    FD_RETRAIN_SCRATCH,    /* fresh weights */
    FD_RETRAIN_WARM,       /* the network that serves, if one does */
    FD_RETRAIN_AUTO,       /* the same, and fresh weights whenever the labels have doubled */
    FD_RETRAIN_CONFIGURED, /* of a request: as the options have it */
} fd_retrain;

typedef struct fd_engine_options {
    fi_kind kind;        /* of new models, as the next three */
    uint32_t components; /* as in fi_shape */
    uint32_t hidden_layers;
    uint32_t hidden_width;
    double prior_precision;  /* lambda; 0: learned with the model */
    const char *strategy;    /* when a request names none */
    uint32_t max_per_item;   /* pairs of a batch an item may be in; 0: any number */
    uint32_t max_per_prompt; /* pairs of a batch that may touch a prompt; 0: any number */
    double copy_distance;    /* as in fi_selection_options */
    struct fd_scope_options {
        const char *candidates; /* of assignments: "in_prompt", "cross_prompt" or "any" pairs */
        uint32_t per_pair;      /* of them, drawn for each pair that is chosen; 0: all */
        double contested;       /* share of those kept: the ones that the model is least sure of */
    } offer;
    uint32_t ready;            /* pairs kept ready at least */
    uint32_t redundancy;       /* annotators that a pair goes to */
    double redundancy_share;   /* of pairs; the others go to one */
    double control_fraction;   /* of assignments, drawn at random */
    uint32_t max_skips;        /* others that a skipped pair is offered to */
    double lease_seconds;      /* when a request names none */
    const char *backup_folder; /* where backups go; NULL or "": none are made */
    uint32_t models_kept;      /* versions stored, the newest; what serves is always kept */
    bool refit;                /* the last layer is refitted as answers come */
    fd_retrain retrain;
    uint32_t retrain_labels;  /* new labels that start a retrain; 0: never by count */
    double retrain_seconds;   /* age of the oldest new label that starts one; 0: never by age */
    double stuck_seconds;     /* a training or refit without a step for so long is stuck */
    double held_out_fraction; /* of pairs, never trained on */
    double stop_below;        /* nats of held-out loss that twice the labels are worth */
    fi_train_options train;   /* progress and context are the engine's */
    uint64_t seed;
    /* The system's for NULL: the wall clock, for times that are stored or shown, and one that only
     * goes on, for all that is decided by time. */
    int64_t (*now_ms)(void *context);
    int64_t (*steady_ms)(void *context);
    void *now_context; /* of both */
} fd_engine_options;

fd_engine_options fd_engine_defaults(void);

/*
 * Replays the store and starts the writer and the worker. The store becomes the engine's, also on
 * failure. -EBADMSG with a fault if the store's content contradicts itself.
 */
int fd_engine_open(const fd_engine_options *options, fd_store *store, fd_engine **ret,
                   fd_fault *fault) FD_MUST_CHECK;

/* Calls off the choice of pairs for annotators, now and from now on: to be told before closing,
 * while requests still end. */
void fd_engine_interrupt(fd_engine *engine);

/* Finishes what was accepted, stops training, joins the threads, closes the store. */
void fd_engine_close(fd_engine *engine);
FD_DEFINE_CLEANUP(fd_engine, fd_engine_close)

/* Looks whether the models of a store that nobody serves are sound, and whether the information
 * that each recorded when it was trained is that of the answers it knew. Each finding, in words for
 * people, goes to `visit`; none is 0 as well. */
int fd_engine_verify(fd_store *store, fd_finding_visit *visit, void *context) FD_MUST_CHECK;

/* The figures that GET /metrics prints; lives as long as the engine. */
fd_metrics *fd_engine_metrics(fd_engine *engine);

/* 0 when it serves; otherwise -EAGAIN and a reason in `reason` (at most `size` bytes). */
int fd_engine_ready(fd_engine *engine, char *reason, size_t size) FD_MUST_CHECK;

/* How long the writer has been at what it does, or had jobs to take; 0 when it has none. */
double fd_engine_stalled_seconds(fd_engine *engine);

/* ---- backups ---- */

enum { FD_BACKUP_NAME_SIZE = 101 };

typedef struct fd_backup_made {
    char name[FD_BACKUP_NAME_SIZE];
    fd_backup held;
    double seconds;
} fd_backup_made;

/* Copies what is stored to a new file of the folder for backups while others work; name NULL: one
 * by the time. All failures with a fault or a meaning of their own: -EINVAL no plain name, -EEXIST
 * taken, or there is no folder, -EBUSY one at a time, -ECANCELED closing. */
int fd_engine_back_up(fd_engine *engine, const char *name, fd_backup_made *ret,
                      fd_fault *fault) FD_MUST_CHECK;

/* ---- items ---- */

/* Adds items (index and created_ms are not looked at), all or none. Every dimension is that of the
 * first item ever added. */
int fd_engine_items_add(fd_engine *engine, const fd_item_row *items, size_t n, fd_added *ret,
                        fd_fault *fault) FD_MUST_CHECK;

/* In the order of arrival from index `first`, at most `limit`. */
int fd_engine_items_read(fd_engine *engine, uint32_t first, size_t limit, bool embeddings,
                         fd_item_visit *visit, void *context) FD_MUST_CHECK;

/* -ENOENT if no item has the id. */
int fd_engine_item_read(fd_engine *engine, const char *id, bool embedding, fd_item_visit *visit,
                        void *context) FD_MUST_CHECK;

/* ---- scores ---- */

/* An item of the table by its id, or one that is in no table by its embedding. */
typedef struct fd_item_reference {
    const char *id;         /* NULL: the embedding counts */
    const float *embedding; /* [dimension] */
    size_t dimension;
} fd_item_reference;

typedef struct fd_score {
    double reward;
    double stddev; /* of the reward under the posterior N(beta, M^-1): sqrt(phi' M^-1 phi) */
} fd_score;

/* scores [n]. Faults point at "/items/i…". -ENOENT is not used: an unknown id is -EINVAL. */
int fd_engine_score(fd_engine *engine, const fd_item_reference *items, size_t n, fd_score *scores,
                    uint64_t *ret_model_version, fd_fault *fault) FD_MUST_CHECK;

/* ---- selections ---- */

typedef struct fd_pair_reference {
    fd_item_reference a;
    fd_item_reference b;
} fd_pair_reference;

/* Candidates from the item table, with the request's seed; its groups are the prompts. */
typedef struct fd_sampling {
    fi_scope scope;
    bool all;                    /* every pair in scope, rather than a sample of `pairs` */
    size_t prompts;              /* prompts drawn; 0: all */
    size_t responses_per_prompt; /* items drawn of each; 0: all */
    /* Not looked at with `all`: candidates drawn (0: the configured number for each pair of the
     * batch), and the share of them that is kept, those that the model is least sure of (0: the
     * configured one; 1: all). `random` keeps all. */
    size_t pairs;
    double contested;
    bool include_labelled; /* pairs that have an answer too */
} fd_sampling;

/* The pairs whose ranking i-opt serves. */
typedef enum fd_i_opt_target {
    FD_I_OPT_TARGET_IN_PROMPT,
    FD_I_OPT_TARGET_CANDIDATES
} fd_i_opt_target;

/* Frank-Wolfe steps of a tight certificate. */
enum { FD_TIGHT_STEPS = 10 };

typedef struct fd_selection_request {
    size_t batch_size;
    bool up_to;           /* fewer, or none, where there are no more candidates */
    bool without_figures; /* of the batch and of a random one */
    const char *strategy; /* NULL: the configured one */
    bool has_seed;
    uint64_t seed;                  /* without has_seed a fresh one is drawn */
    const fd_pair_reference *pairs; /* NULL: generate */
    size_t n_pairs;
    fd_sampling generate;
    const fd_pair_reference *pending; /* out but not answered: count as known, are no candidates */
    size_t n_pending;
    const fd_pair_reference *exclude; /* are no candidates */
    size_t n_exclude;
    double prior_precision; /* 0: the configured one, as for the next two */
    uint32_t max_per_item;
    uint32_t max_per_prompt;
    bool has_copy_distance;
    double copy_distance; /* without has_copy_distance the configured one */
    fd_i_opt_target target;
    bool certify_tight;
    bool explain;
    /* Asked now and then; false ends the selection with -ECANCELED. NULL: goes on to the end. */
    bool (*go_on)(void *context);
    void *go_on_context;
} fd_selection_request;

/* One selected pair. */
typedef struct fd_selected_pair {
    size_t index; /* in the request's pairs, or the generated ones, from 0; not set for all pairs */
    fi_pair items; /* rows of the item table; inline ones have larger numbers */
    const char *a; /* ids, which live as long as the engine; NULL for an inline embedding */
    const char *b;
    double p;
    double gain;
    double v;
    double leverage;       /* with `explain` */
    uint64_t entropy_rank; /* with `explain` */
} fd_selected_pair;

typedef struct fd_selection_result {
    uint64_t model_version;
    const char *strategy;
    uint64_t seed;
    size_t count; /* the batch size, or fewer where limits and exclusions leave no more */
    fd_selected_pair *pairs;
    bool indexed;   /* the pairs have an index */
    bool explained; /* leverage and entropy_rank are set */
    double logdet_before;
    double logdet_after;
    double logdet_bound;
    double d_efficiency;
    uint64_t candidates;
    fi_batch_statistics chosen;
    fi_batch_statistics random; /* of a random batch of the same size */
    double elapsed_ms;
} fd_selection_result;

/* The name of the strategy of requests that name none. */
const char *fd_engine_strategy(const fd_engine *engine);

/* Changes nothing. A fault points at "/pairs/i/a", "/pending/i/a", "/exclude/i/a", "/batch_size",
 * "/strategy", "/generate…". */
int fd_engine_select(fd_engine *engine, const fd_selection_request *request,
                     fd_selection_result *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_selection_result_clear(fd_selection_result *answer);

/* ---- labels ---- */

typedef struct fd_label {
    const char *id;
    const char *a; /* item ids */
    const char *b;
    fd_preference preference;
    const char *annotator;
    const char *assignment; /* NULL if none */
    int64_t duration_ms;    /* -1 if not given */
    const char *comment;    /* NULL if none */
} fd_label;

/* Returns 0 only after the labels are on disk. -EEXIST: an id is taken by other content. */
int fd_engine_labels_add(fd_engine *engine, const fd_label *labels, size_t n, fd_added *ret,
                         fd_fault *fault) FD_MUST_CHECK;

/* Corrects a label, or takes it back (FD_PREFER_RETRACTED): a new revision, unless the newest says
 * so already. duration_ms -1 and comment NULL leave those as they were. -ENOENT: no such label, or
 * not one of `annotator` (NULL: of anyone). */
int fd_engine_label_revise(fd_engine *engine, const char *id, const char *annotator,
                           fd_preference preference, int64_t duration_ms, const char *comment,
                           uint32_t *ret_revision) FD_MUST_CHECK;

/* One row of the history with the ids of its items, valid inside the visit. */
typedef struct fd_label_view {
    const fd_label_row *row;
    const char *a;
    const char *b;
} fd_label_view;

typedef int fd_label_view_visit(void *context, const fd_label_view *label);

int fd_engine_labels_read(fd_engine *engine, int64_t after, size_t limit,
                          fd_label_view_visit *visit, void *context) FD_MUST_CHECK;

/* ---- assignments: a pair is out to an annotator until answered, handed back or expired ---- */

/* An item as annotators see it. */
typedef struct fd_shown_item {
    const char *id;
    const char *prompt_id;
    const char *prompt; /* NULL if not given, as are the next two */
    const char *response;
    const char *metadata; /* JSON text */
} fd_shown_item;

typedef struct fd_assignment {
    const char *id;
    const fd_shown_item *a; /* on the left: sides are drawn at random */
    const fd_shown_item *b;
    int64_t expires_ms; /* on the wall clock as it is when the assignment is shown */
    bool control;       /* drawn at random, to compare with */
    const char *strategy;
    double gain; /* NaN where it was not computed */
    double p;    /* that a is preferred */
    uint64_t model_version;
} fd_assignment;

/* Valid inside the visit. Ends the call with what it returns, if not 0. */
typedef int fd_assignment_visit(void *context, const fd_assignment *assignment);

/*
 * The open leases of the annotator, oldest first, and new ones up to `count`: fewer where less lies
 * ready, none only where nothing is left for this annotator now. -EAGAIN with a fault before there
 * are items.
 * lease_seconds 0 is the configured time.
 */
int fd_engine_assign(fd_engine *engine, const char *annotator, size_t count, double lease_seconds,
                     fd_assignment_visit *visit, void *context, fd_fault *fault) FD_MUST_CHECK;

/* The lease runs from now again. -ENOENT if it is not open, or not out to `annotator` (NULL: to
 * anyone); the same for the next one. */
int fd_engine_assignment_renew(fd_engine *engine, const char *id, const char *annotator,
                               double lease_seconds, fd_assignment_visit *visit,
                               void *context) FD_MUST_CHECK;

/* The pair goes back to where it is offered from. */
int fd_engine_assignment_return(fd_engine *engine, const char *id,
                                const char *annotator) FD_MUST_CHECK;

/* ---- statistics of answers ---- */

enum { FD_BATCHES_MAX = 256 };

/* Labels that are not retracted, by their newest revision. */
typedef struct fd_label_counts {
    uint64_t labels;
    uint64_t by_preference[FD_PREFER_RETRACTED + 1];
    uint64_t timed;     /* with a duration */
    double duration_ms; /* of those, in all */
    uint64_t foretold;  /* a or b, of assignments for which the model preferred one */
    uint64_t agreed;    /* of those, as the model had it */
    int64_t last_ms;    /* when the last came; 0: none */
} fd_label_counts;

typedef struct fd_annotator_counts {
    const char *name; /* lives as long as the engine */
    fd_label_counts tally;
    size_t column; /* of the buckets; not set without labels */
} fd_annotator_counts;

/* A batch that was chosen for the annotators. */
typedef struct fd_batch_record {
    int64_t created_ms;
    const char *strategy;
    uint64_t model_version;
    size_t count;
    size_t labels;         /* that counted by then */
    double gain_per_label; /* nats of log det, mean over the pairs */
    double logdet_after;
    double d_efficiency;
    double random_d_efficiency; /* of a random batch of the same size */
} fd_batch_record;

typedef struct fd_stats_request {
    int64_t from_ms;
    int64_t to_ms;     /* after from_ms */
    int64_t bucket_ms; /* at least 1 */
} fd_stats_request;

typedef struct fd_stats {
    fd_label_counts all;
    fd_label_counts active; /* of assignments that a strategy chose */
    fd_label_counts control;
    size_t n_annotators;
    fd_annotator_counts *annotators;
    size_t n_buckets;
    size_t n_columns;
    uint32_t *buckets; /* [n_buckets x n_columns] labels */
    size_t n_batches;
    fd_batch_record *batches; /* the last ones, since the start */
    size_t open_leases;
    size_t ready_active;
    size_t ready_control;
} fd_stats;

int fd_engine_stats(fd_engine *engine, const fd_stats_request *request,
                    fd_stats *ret) FD_MUST_CHECK;
void fd_stats_clear(fd_stats *stats);

/* ---- model ---- */

typedef enum fd_trainer_state {
    FD_TRAINER_IDLE,
    FD_TRAINER_TRAINING,
    FD_TRAINER_FAILED
} fd_trainer_state;

typedef struct fd_model_info {
    uint64_t version; /* 0: nothing was trained yet */
    fi_shape shape;
    size_t feature_count;
    uint64_t items;
    uint64_t labels;        /* that count: no skips */
    uint64_t labels_fitted; /* of them, seen by the last layer; held-out ones included */
    uint64_t refits;        /* of the last layer since the version was trained */
    fd_model_row row;       /* figures of the version, without bytes; NaN and 0 for version 0 */
    double logdet;          /* log det (I_past + prior) */
    fd_trainer_state worker;
    double progress; /* of the running training, 0 to 1 */
} fd_model_info;

int fd_engine_model(fd_engine *engine, fd_model_info *ret) FD_MUST_CHECK;

/* ---- progress: what labelling has brought, and what more of it would ---- */

enum { FD_CURVE_MAX = 128, FD_REASON_SIZE = 192 };

/* A version on the learning curve. */
typedef struct fd_curve_point {
    uint64_t version;
    uint64_t labels; /* trained and tested on */
    uint64_t held_out_labels;
    double held_out_loss;
    double held_out_accuracy;
    double held_out_accuracy_low;
    double held_out_accuracy_high;
} fd_curve_point;

/* Of the held-out answers from one arm of the assignments; NaN without one that is no tie. */
typedef struct fd_arm_fit {
    uint64_t labels;
    double accuracy;
    double accuracy_low; /* its 95% interval */
    double accuracy_high;
} fd_arm_fit;

typedef struct fd_arm_fits {
    fd_arm_fit active; /* pairs that a strategy chose */
    fd_arm_fit control;
} fd_arm_fits;

/* Unknown numbers are NaN. */
typedef struct fd_progress {
    double gain_per_label; /* expected of the latest batch that was chosen, nats of log det */
    double gain_trend;     /* s of gain ~ labels^s over the last batches */
    size_t n_curve;
    fd_curve_point curve[FD_CURVE_MAX]; /* ascending; every second is dropped when it is full */
    fd_arm_fits arms;                   /* by the version that serves */
    double expected_loss_at_double;   /* of the newest version, extrapolated to twice its labels */
    double expected_improvement;      /* what the held-out loss falls by until then */
    double expected_improvement_high; /* the upper end of its interval, as in fi_curve */
    bool stop_recommended;
    char stop_reason[FD_REASON_SIZE];
    char selection_warning[FD_REASON_SIZE]; /* that the choice of pairs hurts; empty: it does not */
} fd_progress;

void fd_engine_progress(fd_engine *engine, fd_progress *ret);

/* ---- versions ---- */

/* Stored versions from `highest` down, at most `limit`, without bytes; the state of the one that
 * serves is FD_MODEL_ACTIVE. */
int fd_engine_models_read(fd_engine *engine, uint64_t highest, size_t limit, fd_model_visit *visit,
                          void *context) FD_MUST_CHECK;

/* Has a stored version serve, until the next training ends. -ENOENT if there is none; -EEXIST with
 * a fault if it does not fit the items or its bytes are damaged; -EAGAIN with a fault before there
 * are items. */
int fd_engine_model_activate(fd_engine *engine, uint64_t version, fd_fault *fault) FD_MUST_CHECK;

/* A copy of a stored version, or for version 0 of what serves, which the caller frees; the row has
 * no bytes. Fails as fd_engine_model_activate. */
int fd_engine_model_copy(fd_engine *engine, uint64_t version, fd_model_row *ret_row,
                         fi_model **ret_model, fd_fault *fault) FD_MUST_CHECK;

/* Asks for a retrain. One that runs goes on, and another follows it, from scratch if any of those
 * who asked meanwhile wants that. -EAGAIN with a fault when there is no label to learn from. */
int fd_engine_train(fd_engine *engine, fd_retrain from, fd_fault *fault) FD_MUST_CHECK;

/* Returns once every training that was asked for has ended, and its model, if it succeeded, serves.
 */
void fd_engine_wait_trained(fd_engine *engine);

/* Returns once what serves has learned from all answers that there are, or cannot; at once without
 * the option `refit`. */
void fd_engine_wait_refitted(fd_engine *engine);

#endif
