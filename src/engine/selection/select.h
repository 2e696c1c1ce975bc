/* Batches of pairs for a request. */
#ifndef FD_SELECT_H
#define FD_SELECT_H

#include "score.h"

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

#endif
