/*
 * What a strategy is: one function in one file, and one row in strategies.def. It reads a problem
 * and fills `batch` with k distinct candidates in the order in which it picks them. Selection
 * prepares the problem in the same way for all strategies, and evaluates the batch afterwards.
 */
#ifndef FI_STRATEGY_H
#define FI_STRATEGY_H

#include <fisher/selection.h>

#include "constraints.h"
#include "distinct_items.h"
#include "factor.h"
#include "information.h"
#include "pool_view.h"
#include "rng.h"

typedef struct fi_problem {
    const fi_distinct_items *distinct;
    const double *logits;        /* [n_pairs] d' beta */
    const double *weights;       /* [n_pairs] v; all ones if none reaches FI_WEIGHT_FLOOR */
    const uint32_t *groups;      /* by row of the candidates; NULL: unknown */
    const fi_information *past;  /* without the prior */
    const fi_factor *factor;     /* of M = past + prior */
    fi_constraints *constraints; /* offer each candidate to them before taking it */
    const fi_selection_options *options;
    fd_rng *rng;
} fi_problem;

/* Fills batch [k] with candidates, or as many as the constraints accept, and counts them in *count,
 * which starts at 0. 0 or -errno. */
typedef int fi_choose(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count);

typedef struct fi_pool_problem {
    const fi_pool_view *view;
    const fi_information *past;
    const fi_factor *factor;
    fi_constraints *constraints;
    const fi_selection_options *options;
    fd_rng *rng;
} fi_pool_problem;

/* The same for a pool. The batch has pairs of distinct items. */
typedef int fi_choose_from_pool(const fi_pool_problem *problem, size_t k, fi_pair *batch,
                                size_t *count);

typedef struct fi_strategy_functions {
    fi_choose *choose;
    fi_choose_from_pool *choose_from_pool; /* NULL: the strategy needs a list */
} fi_strategy_functions;

/* NULL for a strategy that is not in the table. */
const fi_strategy_functions *fi_strategy_functions_of(const fi_strategy *strategy);

/* The functions of all strategies. */
#define FI_STRATEGY(name, choose, traits, sentence) fi_choose choose;
#define FI_POOL_STRATEGY(name, choose, choose_from_pool, traits, sentence)                         \
    fi_choose choose;                                                                              \
    fi_choose_from_pool choose_from_pool;
#include "strategies.def"
#undef FI_STRATEGY
#undef FI_POOL_STRATEGY

#endif
