/*
 * A strategy is one function in one file and one row in strategies.def. It reads a problem, which
 * fi_select prepares alike for all, and fills `batch` with k distinct candidates in the order in
 * which it picks them. What the batch is worth is worked out by fi_select.
 */
#ifndef FI_STRATEGY_H
#define FI_STRATEGY_H

#include "pool_top_k.h"
#include "pool_view.h"

/* Below this largest weight the model does not say where answers are informative. */
#define FI_WEIGHT_FLOOR 1e-9

/* The term that the score strategies add to the diagonal of their information (eq. 8). */
#define FI_SCORE_RIDGE 1e-6

/* Any number that sets the random batch of the figures apart from the strategy's own draws. */
#define FI_RANDOM_BATCH_SEED 0x9e3779b97f4a7c15u

typedef struct fi_problem {
    const fi_distinct_items *distinct;
    const double *logits;       /* [n_pairs] d' beta */
    const double *weights;      /* [n_pairs] v to choose by: all ones when none reaches the floor */
    const fi_information *past; /* without a prior */
    const fi_factor *factor;    /* of M = past + prior */
    fi_constraints *admission;  /* what is taken is offered to it first */
    const fi_selection_options *options;
    fd_rng *rng;
} fi_problem;

/* Fills `batch` with k candidates, or as many as are admitted, and sets their count. */
typedef int fi_choose(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count);

typedef struct fi_pool_problem {
    const fi_pool_view *view;
    const fi_information *past;
    const fi_factor *factor;
    fi_constraints *admission;
    const fi_selection_options *options;
    fd_rng *rng;
} fi_pool_problem;

/* The same for a pool, whose batch is a list of pairs of its distinct items. */
typedef int fi_choose_from_pool(const fi_pool_problem *problem, size_t k, fi_pair *batch,
                                size_t *count);

typedef struct fi_strategy_functions {
    fi_choose *choose;
    fi_choose_from_pool *choose_from_pool; /* NULL: needs the list */
} fi_strategy_functions;

#define FI_STRATEGY(name, choose, traits, sentence) fi_choose choose;
#define FI_POOL_STRATEGY(name, choose, choose_from_pool, traits, sentence)                                 \
    fi_choose choose;                                                                              \
    fi_choose_from_pool choose_from_pool;
#include "strategies.def"
#undef FI_STRATEGY
#undef FI_POOL_STRATEGY

const fi_strategy_functions *
fi_strategy_functions_of(const fi_strategy *strategy); /* NULL if it is none */
fi_limits fi_limits_of(const fi_selection_options *options, const uint32_t *groups);

/* -EINVAL for options, a past or a target out of bounds. */
int fi_check_options(const fi_selection_options *options, size_t n_features,
                     const fi_information *past) FD_MUST_CHECK;

/* Takes candidates in the order of their keys [n_pairs], largest first. */
int fi_take_largest(const fi_problem *problem, const double *keys, size_t k, uint32_t *batch,
                    size_t *count) FD_MUST_CHECK;

/* The same from a pool, whose keys are of one kind at a factor (NULL where they need none). */
int fi_take_largest_from_pool(const fi_pool_problem *problem, fi_pool_key key,
                              const fi_factor *factor, size_t k, fi_pair *batch,
                              size_t *count) FD_MUST_CHECK;

/* Draws pairs uniformly, each once, until `batch` has k or the pool is exhausted. */
int fi_draw_from_pool(const fi_pool_view *view, const fi_selection_options *options,
                      fi_constraints *admission, fd_rng *rng, size_t k, fi_pair *batch,
                      size_t *count) FD_MUST_CHECK;

/* indices [n]: a random choice of `count` of 0 … n - 1 comes first, in random order. */
void fi_shuffle_front(fd_rng *rng, size_t n, size_t count, uint32_t *indices);

/*
 * The gradient scores w d' (sum of w d d' + past + 1e-6 identity)^-1 d of all candidates (eq. 9):
 * `weights` NULL are ones, `past` NULL is none.
 */
int fi_gradient_scores(const fi_distinct_items *distinct, const double *weights,
                       const fi_information *past, double *scores) FD_MUST_CHECK;

/* Takes the candidates with the largest gradient scores. */
int fi_choose_by_gradient(const fi_problem *problem, const double *weights,
                          const fi_information *past, size_t k, uint32_t *batch,
                          size_t *count) FD_MUST_CHECK;

/* The same from a pool, weights all ones where `unit`. */
int fi_choose_by_gradient_from_pool(const fi_pool_problem *problem, bool unit,
                                    const fi_information *past, size_t k, fi_pair *batch,
                                    size_t *count) FD_MUST_CHECK;

#endif
