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
#include <fisher/train.h>
#include <stdbool.h>

#include "fault.h"
#include "macros.h"
#include "metrics.h"
#include "store.h"

typedef struct fd_engine fd_engine;

typedef struct fd_engine_options {
    uint32_t components; /* of new models, as in fi_shape */
    uint32_t hidden_layers;
    uint32_t hidden_width;
    double prior_precision;   /* lambda */
    const char *strategy;     /* when a request names none */
    uint32_t max_per_item;    /* pairs of a batch an item may be in; 0: any number */
    uint32_t max_per_prompt;  /* pairs of a batch that may touch a prompt; 0: any number */
    double copy_distance;     /* as in fi_selection_options */
    uint32_t retrain_labels;  /* new labels that start a retrain; 0: never by count */
    double retrain_seconds;   /* age of the oldest new label that starts one; 0: never by age */
    double held_out_fraction; /* of pairs, never trained on */
    fi_train_options train;   /* progress and context are the engine's */
    uint64_t seed;
    int64_t (*now_ms)(void *context); /* wall clock; NULL for the system's */
    void *now_context;
} fd_engine_options;

fd_engine_options fd_engine_defaults(void);

/*
 * Replays the store and starts the writer and the worker. The store becomes the engine's, also on
 * failure. -EBADMSG with a fault if the store's content contradicts itself.
 */
int fd_engine_open(const fd_engine_options *options, fd_store *store, fd_engine **ret,
                   fd_fault *fault) FD_MUST_CHECK;

/* Finishes what was accepted, stops training, joins the threads, closes the store. */
void fd_engine_close(fd_engine *engine);
FD_DEFINE_CLEANUP(fd_engine, fd_engine_close)

/* The figures that GET /metrics prints; lives as long as the engine. */
fd_metrics *fd_engine_metrics(fd_engine *engine);

/* 0 when it serves; otherwise -EAGAIN and a reason in `reason` (at most `size` bytes). */
int fd_engine_ready(fd_engine *engine, char *reason, size_t size) FD_MUST_CHECK;

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

typedef enum fd_scope {
    FD_SCOPE_IN_PROMPT,    /* two items of one prompt */
    FD_SCOPE_CROSS_PROMPT, /* of two prompts */
    FD_SCOPE_ANY,
} fd_scope;

/* Candidates from the item table, with the request's seed. */
typedef struct fd_generate {
    fd_scope scope;
    bool all;                    /* every pair in scope, rather than a sample of `pairs` */
    size_t prompts;              /* prompts drawn; 0: all */
    size_t responses_per_prompt; /* items drawn of each; 0: all */
    size_t pairs;                /* most candidates, at least 1; not looked at with `all` */
    bool include_labelled;       /* pairs that have an answer too */
} fd_generate;

/* The pairs whose ranking i-opt serves. */
typedef enum fd_target { FD_TARGET_IN_PROMPT, FD_TARGET_CANDIDATES } fd_target;

/* Frank-Wolfe steps of a tight certificate. */
enum { FD_TIGHT_STEPS = 10 };

typedef struct fd_selection_request {
    size_t batch_size;
    const char *strategy; /* NULL: the configured one */
    bool has_seed;
    uint64_t seed;                  /* without has_seed a fresh one is drawn */
    const fd_pair_reference *pairs; /* NULL: generate */
    size_t n_pairs;
    fd_generate generate;
    const fd_pair_reference *pending; /* out but not answered: count as known, are no candidates */
    size_t n_pending;
    const fd_pair_reference *exclude; /* are no candidates */
    size_t n_exclude;
    double prior_precision; /* 0: the configured one, as for the next two */
    uint32_t max_per_item;
    uint32_t max_per_prompt;
    bool has_copy_distance;
    double copy_distance; /* without has_copy_distance the configured one */
    fd_target target;
    bool certify_tight;
    bool explain;
    /* Asked now and then; false ends the selection with -ECANCELED. NULL: goes on to the end. */
    bool (*go_on)(void *context);
    void *go_on_context;
} fd_selection_request;

/* One selected pair. */
typedef struct fd_selected_pair {
    size_t index; /* in the request's pairs, or the generated ones, from 0; not set for all pairs */
    const char *a; /* ids, which live as long as the engine; NULL for an inline embedding */
    const char *b;
    double p;
    double gain;
    double v;
    double leverage;       /* with `explain` */
    uint64_t entropy_rank; /* with `explain` */
} fd_selected_pair;

typedef struct fd_selection_answer {
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
    fi_figures chosen;
    fi_figures random; /* of a random batch of the same size */
    double elapsed_ms;
} fd_selection_answer;

/* The name of the strategy of requests that name none. */
const char *fd_engine_strategy(const fd_engine *engine);

/* Changes nothing. A fault points at "/pairs/i/a", "/pending/i/a", "/exclude/i/a", "/batch_size",
 * "/strategy", "/generate…". */
int fd_engine_select(fd_engine *engine, const fd_selection_request *request,
                     fd_selection_answer *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_selection_answer_clear(fd_selection_answer *answer);

/* ---- labels ---- */

typedef struct fd_label {
    const char *id;
    const char *a; /* item ids */
    const char *b;
    fd_preference preference;
    const char *annotator;
    const char *assignment; /* NULL if none */
    int64_t duration_ms;    /* -1 if not given */
} fd_label;

/* Returns 0 only after the labels are on disk. -EEXIST: an id is taken by other content. */
int fd_engine_labels_add(fd_engine *engine, const fd_label *labels, size_t n, fd_added *ret,
                         fd_fault *fault) FD_MUST_CHECK;

/* One row of the history with the ids of its items, valid inside the visit. */
typedef struct fd_label_view {
    const fd_label_row *row;
    const char *a;
    const char *b;
} fd_label_view;

typedef int fd_label_view_visit(void *context, const fd_label_view *label);

int fd_engine_labels_read(fd_engine *engine, int64_t after, size_t limit,
                          fd_label_view_visit *visit, void *context) FD_MUST_CHECK;

/* ---- model ---- */

typedef enum fd_worker_state {
    FD_WORKER_IDLE,
    FD_WORKER_TRAINING,
    FD_WORKER_FAILED
} fd_worker_state;

typedef struct fd_model_info {
    uint64_t version; /* 0: nothing was trained yet */
    fi_shape shape;
    size_t feature_count;
    uint64_t items;
    uint64_t labels;      /* that count: no skips */
    uint64_t labels_used; /* of them when this model was trained */
    uint64_t held_out_labels;
    uint32_t iterations;
    double train_loss; /* NaN where unknown */
    double held_out_loss;
    double held_out_accuracy;
    double train_seconds;
    int64_t trained_ms; /* 0 for version 0 */
    double logdet;      /* log det (I_past + prior) */
    fd_worker_state worker;
    double progress; /* of the running training, 0 to 1 */
} fd_model_info;

int fd_engine_model(fd_engine *engine, fd_model_info *ret) FD_MUST_CHECK;

/* Asks for a retrain, from scratch or from where the model stands. One that runs goes on, and
 * another follows it. -EAGAIN with a fault when there is no label to learn from. */
int fd_engine_train(fd_engine *engine, bool scratch, fd_fault *fault) FD_MUST_CHECK;

#endif
