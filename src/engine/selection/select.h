/* Selections: batches of pairs for a request. A selection changes nothing. */
#ifndef FD_SELECT_H
#define FD_SELECT_H

#include "score.h"

/* Candidates from the item table, drawn with the request's seed. The groups of the scope are the
 * prompts. */
typedef struct fd_sampling {
    fi_scope scope;
    bool all;                    /* every pair in scope, instead of a sample of `pairs` */
    size_t prompts;              /* prompts drawn; 0: all */
    size_t responses_per_prompt; /* items drawn of each; 0: all */
    /* Ignored with `all`: the number of candidates drawn (0: the configured number for each pair of
     * the batch), and the share of them that is kept, those that the model is least sure about (0:
     * the configured share; 1: all). The strategy `random` keeps all. */
    size_t pairs;
    double contested;
    bool include_labelled;     /* labelled pairs are candidates too */
    bool include_incomparable; /* and pairs that people cannot compare */
    uint64_t looked_at_most;   /* of more pairs, a sample may miss some rather than look at all of
                                  them; 0: never */
} fd_sampling;

/* The pairs whose ranking a strategy with targets improves: a sample of all pairs within prompts,
 * or the candidates. */
typedef enum fd_target {
    FD_TARGET_IN_PROMPT,
    FD_TARGET_CANDIDATES,
} fd_target;

/* Frank-Wolfe steps of a tight certificate. */
enum { FD_TIGHT_STEPS = 10 };

typedef struct fd_selection_request {
    size_t batch_size;
    bool up_to;           /* fewer pairs, or none, if there are not enough candidates */
    bool without_figures; /* `chosen` and `random` of the result are not computed */
    const char *strategy; /* NULL: the configured one */
    bool has_seed;
    uint64_t seed;                  /* without has_seed a fresh one is drawn */
    const fd_pair_reference *pairs; /* the candidates; NULL: generate them */
    size_t n_pairs;
    fd_sampling generate;
    const fd_pair_reference *pending; /* assigned but not answered: they count as known and are not
                                         candidates */
    size_t n_pending;
    const fi_pair *pending_rows; /* more of those, as rows of the item table */
    size_t n_pending_rows;
    const fd_pair_reference *exclude; /* are not candidates */
    size_t n_exclude;
    double prior_precision; /* 0: the configured one, as for the next two */
    uint32_t max_per_item;
    uint32_t max_per_prompt;
    bool has_copy_distance;
    double copy_distance; /* without has_copy_distance the configured one */
    fd_target target;
    bool has_style;
    fd_style style; /* of the targets; without has_style the configured one */
    bool certify_tight;
    bool explain;
    /* Called now and then; false ends the selection with -ECANCELED. NULL: it runs to the end. */
    bool (*go_on)(void *context);
    void *go_on_context;
} fd_selection_request;

/* One selected pair. */
typedef struct fd_selected_pair {
    size_t index;  /* in the request's pairs or in the sample, from 0; not set with `all` */
    fi_pair items; /* rows of the item table; inline items have larger numbers */
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
    size_t count; /* the batch size, or fewer if limits and exclusions leave fewer */
    fd_selected_pair *pairs;
    bool indexed;   /* the pairs have an index */
    bool explained; /* leverage and entropy_rank are set */
    double logdet_before;
    double logdet_after;
    double logdet_bound;
    double d_efficiency;
    double gain_share; /* as in fi_selection */
    uint64_t candidates;
    fi_batch_statistics chosen;
    fi_batch_statistics random; /* of a random batch of the same size */
    double elapsed_ms;
} fd_selection_result;

/* The strategy of requests that name none. */
const char *fd_engine_strategy(const fd_engine *engine);

/* -EINVAL with a fault at "/pairs/i/a", "/pending/i/a", "/exclude/i/a", "/batch_size", "/strategy"
 * or "/generate…"; -EAGAIN with a fault before there are items; -ECANCELED. */
int fd_engine_select(fd_engine *engine, const fd_selection_request *request,
                     fd_selection_result *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_selection_result_clear(fd_selection_result *result);

#endif
