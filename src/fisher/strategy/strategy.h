/*
 * A strategy is one function in one file and one row in strategies.def. It reads a problem, which
 * fi_select prepares alike for all, and fills `batch` with k distinct candidates in the order in
 * which it picks them. What the batch is worth is worked out by fi_select.
 */
#ifndef FI_STRATEGY_H
#define FI_STRATEGY_H

#include "design_private.h"

/* Below this largest weight the model does not say where answers are informative. */
#define FI_WEIGHT_FLOOR 1e-9

/* The term that the score strategies add to the diagonal of their information (eq. 8). */
#define FI_SCORE_RIDGE 1e-6

typedef struct fi_problem {
    const fi_distinct *distinct;
    const double *logits;       /* [n_pairs] d' beta */
    const double *weights;      /* [n_pairs] v to choose by: all ones when none reaches the floor */
    const fi_information *past; /* without a prior */
    const fi_factor *factor;    /* of M = past + prior */
    fi_rng *rng;
} fi_problem;

typedef int fi_choose(const fi_problem *problem, size_t k, uint32_t *batch);

#define FI_STRATEGY(name, function, sentence) fi_choose function;
#include "strategies.def"
#undef FI_STRATEGY

/*
 * The gradient scores w d' (sum of w d d' + past + 1e-6 identity)^-1 d of all candidates (eq. 9):
 * `weights` NULL are ones, `past` NULL is none.
 */
int fi_gradient_scores(const fi_distinct *distinct, const double *weights,
                       const fi_information *past, double *scores) FD_MUST_CHECK;

/* The k candidates with the largest gradient scores. */
int fi_choose_by_gradient(const fi_distinct *distinct, const double *weights,
                          const fi_information *past, size_t k, uint32_t *batch) FD_MUST_CHECK;

#endif
