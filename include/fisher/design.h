/*
 * Optimal design: which pairs to ask about next.
 *
 * A pair (a, b) has the difference d = phi(a) - phi(b), the probability p = sigmoid(d' beta) that a
 * is preferred (Bradley-Terry) and the weight v = p (1 - p). The Fisher information that its answer
 * carries about beta is v d d', whatever the answer is; that of a set is the sum
 * (Shen, Sun and Ton, ICML 2025, arXiv 2502.04354, eq. 3). With the design matrix
 *
 *     M = I_past + lambda * identity
 *
 * one more pair raises log det M by its gain log(1 + v d' M^-1 d), in nats.
 *
 * Features and rewards are float32; everything of size h x h is float64. Functions return 0 or
 * -errno; none but
 * fi_pool_view_new keeps a pointer to its arguments.
 */
#ifndef FISHER_DESIGN_H
#define FISHER_DESIGN_H

#include <fisher/model.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Pairs of items with known features; a view, nothing is owned. */
typedef struct fi_candidates {
    size_t n_items;
    size_t n_features; /* h */
    size_t n_pairs;
    const float *features; /* [n_items x h] */
    const float *rewards;  /* [n_items] = features beta */
    const fi_pair *pairs;  /* [n_pairs] */
    /* [n_items] the prompt of each, or FI_NO_GROUP; NULL where max_per_group is not used */
    const uint32_t *groups;
} fi_candidates;

#define FI_NO_GROUP UINT32_MAX

typedef enum fi_scope {
    FI_SCOPE_WITHIN, /* two items of one group */
    FI_SCOPE_ACROSS, /* two items of different groups */
    FI_SCOPE_ANY,    /* every two items */
} fi_scope;

/* The names of the scopes, where a group is a prompt: "in_prompt", "cross_prompt", "any", NULL. */
extern const char *const fi_scope_names[];
int fi_scope_parse(const char *name, fi_scope *ret) FI_MUST_CHECK; /* -EINVAL */

/* All pairs of some items, without a list of them; a view, nothing is owned. A pair is (a, b) with
 * a before b in the order of the groups and, within a group, of the rows. */
typedef struct fi_pool {
    size_t n_items;
    size_t n_features;      /* h */
    const float *features;  /* [n_items x h] */
    const float *rewards;   /* [n_items] */
    const uint32_t *groups; /* [n_items] the prompt of each */
    fi_scope scope;
    size_t n_members;
    const uint32_t *members; /* [n_members] rows of the items that take part, distinct */
    size_t n_excluded;
    const fi_pair *excluded; /* [n_excluded] pairs that are none, in either order */
} fi_pool;

/* v = p (1 - p) for a logit d' beta, computed from exp(-|logit|), so that it never overflows. */
double fi_weight(double logit);

/* p = sigmoid(logit) */
double fi_probability(double logit);

/* ---- information: a symmetric positive semidefinite matrix [h x h], float64 ---- */

typedef struct fi_information fi_information;

int fi_information_new(size_t n_features, fi_information **ret) FI_MUST_CHECK; /* zero */
int fi_information_copy(const fi_information *information, fi_information **ret) FI_MUST_CHECK;
void fi_information_free(fi_information *information);
size_t fi_information_size(const fi_information *information);          /* h */
const double *fi_information_matrix(const fi_information *information); /* both triangles */

/* information += sum over the pairs of v d d' */
int fi_information_add(fi_information *information, const fi_candidates *pairs) FI_MUST_CHECK;

/* information += other, and -= other, which was added before */
void fi_information_merge(fi_information *information, const fi_information *other);
void fi_information_subtract(fi_information *information, const fi_information *other);

/* ---- factor: the Cholesky factor of M = information + ridge * identity ---- */

typedef struct fi_factor fi_factor;

/* -EDOM if M is not positive definite in float64, which a sensible ridge rules out; -ENOMEM. */
int fi_factor_new(const fi_information *information, double ridge, fi_factor **ret) FI_MUST_CHECK;

/* The same, but where rounding swamps the ridge it is raised until M is positive definite: no input
 * of finite numbers fails for its numerics. -EDOM for others, and for a ridge of 0 on nothing. */
int fi_factor_new_raised(const fi_information *information, double ridge,
                         fi_factor **ret) FI_MUST_CHECK;
int fi_factor_copy(const fi_factor *factor, fi_factor **ret) FI_MUST_CHECK;
void fi_factor_free(fi_factor *factor);
double fi_factor_logdet(const fi_factor *factor);

/* M += weight * difference difference', weight >= 0, difference [h] */
void fi_factor_update(fi_factor *factor, double weight, const double *difference);

/* d' M^-1 d for one difference [h] */
double fi_factor_leverage(const fi_factor *factor, const double *difference);

/*
 * d' M^-1 d for every candidate: leverages [n_pairs], within 1e-6 of the largest. Blocks of GEMM
 * over distinct items, each touched once. -EINVAL for features of another width, -ENOMEM.
 */
int fi_factor_leverages(const fi_factor *factor, const fi_candidates *candidates,
                        double *leverages) FI_MUST_CHECK;

/* ---- selection ---- */

/* One row of strategies.def. */
typedef struct fi_strategy {
    const char *name;     /* as it stands in the API */
    const char *sentence; /* what it picks */
    bool takes_any_pool;  /* not only pools that can be listed */
} fi_strategy;

size_t fi_strategy_count(void);
const fi_strategy *fi_strategy_at(size_t index);
const fi_strategy *fi_strategy_find(const char *name); /* NULL if there is none */

typedef struct fi_selection_options {
    const fi_strategy *strategy;
    size_t batch_size;      /* k, 1 to the number of candidates */
    double prior_precision; /* lambda > 0 */
    uint64_t seed;          /* the same seed and input give the same batch */
    size_t max_per_item;    /* no item is in more pairs of the batch; 0: any number */
    size_t max_per_group;   /* no group touches more pairs of the batch; 0: any number */
    /* A candidate whose difference is within this share of its length of one in the batch, or of
     * its opposite, asks nearly the same question: it waits until no other is left. Of `random`
     * only the very same two items wait, so that it stays uniform. 0: no candidate waits. Below 1.
     */
    double copy_distance;
    /* T of i-opt, as the sum of d d' over the pairs whose ranking matters; NULL: the candidates */
    const fi_information *target;
    size_t
        certify_steps; /* Frank-Wolfe steps that tighten the bound; 0: the tangent at the batch */
    bool figures;      /* compute `chosen` and `random` */
    bool explain;      /* compute `leverages` and `entropy_ranks` */
    /* Called now and then with the share that is done; false ends it with -ECANCELED. May be NULL.
     */
    bool (*go_on)(void *context, double share);
    void *context;
} fi_selection_options;

/* What a batch is like, to judge how far it explores and how much its answers tell. */
typedef struct fi_batch_statistics {
    double logdet;         /* log det (M + sum over the batch of v d d') */
    double d_efficiency;   /* exp((logdet - logdet_bound) / h) */
    size_t distinct_items; /* that occur in the batch */
    double mean_uses;      /* pairs of the batch an occurring item is in */
    size_t max_uses;
    double mean_weight;         /* of v */
    double mean_reward_gap;     /* of abs(d' beta) */
    double sd_reward_gap;       /* its standard deviation */
    double mean_nearest_cosine; /* of the largest abs cosine of d to another d of the batch */
} fi_batch_statistics;

typedef struct fi_selection {
    size_t count;      /* k, or fewer where the limits admit no more */
    uint32_t *pairs;   /* [count] indices of candidates in the order they were picked, distinct;
                          NULL for a pool */
    fi_pair *items;    /* [count] their items */
    double *gains;     /* [count] log det gained by each after those before it, nats */
    double *leverages; /* [count] d' M^-1 d before the first pick; NULL without `explain` */
    double *weights;   /* [count] v */
    uint64_t *entropy_ranks; /* [count] place under `entropy`, from 0; NULL without `explain` */
    uint64_t candidates;
    double logdet_before; /* log det M */
    double logdet_after;  /* log det M(C) = log det (M + sum over the batch of v d d') */
    /*
     * No batch of k candidates exceeds this. log det is concave, so that it lies below its tangent
     * at any X: with g_i = v_i d_i' X^-1 d_i
     *
     *     log det M(S) <= log det X + tr(M X^-1) - h + sum of the k largest g
     *
     * for every S (Boyd and Vandenberghe, Convex Optimization, 7.5). The best multiple of X gives
     * log det X + h log ((tr(M X^-1) + sum of the k largest g) / h). X is M(C), or the best of the
     * certify_steps points on the way to the optimum of the relaxed problem, whose weights may be
     * fractions (Frank and Wolfe 1956).
     */
    double logdet_bound;
    double d_efficiency;        /* exp((logdet_after - logdet_bound) / h), 0 to 1 */
    fi_batch_statistics chosen; /* of the batch */
    fi_batch_statistics random; /* of as many pairs drawn at random */
} fi_selection;

/*
 * Chooses k of the candidates, given the information of all pairs answered or out (`past`, without
 * a prior; NULL counts as none). Of candidates that are equal to a strategy the one with the lower
 * index goes first.
 *
 * Where no candidate's v reaches 1e-9 the model is so confident everywhere that v no longer tells
 * where an answer would be informative: the strategies then choose as if each v were 1. What is
 * reported, the gains, log determinants and bound, is always that of the true v. And where the
 * prior is lost in the rounding of a past that is larger by 1e16, it is raised until M is positive
 * definite: finite numbers never fail for their numerics.
 *
 * -EINVAL for options out of bounds, a past of another size or a pair of items that do not exist,
 * -ENOMEM, -ECANCELED. Free the arrays with fi_selection_clear.
 */
int fi_select(const fi_candidates *candidates, const fi_information *past,
              const fi_selection_options *options, fi_selection *ret) FI_MUST_CHECK;

/* Pairs of a pool, whose number a strategy that needs a list may not exceed. */
#define FI_LISTED_PAIRS_MAX ((uint64_t)1 << 19)

/* A pool in the order of its pairs; the pool and its arrays must outlive it. */
typedef struct fi_pool_view fi_pool_view;

/* -EINVAL for sizes out of bounds, unknown rows or members that are named twice; -ENOMEM. */
int fi_pool_view_new(const fi_pool *pool, fi_pool_view **ret) FI_MUST_CHECK;
void fi_pool_view_free(fi_pool_view *view);
uint64_t fi_pool_view_count(const fi_pool_view *view); /* pairs in scope and not excluded */

/*
 * The same for all pairs of a pool: the batch is that of fi_select over the full list, in memory
 * that does not grow with the number of pairs. -EOPNOTSUPP from a strategy that needs the list
 * where that would have more than FI_LISTED_PAIRS_MAX pairs.
 */
int fi_select_pool(const fi_pool_view *view, const fi_information *past,
                   const fi_selection_options *options, fi_selection *ret) FI_MUST_CHECK;

/* information += sum over the pairs of a pool of v d d', or of d d' where `unit`. */
int fi_information_add_pool(fi_information *information, const fi_pool *pool,
                            bool unit) FI_MUST_CHECK;

void fi_selection_clear(fi_selection *selection);

#ifdef __cplusplus
}
#endif

#endif
