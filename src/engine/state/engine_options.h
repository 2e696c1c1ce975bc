/* The options of an engine. */
#ifndef FD_ENGINE_OPTIONS_H
#define FD_ENGINE_OPTIONS_H

#include <fisher/design.h>
#include <fisher/learn.h>
#include <stdbool.h>
#include <stdint.h>

#include "text_columns.h"

typedef struct fd_engine fd_engine;

/* Where the training of a network begins. */
typedef enum fd_retrain {
    FD_RETRAIN_SCRATCH,    /* from fresh weights */
    FD_RETRAIN_WARM,       /* from the network that serves, if one does */
    FD_RETRAIN_AUTO,       /* as WARM, but from fresh weights once the labels have doubled */
    FD_RETRAIN_CONFIGURED, /* only in a request: as the options say */
} fd_retrain;

enum { FD_FILES_IN_USE = 8 };

typedef struct fd_engine_options {
    fi_kind kind;        /* of new models, like the next three */
    uint32_t components; /* as in fi_shape */
    uint32_t hidden_layers;
    uint32_t hidden_width;
    double prior_precision;  /* lambda; 0: learned with the model */
    const char *strategy;    /* for requests that name none */
    fd_style style;          /* of the targets of a selection, for requests that name none */
    uint32_t max_per_item;   /* pairs of a batch that an item may be in; 0: any number */
    uint32_t max_per_prompt; /* pairs of a batch that may touch a prompt; 0: any number */
    double copy_distance;    /* as in fi_selection_options */
    struct fd_candidate_options {
        fi_scope scope;    /* of the pairs for assignments */
        uint32_t per_pair; /* candidates drawn for each pair of a batch; 0: all */
        double contested;  /* share of the drawn candidates that is kept: those that the model is
                              least sure about */
    } candidates;
    uint32_t ready;                  /* pairs kept ready, at least */
    uint32_t redundancy;             /* annotators that answer each pair of `redundancy_share` */
    double redundancy_share;         /* of the pairs; one annotator answers each of the others */
    double control_fraction;         /* of the assignments, drawn at random */
    uint32_t max_skips;              /* further annotators that get a skipped pair */
    double lease_seconds;            /* for requests that name none */
    uint32_t leases_per_annotator;   /* open ones, at most; 0: any number */
    uint32_t corrections_per_minute; /* of an annotator, at most; 0: any number */
    const char *backup_folder;       /* of backups; NULL or "": backups are off */
    const char *files_in_use[FD_FILES_IN_USE]; /* paths of the daemon's other files, which no
                                                  backup takes, even while they do not exist; NULL
                                                  or "": none */
    const char *checkpoint;   /* file for the tables; NULL or "": none (checkpoint.h) */
    const char *program;      /* the version of the program: it reads no checkpoint of another */
    uint32_t checkpoint_rows; /* new items and revisions after which one is written, at least */
    uint32_t models_kept;     /* newest versions stored; the one that serves is always kept */
    bool refit;               /* the last layer is refitted whenever labels come */
    fd_retrain retrain;
    uint32_t retrain_labels;   /* new labels that start a training; 0: the number never does */
    double retrain_seconds;    /* age of the oldest new label that starts one; 0: it never does */
    double stuck_seconds;      /* a training or refit without a step for this long is stuck */
    double stop_below;         /* recommend to stop when twice the labels would lower the held-out
                                  loss by less, nats */
    fi_train_options train;    /* its progress and context are the engine's */
    bool text_features;        /* count those of the items' texts */
    uint32_t prompt_dimension; /* numbers of an embedding that come from the prompt; 0: not known */
    bool prompt_is_half;       /* half of them do, whatever their number; beats prompt_dimension */
    /* Called each second or so while the store is read at the start; NULL: by nobody. `share` of it
     * is read. */
    void (*reading)(double share);
    uint64_t seed;
    /* Clocks in milliseconds; NULL: the system's. now_ms is the wall clock, for times that are
     * stored or shown. steady_ms never jumps and decides everything that depends on time. */
    int64_t (*now_ms)(void *context);
    int64_t (*steady_ms)(void *context);
    void *now_context; /* of both */
} fd_engine_options;

fd_engine_options fd_engine_defaults(void);

#endif
