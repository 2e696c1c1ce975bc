/* Tests of the table of strategies, and of each simple strategy against a plain version. */
#include "problems.h"
#include "strategy.h"

#include <float.h>

enum { ITEMS = 60, WIDTH = 6, PAIRS = 250 };

/* Of about a thousand picks; rounding decided two of 48,000 with AVX2, and none with AVX-512. */
enum { SELDOM = 1 };

static void the_table_lists_every_strategy_once_with_a_sentence(void **state) {
    (void)state;
    static const char *const names[] = {"random", "entropy", "maxdiff", "xtx",
                                        "dopt",   "pa-dopt", "greedy"};
    for (size_t i = 0; i < FD_LENGTH(names); i++)
        assert_non_null(fi_strategy_find(names[i]));
    for (size_t i = 0; i < fi_strategy_count(); i++) {
        const fi_strategy *strategy = fi_strategy_at(i);
        assert_ptr_equal(fi_strategy_find(strategy->name), strategy);
        assert_true(strlen(strategy->sentence) > 10);
    }
    assert_null(fi_strategy_at(fi_strategy_count()));
    assert_null(fi_strategy_find("no such strategy"));
}

static void only_random_is_random_and_only_two_use_targets(void **state) {
    (void)state;
    for (size_t i = 0; i < fi_strategy_count(); i++) {
        const fi_strategy *strategy = fi_strategy_at(i);
        assert_int_equal(strategy->is_random, strcmp(strategy->name, "random") == 0);
        bool best = strcmp(strategy->name, "knowledge-gradient") == 0;
        assert_int_equal(strategy->whole_prompts, best);
        assert_int_equal(strategy->uses_targets, best || strcmp(strategy->name, "i-opt") == 0);
    }
}

static void random_draws_uniformly_without_replacement(void **state) {
    (void)state;
    enum { SMALL = 8, DRAWS = 4000, K = 3 };
    problem made = problem_new(1, 10, 2, SMALL, 0.0f, 1.0f);
    size_t counts[SMALL] = {0};
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        fi_selection got = selected(&made.candidates, NULL, "random", K, 1.0, seed);
        assert_true(got.pairs[0] != got.pairs[1] && got.pairs[0] != got.pairs[2] &&
                    got.pairs[1] != got.pairs[2]);
        for (size_t i = 0; i < K; i++)
            counts[got.pairs[i]]++;
        fi_selection_clear(&got);
    }
    /* Five standard deviations of a binomial count. */
    double expected = (double)DRAWS * K / SMALL;
    for (size_t i = 0; i < SMALL; i++)
        assert_true(fabs((double)counts[i] - expected) <
                    5.0 * sqrt(expected * (1.0 - (double)K / SMALL)));
    problem_free(&made);
}

/* Compares the batch with a plain sort by a key; of equal keys, the lower index comes first. */
static void check_top(const fi_selection *got, size_t n, const double *keys, double tolerance) {
    for (size_t i = 0; i < got->count; i++) {
        size_t better = 0;
        for (size_t j = 0; j < n; j++)
            better += keys[j] > keys[got->pairs[i]] ||
                      (keys[j] == keys[got->pairs[i]] && j < got->pairs[i]);
        if (better == i)
            continue;
        /* In another place, it must tie within rounding with the one that belongs there. */
        bool tied = false;
        for (size_t j = 0; j < n; j++)
            tied |= j != got->pairs[i] &&
                    fabs(keys[j] - keys[got->pairs[i]]) < tolerance * fabs(keys[j]);
        assert_true(tied);
    }
}

static void entropy_takes_the_smallest_and_maxdiff_the_largest_logits(void **state) {
    (void)state;
    problem made = problem_new(2, ITEMS, WIDTH, PAIRS, 0.0f, 2.0f);
    made.pairs[200] = made.pairs[3]; /* ties */
    made.pairs[100] = made.pairs[7];
    double keys[PAIRS];
    for (int sign = -1; sign <= 1; sign += 2) {
        for (size_t i = 0; i < PAIRS; i++)
            keys[i] = sign * fabs(problem_logit(&made.candidates, i));
        for (size_t k = 1; k <= PAIRS; k += 83) {
            fi_selection got =
                selected(&made.candidates, NULL, sign < 0 ? "entropy" : "maxdiff", k, 1.0, 0);
            check_top(&got, PAIRS, keys, 0.0);
            fi_selection_clear(&got);
        }
    }
    problem_free(&made);
}

static void score_strategies_take_the_largest_gradient_scores(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool weighted, past;
    } rows[] = {{"xtx", false, false}, {"dopt", true, false}, {"pa-dopt", true, true}};
    problem made = problem_new(3, ITEMS, WIDTH, PAIRS, 5.0f, 1.0f);
    problem answered = problem_new(4, ITEMS, WIDTH, 40, 5.0f, 1.0f);
    fi_information *past = information_of(&answered.candidates);
    for (size_t row = 0; row < FD_LENGTH(rows); row++) {
        double *matrix = plain_design(WIDTH, rows[row].past ? past : NULL, 1e-6);
        double inverse[WIDTH * WIDTH];
        double keys[PAIRS];
        for (size_t i = 0; i < PAIRS; i++)
            plain_add(&made.candidates, i,
                      rows[row].weighted ? problem_weight(&made.candidates, i) : 1.0, matrix);
        plain_invert(WIDTH, matrix, inverse);
        for (size_t i = 0; i < PAIRS; i++)
            keys[i] = plain_leverage(&made.candidates, i, inverse) *
                      (rows[row].weighted ? problem_weight(&made.candidates, i) : 1.0);
        fi_selection got = selected(&made.candidates, past, rows[row].name, 40, 1.0, 0);
        check_top(&got, PAIRS, keys, 1e-5);
        fi_selection_clear(&got);
        free(matrix);
    }
    fi_information_free(past);
    problem_free(&answered);
    problem_free(&made);
}

/* Greedy by its definition: every gain is computed from the inverse at every step. Greedy ranks
 * pairs by float32 rows, which hold seven digits of the largest key in a round, and that is less
 * than a hundred times the picked one. Only within that another pair may go first; its own gain
 * must be right. Returns how often one did; random pairs are seldom that close. */
static size_t check_plain_greedy(const fi_candidates *from, const fi_information *past,
                                 double prior, const fi_selection *got) {
    size_t h = from->n_features, ties = 0;
    double *matrix = plain_design(h, past, prior);
    double *inverse = problem_memory(h * h, sizeof(double));
    double *keys = problem_memory(from->n_pairs, sizeof(double));
    bool *taken = problem_memory(from->n_pairs, sizeof(bool));
    double largest = 0.0;
    for (size_t step = 0; step < got->count; step++) {
        plain_invert(h, matrix, inverse);
        size_t at = from->n_pairs;
        for (size_t i = 0; i < from->n_pairs; i++) {
            keys[i] = problem_weight(from, i) * plain_leverage(from, i, inverse);
            if (!taken[i] && (at == from->n_pairs || keys[i] > keys[at]))
                at = i;
        }
        largest = fmax(largest, keys[at]);
        uint32_t index = got->pairs[step];
        assert_false(taken[index]);
        assert_close(got->gains[step], log1p(keys[index]), 1e-9);
        assert_true(keys[at] - keys[index] <= FLT_EPSILON * fmin(largest, 100.0 * keys[at]));
        ties += index != at;
        taken[index] = true;
        plain_add(from, index, problem_weight(from, index), matrix);
    }
    free(taken);
    free(keys);
    free(inverse);
    free(matrix);
    return ties;
}

static void lazy_greedy_equals_plain_greedy(void **state) {
    (void)state;
    static const double priors[] = {1e-3, 1.0, 100.0};
    /* Batches above h / 2 and above h make it compute again in both ways. */
    static const size_t sizes[] = {1, 20, PAIRS};
    size_t ties = 0;
    for (uint64_t seed = 0; seed < 4; seed++) {
        for (size_t p = 0; p < FD_LENGTH(priors); p++) {
            problem made = problem_new(10 + seed, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
            problem answered = problem_new(20 + seed, ITEMS, WIDTH, 30, 0.0f, 1.0f);
            fi_information *past = seed % 2 ? information_of(&answered.candidates) : NULL;
            for (size_t s = 0; s < FD_LENGTH(sizes); s++) {
                fi_selection got =
                    selected(&made.candidates, past, "greedy", sizes[s], priors[p], 0);
                ties += check_plain_greedy(&made.candidates, past, priors[p], &got);
                fi_selection_clear(&got);
            }
            fi_information_free(past);
            problem_free(&answered);
            problem_free(&made);
        }
    }
    assert_true(ties <= SELDOM);
}

static void lazy_greedy_equals_plain_greedy_with_many_features(void **state) {
    (void)state;
    size_t ties = 0;
    for (uint64_t seed = 0; seed < 8; seed++) {
        problem made = problem_new(7 + seed, 80, 48, 200, 0.0f, 1.0f);
        fi_selection got = selected(&made.candidates, NULL, "greedy", 120, 0.5, 0);
        ties += check_plain_greedy(&made.candidates, NULL, 0.5, &got);
        fi_selection_clear(&got);
        problem_free(&made);
    }
    assert_true(ties <= SELDOM);
}

static void equal_candidates_are_taken_in_order_of_their_index(void **state) {
    (void)state;
    static const char *const names[] = {"entropy", "maxdiff", "xtx", "dopt", "pa-dopt", "greedy"};
    problem made = problem_new(7, 10, 4, 30, 0.0f, 1.0f);
    for (size_t i = 0; i < 30; i++)
        made.pairs[i] = i % 2 ? (fi_pair){3, 8} : (fi_pair){8, 3};
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        for (size_t k = 1; k <= 30; k += 7) {
            fi_selection got = selected(&made.candidates, NULL, names[i], k, 1.0, 0);
            for (size_t j = 0; j < k; j++)
                assert_int_equal(got.pairs[j], j);
            fi_selection_clear(&got);
        }
    }
    problem_free(&made);
}

static void no_batch_exceeds_the_bound_and_greedy_keeps_its_guarantee(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        size_t k = 1 + seed % 4;
        problem made = problem_new(40 + seed, 7, 3, 9, 0.0f, 1.5f);
        double *matrix = plain_design(3, NULL, 0.1);
        double before = plain_logdet(3, matrix);
        double best = plain_best_batch(&made.candidates, 0, k, matrix);
        for (size_t i = 0; i < fi_strategy_count(); i++) {
            const char *name = fi_strategy_at(i)->name;
            fi_selection got = selected(&made.candidates, NULL, name, k, 0.1, seed);
            assert_true(got.logdet_bound >= best - 1e-6);
            assert_true(got.logdet_after <= best + 1e-6);
            /* Nemhauser, Wolsey and Fisher 1978 */
            if (strcmp(name, "greedy") == 0)
                assert_true(got.logdet_after - before >=
                            (1.0 - exp(-1.0)) * (best - before) - 1e-6);
            if (strcmp(name, "greedy") == 0 && k == 1)
                assert_close(got.logdet_after, best, 1e-9);
            fi_selection_clear(&got);
        }
        free(matrix);
        problem_free(&made);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_lists_every_strategy_once_with_a_sentence),
        cmocka_unit_test(only_random_is_random_and_only_two_use_targets),
        cmocka_unit_test(random_draws_uniformly_without_replacement),
        cmocka_unit_test(entropy_takes_the_smallest_and_maxdiff_the_largest_logits),
        cmocka_unit_test(score_strategies_take_the_largest_gradient_scores),
        cmocka_unit_test(lazy_greedy_equals_plain_greedy),
        cmocka_unit_test(lazy_greedy_equals_plain_greedy_with_many_features),
        cmocka_unit_test(equal_candidates_are_taken_in_order_of_their_index),
        cmocka_unit_test(no_batch_exceeds_the_bound_and_greedy_keeps_its_guarantee),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
