/* What the tests of strategies with random draws share. */
#ifndef TEST_DRAWS_H
#define TEST_DRAWS_H

#include "problems.h"
#include "strategy.h"

/* A problem as fi_select prepares it for a strategy. */
typedef struct setting {
    fi_distinct_items *distinct;
    fi_constraints *constraints;
    fi_selection_options options;
    double *logits;
    fd_rng rng;
    fi_problem problem;
} setting;

static inline void setting_init(setting *made, const fi_candidates *from, uint64_t seed) {
    *made = (setting){.rng = fd_rng_seeded(seed)};
    assert_int_equal(fi_distinct_items_new(from, &made->distinct), 0);
    fi_limits limits = {0};
    assert_int_equal(fi_constraints_new(made->distinct, &limits, &made->constraints), 0);
    made->logits = problem_memory(from->n_pairs, sizeof(double));
    for (size_t i = 0; i < from->n_pairs; i++)
        made->logits[i] = problem_logit(from, i);
    made->problem = (fi_problem){
        .distinct = made->distinct,
        .logits = made->logits,
        .constraints = made->constraints,
        .options = &made->options,
        .rng = &made->rng,
    };
}

static inline void setting_clear(setting *made) {
    fi_distinct_items_free(made->distinct);
    fi_constraints_free(made->constraints);
    free(made->logits);
}

/* inclusion [n] += the probability of each way to draw `k` more candidates one after another. */
static inline void successive_sampling(size_t n, const double *weights, size_t k,
                                       double probability, bool *taken, double *inclusion) {
    double total = 0.0;
    for (size_t i = 0; i < n; i++)
        total += taken[i] ? 0.0 : weights[i];
    for (size_t i = 0; k > 0 && i < n; i++) {
        if (taken[i])
            continue;
        double drawn = probability * weights[i] / total;
        inclusion[i] += drawn;
        taken[i] = true;
        successive_sampling(n, weights, k - 1, drawn, taken, inclusion);
        taken[i] = false;
    }
}

/* Compares counts with their probabilities, within five standard deviations. */
static inline void check_counts(size_t n, const size_t *counts, const double *probabilities,
                                double draws) {
    for (size_t i = 0; i < n; i++) {
        double p = probabilities[i];
        double limit = 5.0 * sqrt(draws * p * (1.0 - p)) + 1e-6;
        if (!(fabs((double)counts[i] - draws * p) <= limit))
            fail_msg("candidate %zu was drawn %zu times rather than %g", i, counts[i], draws * p);
    }
}

static inline void check_distinct(const uint32_t *batch, size_t count, size_t n) {
    bool *seen = problem_memory(n, sizeof(bool));
    for (size_t i = 0; i < count; i++) {
        assert_true(batch[i] < n);
        assert_false(seen[batch[i]]);
        seen[batch[i]] = true;
    }
    free(seen);
}

#endif
