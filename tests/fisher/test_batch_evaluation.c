/* Tests of what a batch is worth, against the definitions. */
#include "macros.h"
#include "problems.h"

enum { ITEMS = 30, WIDTH = 5, PAIRS = 80, K = 12 };

static fi_selection evaluated(const fi_candidates *from, const char *strategy, size_t k,
                              double prior, size_t steps) {
    fi_selection_options options = {.strategy = fi_strategy_find(strategy),
                                    .batch_size = k,
                                    .prior_precision = prior,
                                    .certify_steps = steps,
                                    .figures = true,
                                    .explain = true};
    fi_selection got;
    assert_int_equal(fi_select(from, NULL, &options, &got), 0);
    return got;
}

static double cosine(const fi_candidates *from, uint32_t one, uint32_t other) {
    double x[WIDTH], y[WIDTH], xx = 0.0, yy = 0.0, xy = 0.0;
    problem_difference(from, one, x);
    problem_difference(from, other, y);
    for (size_t j = 0; j < WIDTH; j++) {
        xx += x[j] * x[j];
        yy += y[j] * y[j];
        xy += x[j] * y[j];
    }
    return fabs(xy) / sqrt(xx * yy);
}

static void statistics_are_those_of_the_batch(void **state) {
    (void)state;
    problem made = problem_new(1, ITEMS, WIDTH, PAIRS, 3.0f, 1.5f);
    static const char *const names[] = {"greedy", "random", "maxdiff"};
    for (size_t n = 0; n < FD_LENGTH(names); n++) {
        fi_selection got = evaluated(&made.candidates, names[n], K, 0.1, 0);
        size_t uses[ITEMS] = {0}, distinct = 0, most = 0;
        double weights = 0.0, gaps = 0.0, squares = 0.0, cosines = 0.0;
        for (size_t i = 0; i < K; i++) {
            fi_pair pair = made.pairs[got.pairs[i]];
            double gap = fabs(problem_logit(&made.candidates, got.pairs[i])), nearest = 0.0;
            distinct += uses[pair.a]++ == 0;
            distinct += uses[pair.b]++ == 0;
            weights += fi_weight(gap);
            gaps += gap;
            squares += gap * gap;
            for (size_t j = 0; j < K; j++)
                if (j != i)
                    nearest = fmax(nearest, cosine(&made.candidates, got.pairs[i], got.pairs[j]));
            cosines += nearest;
        }
        for (size_t i = 0; i < ITEMS; i++)
            most = uses[i] > most ? uses[i] : most;
        assert_int_equal(got.chosen.distinct_items, distinct);
        assert_int_equal(got.chosen.max_uses, most);
        assert_close(got.chosen.mean_uses, 2.0 * K / (double)distinct, 1e-12);
        assert_close(got.chosen.mean_weight, weights / K, 1e-9);
        assert_close(got.chosen.mean_reward_gap, gaps / K, 1e-9);
        assert_close(got.chosen.sd_reward_gap, sqrt(squares / K - gaps / K * gaps / K), 1e-9);
        assert_close(got.chosen.mean_nearest_cosine, cosines / K, 1e-5);
        assert_close(got.chosen.logdet, got.logdet_after, 0.0);
        assert_close(got.chosen.d_efficiency, got.d_efficiency, 0.0);
        fi_selection_clear(&got);
    }
    problem_free(&made);
}

static void the_random_batch_has_its_own_statistics_and_no_effect_on_the_choice(void **state) {
    (void)state;
    problem made = problem_new(2, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    fi_selection got = evaluated(&made.candidates, "greedy", K, 0.1, 0);
    assert_true(got.random.logdet < got.logdet_after);
    assert_close(log(got.random.d_efficiency) * WIDTH, got.random.logdet - got.logdet_bound, 1e-9);
    assert_true(got.random.logdet > got.logdet_before);
    assert_true(got.random.mean_weight > 0.0 && got.random.mean_nearest_cosine > 0.0);
    /* A batch of all candidates is always the same. */
    fi_selection all = evaluated(&made.candidates, "random", PAIRS, 0.1, 0);
    assert_close(all.random.logdet, all.logdet_after, 1e-9);
    assert_close(all.random.mean_reward_gap, all.chosen.mean_reward_gap, 1e-9);
    assert_int_equal(all.random.distinct_items, all.chosen.distinct_items);
    fi_selection_clear(&all);
    fi_selection_clear(&got);
    problem_free(&made);
}

static void explanations_are_leverages_weights_and_entropy_ranks(void **state) {
    (void)state;
    problem made = problem_new(3, ITEMS, WIDTH, PAIRS, 1.0f, 1.0f);
    double *matrix = plain_design(WIDTH, NULL, 0.3), inverse[WIDTH * WIDTH];
    plain_invert(WIDTH, matrix, inverse);
    fi_selection got = evaluated(&made.candidates, "greedy", PAIRS, 0.3, 0);
    bool seen[PAIRS] = {false};
    for (size_t i = 0; i < PAIRS; i++) {
        double gap = fabs(problem_logit(&made.candidates, got.pairs[i]));
        size_t before = 0;
        for (size_t j = 0; j < PAIRS; j++) {
            double other = fabs(problem_logit(&made.candidates, j));
            before += other < gap || (other == gap && j < got.pairs[i]);
        }
        assert_int_equal(got.entropy_ranks[i], before);
        assert_false(seen[before]);
        seen[before] = true;
        assert_close(got.leverages[i], plain_leverage(&made.candidates, got.pairs[i], inverse),
                     1e-9);
        assert_close(got.weights[i], fi_weight(gap), 1e-12);
    }
    fi_selection_clear(&got);
    free(matrix);
    problem_free(&made);
}

/* log det of M with the pairs whose bits are set */
static double logdet_of(const fi_candidates *from, double prior, unsigned chosen) {
    double *matrix = plain_design(WIDTH, NULL, prior);
    for (size_t i = 0; i < from->n_pairs; i++)
        if (chosen >> i & 1)
            plain_add(from, i, problem_weight(from, i), matrix);
    double logdet = plain_logdet(WIDTH, matrix);
    free(matrix);
    return logdet;
}

static void no_batch_exceeds_either_bound_and_more_steps_never_loosen_it(void **state) {
    (void)state;
    enum { FEW = 11 };
    for (uint64_t seed = 0; seed < 6; seed++) {
        problem made = problem_new(10 + seed, ITEMS, WIDTH, FEW, 0.0f, 1.0f);
        double prior = seed % 2 ? 1.0 : 1e-2;
        for (size_t k = 1; k <= 7; k += 2) {
            double best = -INFINITY;
            for (unsigned chosen = 0; chosen < 1u << FEW; chosen++)
                if ((size_t)__builtin_popcount(chosen) == k)
                    best = fmax(best, logdet_of(&made.candidates, prior, chosen));
            double last = INFINITY;
            static const size_t steps[] = {0, 1, 2, 5, 20, 100};
            for (size_t s = 0; s < FD_LENGTH(steps); s++) {
                fi_selection got = evaluated(&made.candidates, "random", k, prior, steps[s]);
                assert_true(got.logdet_bound >= best - 1e-6);
                assert_true(got.logdet_bound <= last + 1e-12);
                last = got.logdet_bound;
                fi_selection_clear(&got);
            }
        }
        problem_free(&made);
    }
}

static void the_tight_bound_of_a_random_batch_is_close_to_that_of_greedy(void **state) {
    (void)state;
    problem made = problem_new(20, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    fi_selection greedy = evaluated(&made.candidates, "greedy", K, 0.1, 200);
    fi_selection random = evaluated(&made.candidates, "random", K, 0.1, 200);
    fi_selection loose = evaluated(&made.candidates, "random", K, 0.1, 0);
    assert_true(greedy.d_efficiency > 0.97);
    assert_true(loose.logdet_bound > random.logdet_bound + 1.0);
    assert_close(random.logdet_bound, greedy.logdet_bound, 1e-2);
    fi_selection_clear(&greedy);
    fi_selection_clear(&random);
    fi_selection_clear(&loose);
    problem_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_are_those_of_the_batch),
        cmocka_unit_test(the_random_batch_has_its_own_statistics_and_no_effect_on_the_choice),
        cmocka_unit_test(explanations_are_leverages_weights_and_entropy_ranks),
        cmocka_unit_test(no_batch_exceeds_either_bound_and_more_steps_never_loosen_it),
        cmocka_unit_test(the_tight_bound_of_a_random_batch_is_close_to_that_of_greedy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
