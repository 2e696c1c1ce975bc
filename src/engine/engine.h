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

/* The figures that GET /metrics prints; lives as long as the engine. */
fd_metrics *fd_engine_metrics(fd_engine *engine);

/* 0 when it serves; otherwise -EAGAIN and a reason in `reason` (at most `size` bytes). */
int fd_engine_ready(fd_engine *engine, char *reason, size_t size) FD_MUST_CHECK;

/* How long the writer has been at what it does, or had jobs to take; 0 when it has none. */
double fd_engine_stalled_seconds(fd_engine *engine);

#endif
