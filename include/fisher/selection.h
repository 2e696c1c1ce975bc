/*
 * Choosing a batch: the k pairs to ask about next.
 *
 * With the information of all pairs that are answered or handed out, `past`, the design matrix is
 *
 *     M = past + prior + lambda * identity.
 *
 * One more pair raises log det M by its gain log(1 + v d' M^-1 d), in nats. information.h defines
 * d, v and p.
 */
#ifndef FISHER_SELECTION_H
#define FISHER_SELECTION_H

#include <fisher/information.h>
#include <fisher/pool.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A way to choose a batch, and what is special about it. */
typedef struct fi_strategy {
    const char *name;     /* as the API spells it */
    const char *sentence; /* what it picks */
    bool takes_any_pool;  /* of any size; others need a list of all pairs */
    bool is_random;       /* draws uniformly: every candidate should have its chance */
    bool uses_targets;    /* looks at the options' `targets` */
    bool whole_prompts;   /* at all items of each group of the targets, rather than at the pairs */
} fi_strategy;

size_t fi_strategy_count(void);
const fi_strategy *fi_strategy_at(size_t index);       /* NULL beyond the last */
const fi_strategy *fi_strategy_find(const char *name); /* NULL for an unknown name */

typedef struct fi_selection_options {
    const fi_strategy *strategy; /* from the functions above */
    size_t batch_size;           /* k, 1 to the number of candidates */
    double prior_precision;      /* lambda >= 0; > 0 without a prior */
    const fi_information *prior; /* what else is known about beta; NULL: nothing */
    uint64_t seed;               /* the same seed and input give the same batch */
    size_t max_per_item;         /* pairs of the batch that one item may be in; 0: any number */
    size_t max_per_group;        /* pairs of the batch that may touch one group; 0: any number */
    /* A near-copy of a pair in the batch asks nearly the same question. It has to wait until no
     * other candidate is left. A pair is a near-copy if its difference, or the opposite, is within
     * this share of its length of the other's. A random strategy only makes the very same two items
     * wait, so that it stays uniform. At least 0 and below 1; 0: no pair waits. */
    double copy_distance;
    /* The pairs whose ranking matters, for strategies that use targets: some hundred are enough,
     * drawn so that each prompt counts as much as the next. NULL: the candidates are the targets.
     * Those of one group then count as much together as those of another, and a pair of two groups,
     * or of items without one, counts as a group. A strategy with whole_prompts looks at the items
     * that the pairs name instead, in their groups, or at the pairs where no group has two; at 40
     * of these, drawn with the seed, if there are more. */
    const fi_candidates *targets;
    size_t
        certify_steps; /* Frank-Wolfe steps that tighten the bound; 0: the tangent at the batch */
    bool figures;      /* compute `chosen` and `random` */
    bool explain;      /* compute `leverages` and `entropy_ranks` */
    /* Called from time to time with the share of the work that is done, 0 to 1. false ends the
     * selection with -ECANCELED. NULL is allowed. */
    bool (*go_on)(void *context, double share);
    void *context;
} fi_selection_options;

/* Statistics of a batch: how far it explores, and how much its answers tell. */
typedef struct fi_batch_statistics {
    double logdet;         /* log det (M + sum over the batch of v d d'), nats */
    double d_efficiency;   /* exp((logdet - logdet_bound) / h) */
    size_t distinct_items; /* in the batch */
    double mean_uses;      /* pairs of the batch per item in it */
    size_t max_uses;
    double mean_weight;     /* mean v */
    double mean_reward_gap; /* mean |d' beta| */
    double sd_reward_gap;   /* its standard deviation */
    /* mean over the batch of the largest |cosine| of a difference with another difference */
    double mean_nearest_cosine;
} fi_batch_statistics;

/* A batch and what it is worth. The arrays belong to the selection; free them with
 * fi_selection_clear. */
typedef struct fi_selection {
    size_t count;      /* k, or fewer if the limits allow no more */
    uint32_t *pairs;   /* [count] indices of candidates in the order of the picks, each once; NULL
                          for a pool */
    fi_pair *items;    /* [count] their items */
    double *gains;     /* [count] rise of log det by each pick after those before it, nats */
    double *leverages; /* [count] d' M^-1 d before the first pick; NULL without `explain` */
    double *weights;   /* [count] v */
    /* [count] how many candidates have a smaller |d' beta|, and so a larger entropy; of candidates
     * that tie, those with a lower index count too, unless they are pairs of a pool. NULL without
     * `explain` */
    uint64_t *entropy_ranks;
    uint64_t candidates;  /* how many there were */
    double logdet_before; /* log det M, nats */
    double logdet_after;  /* log det M(C) = log det (M + sum over the batch C of v d d'), nats */
    /*
     * No batch of k candidates has a larger log det than this, nats. log det is concave, so it lies
     * below its tangent at any X. With g_i = v_i d_i' X^-1 d_i, for every S of k candidates,
     *
     *     log det M(S) <= log det X + tr(M X^-1) - h + sum of the k largest g
     *
     * (Boyd and Vandenberghe, Convex Optimization, 7.5). The best multiple of X gives
     * log det X + h log((tr(M X^-1) + sum of the k largest g) / h). X is M(C), or the best of the
     * certify_steps points on the way to the optimum of the relaxed problem, which allows
     * fractions of pairs (Frank and Wolfe 1956).
     */
    double logdet_bound;
    double d_efficiency; /* exp((logdet_after - logdet_bound) / h), 0 to 1 */
    /* (logdet_after - logdet_before) / (logdet_bound - logdet_before), 0 to 1: what is known
     * already counts in d_efficiency, but not here. NaN if no batch gains anything. */
    double gain_share;
    fi_batch_statistics chosen; /* of the batch */
    fi_batch_statistics random; /* of a random batch of the same size */
} fi_selection;

/*
 * Chooses k of the candidates. `past` is without the prior; NULL counts as zero. If two candidates
 * are equal to a strategy, the one with the lower index goes first.
 *
 * If no candidate's v reaches 1e-9, the model is so confident that v no longer tells where an
 * answer would be informative. The strategies then choose as if each v were 1. The results (gains,
 * log determinants, bound) always use the true v. A prior that is lost in the rounding of a `past`
 * 1e16 times as large is raised until M is positive definite, so finite numbers never fail.
 *
 * -EINVAL for options out of bounds, a past, prior or targets of another size, or a pair of unknown
 * items; -ENOMEM, -ECANCELED.
 */
int fi_select(const fi_candidates *candidates, const fi_information *past,
              const fi_selection_options *options, fi_selection *ret) FI_MUST_CHECK;

/* The most pairs that a pool may have for a strategy that needs a list. */
#define FI_LISTED_PAIRS_MAX ((uint64_t)1 << 19)

/*
 * Chooses k pairs of a pool: the same batch as fi_select over the full list. -EOPNOTSUPP if the
 * strategy needs the list and the pool has more than FI_LISTED_PAIRS_MAX pairs; else as fi_select.
 */
int fi_select_pool(const fi_pool_view *view, const fi_information *past,
                   const fi_selection_options *options, fi_selection *ret) FI_MUST_CHECK;

void fi_selection_clear(fi_selection *selection);

#ifdef __cplusplus
}
#endif

#endif
