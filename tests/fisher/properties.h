/* Properties of the batches of every strategy. */
#ifndef TEST_PROPERTIES_H
#define TEST_PROPERTIES_H

#include <errno.h>

#include "problems.h"
#include "strategy.h"

static inline fi_selection_options properties_options(const char *strategy, size_t k) {
    return (fi_selection_options){
        .strategy = fi_strategy_find(strategy),
        .batch_size = k,
        .prior_precision = 1.0,
        .seed = 5,
        .certify_steps = 2,
        .figures = true,
    };
}

static inline void assert_distinct(const fi_selection *got, size_t n) {
    bool *taken = problem_memory(n, sizeof(bool));
    for (size_t i = 0; i < got->count; i++) {
        assert_true(got->pairs[i] < n);
        assert_false(taken[got->pairs[i]]);
        assert_true(isfinite(got->gains[i]) && got->gains[i] >= 0.0);
        taken[got->pairs[i]] = true;
    }
    free(taken);
}

static inline void assert_statistics(const fi_batch_statistics *statistics, size_t count,
                                     double bound) {
    assert_true(statistics->logdet <= bound + 1e-6 * fabs(bound));
    assert_true(statistics->d_efficiency >= 0.0 && statistics->d_efficiency <= 1.0);
    assert_true(statistics->distinct_items > 0 && statistics->distinct_items <= 2 * count);
    assert_true(statistics->mean_uses >= 1.0 &&
                statistics->mean_uses <= (double)statistics->max_uses);
    assert_true(statistics->mean_weight >= 0.0 && statistics->mean_weight <= 0.25);
    assert_true(statistics->mean_reward_gap >= 0.0 && isfinite(statistics->sd_reward_gap));
    assert_true(statistics->mean_nearest_cosine >= 0.0 && statistics->mean_nearest_cosine <= 1.0);
}

/* Checks that the results of a batch are finite and within their bounds. */
static inline void assert_worth(const fi_selection *got) {
    assert_true(isfinite(got->logdet_before) && isfinite(got->logdet_bound));
    assert_true(got->logdet_after <= got->logdet_bound);
    assert_true(got->d_efficiency >= 0.0 && got->d_efficiency <= 1.0);
    for (size_t i = 0; i < got->count; i++)
        assert_true(got->weights[i] >= 0.0 && got->weights[i] <= 0.25);
    assert_statistics(&got->chosen, got->count, got->logdet_bound);
    assert_statistics(&got->random, got->count, got->logdet_bound);
}

static inline void check_sizes(const fi_candidates *from, const fi_information *past,
                               const char *strategy) {
    static const double distances[] = {0.0, 0.2};
    size_t sizes[] = {1, from->n_pairs / 2, from->n_pairs - 1, from->n_pairs};
    for (size_t s = 0; s < FD_LENGTH(sizes); s++) {
        for (size_t d = 0; d < FD_LENGTH(distances); d++) {
            fi_selection_options options = properties_options(strategy, sizes[s]);
            options.copy_distance = distances[d];
            fi_selection got;
            assert_int_equal(fi_select(from, past, &options, &got), 0);
            assert_int_equal(got.count, sizes[s]);
            assert_distinct(&got, from->n_pairs);
            assert_worth(&got);
            fi_selection_clear(&got);
        }
    }
}

static inline void check_bad_states(const char *strategy) {
    enum { N = 40, ITEMS_OF_BAD = 20, WIDTH_OF_BAD = 7 };
    for (int state = 0; state < 8; state++) {
        /* 6: fewer candidates than features */
        problem made = problem_new(3, ITEMS_OF_BAD, WIDTH_OF_BAD, state == 6 ? 4 : N, 0.0f, 1.0f);
        for (size_t i = 0; i < ITEMS_OF_BAD; i++) {
            if (state == 1) /* every logit 0 */
                made.rewards[i] = 0.0f;
            else if (state == 4) /* weights close to zero */
                made.rewards[i] = 500.0f * (float)i;
            else if (state == 5) /* only a few weights above zero */
                made.rewards[i] = i < 3 ? 0.1f * (float)i : 1000.0f * (float)i;
        }
        for (size_t i = 0; state == 2 && i < ITEMS_OF_BAD * WIDTH_OF_BAD; i++)
            made.features[i] = 2.0f; /* every difference 0 */
        for (size_t i = 0; state == 3 && i < N; i++)
            made.pairs[i] = (fi_pair){1, 2}; /* all the same */
        for (size_t i = 0; state == 7 && i < N; i++)
            made.pairs[i].b = made.pairs[i].a; /* pairs of an item with itself */
        fi_information *past = information_of(&made.candidates);
        check_sizes(&made.candidates, NULL, strategy);
        check_sizes(&made.candidates, past, strategy);
        fi_information_free(past);
        problem_free(&made);
    }
}

static inline void check_limits(const char *strategy) {
    enum { N = 120, ITEMS_OF_LIMITED = 30, GROUPS = 10, K = 12 };
    for (uint64_t seed = 0; seed < 12; seed++) {
        problem made = problem_new(100 + seed, ITEMS_OF_LIMITED, 5, N, 0.0f, 1.0f);
        uint32_t groups[ITEMS_OF_LIMITED];
        for (uint32_t i = 0; i < ITEMS_OF_LIMITED; i++)
            groups[i] = i % 7 == 0 ? FI_NO_GROUP : i % GROUPS;
        made.candidates.groups = groups;
        fi_selection_options options = properties_options(strategy, K);
        options.max_per_item = 1 + seed % 3;
        options.max_per_group = seed % 2 ? 4 : 0;
        options.copy_distance = seed % 4 < 2 ? 0.0 : 0.4;
        fi_selection got;
        assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
        assert_true(got.count > 0);
        assert_distinct(&got, N);
        size_t items[ITEMS_OF_LIMITED] = {0}, touched[GROUPS] = {0};
        for (size_t i = 0; i < got.count; i++) {
            fi_pair pair = got.items[i];
            items[pair.a]++;
            items[pair.b]++;
            if (groups[pair.a] != FI_NO_GROUP)
                touched[groups[pair.a]]++;
            if (groups[pair.b] != FI_NO_GROUP && groups[pair.b] != groups[pair.a])
                touched[groups[pair.b]]++;
        }
        for (size_t i = 0; i < ITEMS_OF_LIMITED; i++)
            assert_true(items[i] <= options.max_per_item);
        for (size_t i = 0; options.max_per_group > 0 && i < GROUPS; i++)
            assert_true(touched[i] <= options.max_per_group);
        fi_selection_clear(&got);
        problem_free(&made);
    }
}

/* Every pair exists twice. With a copy distance, the second one waits until no first one is left.
 */
static inline void check_copies_wait(const char *strategy) {
    enum { N = 60, FIRSTS = N / 2 };
    problem made = problem_new(9, 40, 5, N, 0.0f, 1.0f);
    for (uint32_t i = 0; i < FIRSTS; i++) {
        fi_pair pair = {i, i + 5};
        made.pairs[i] = pair;
        made.pairs[FIRSTS + i] = i % 2 ? pair : (fi_pair){pair.b, pair.a};
    }
    for (size_t k = FIRSTS / 2; k <= FIRSTS + 4; k++) {
        fi_selection_options options = properties_options(strategy, k);
        options.copy_distance = 1e-4;
        fi_selection got;
        assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
        assert_int_equal(got.count, k);
        assert_distinct(&got, N);
        size_t copies = 0;
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < i; j++)
                copies += got.pairs[i] % FIRSTS == got.pairs[j] % FIRSTS;
        assert_int_equal(copies, k > FIRSTS ? k - FIRSTS : 0);
        fi_selection_clear(&got);
    }
    problem_free(&made);
}

static inline void check_same_seed(const char *strategy) {
    problem made = problem_new(11, 60, 6, 300, 0.0f, 1.0f);
    fi_selection first = selected(&made.candidates, NULL, strategy, 40, 1.0, 3);
    fi_selection again = selected(&made.candidates, NULL, strategy, 40, 1.0, 3);
    assert_memory_equal(first.pairs, again.pairs, 40 * sizeof(*first.pairs));
    fi_selection_clear(&first);
    fi_selection_clear(&again);
    problem_free(&made);
}

static inline bool count_down(void *context, double share) {
    size_t *left = context;
    assert_true(share >= 0.0 && share <= 1.0);
    return (*left)-- > 0;
}

/* Cancels at the first call, at the second, and so on, until the selection succeeds. */
static inline void check_cancel(const char *strategy) {
    problem made = problem_new(13, 60, 6, 300, 0.0f, 1.0f);
    size_t cancelled = 0;
    for (int r = -ECANCELED; r == -ECANCELED; cancelled++) {
        size_t left = cancelled;
        fi_selection_options options = properties_options(strategy, 12);
        options.go_on = count_down;
        options.context = &left;
        fi_selection got;
        r = fi_select(&made.candidates, NULL, &options, &got);
        assert_true(r == 0 || r == -ECANCELED);
        if (r == 0)
            fi_selection_clear(&got);
    }
    assert_true(cancelled > 12);
    problem_free(&made);
}

static inline void check_properties(const char *strategy) {
    assert_non_null(fi_strategy_find(strategy));
    check_bad_states(strategy);
    check_limits(strategy);
    check_copies_wait(strategy);
    check_same_seed(strategy);
    check_cancel(strategy);
}

#endif
