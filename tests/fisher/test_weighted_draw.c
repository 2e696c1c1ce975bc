/* Tests of weighted draws, and of the strategies that use them. */
#include "weighted_draw.h"

#include <errno.h>

#include "coreset.h"
#include "draws.h"

static const char *const names[] = {"coreset", "dopt-sample"};

/* ---- draws ---- */

static void draws_have_the_frequencies_of_successive_sampling(void **state) {
    (void)state;
    enum { N = 6, DRAWS = 5000 };
    static const double weights[N] = {5.0, 1.0, 0.25, 2.0, 1.0, 0.0};
    problem made = problem_new(1, 12, 2, N, 0.0f, 1.0f);
    for (size_t k = 1; k <= 4; k++) {
        double inclusion[N] = {0};
        bool taken[N] = {false};
        successive_sampling(N, weights, k, 1.0, taken, inclusion);
        size_t counts[N] = {0};
        for (uint64_t seed = 0; seed < DRAWS; seed++) {
            setting given;
            setting_init(&given, &made.candidates, seed);
            uint32_t batch[N];
            size_t count = 0;
            assert_int_equal(fi_weighted_draw(&given.problem, weights, k, batch, &count), 0);
            assert_int_equal(count, k);
            check_distinct(batch, k, N);
            for (size_t i = 0; i < k; i++)
                counts[batch[i]]++;
            setting_clear(&given);
        }
        check_counts(N, counts, inclusion, DRAWS);
    }
    problem_free(&made);
}

static void candidates_without_weight_go_last_in_random_order(void **state) {
    (void)state;
    enum { N = 6, DRAWS = 3000 };
    static const double weights[N] = {0.0, 5e-324, 0.0, 1e300, 0.0, 1e-300};
    static const double thirds[N] = {1.0 / 3.0, 0.0, 1.0 / 3.0, 0.0, 1.0 / 3.0, 0.0};
    problem made = problem_new(2, 12, 2, N, 0.0f, 1.0f);
    size_t fourth[N] = {0}, last[N] = {0};
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        setting given;
        setting_init(&given, &made.candidates, seed);
        uint32_t batch[N];
        size_t count = 0;
        assert_int_equal(fi_weighted_draw(&given.problem, weights, N, batch, &count), 0);
        assert_int_equal(count, N);
        assert_int_equal(batch[0], 3);
        assert_int_equal(batch[1], 5);
        assert_int_equal(batch[2], 1);
        fourth[batch[3]]++;
        last[batch[5]]++;
        setting_clear(&given);
    }
    check_counts(N, fourth, thirds, DRAWS);
    check_counts(N, last, thirds, DRAWS);
    problem_free(&made);
}

static void dopt_sample_draws_in_proportion_to_the_past_aware_score(void **state) {
    (void)state;
    enum { N = 7, WIDTH = 3, DRAWS = 4000, K = 3 };
    problem made = problem_new(3, 8, WIDTH, N, 1.0f, 1.5f);
    problem answered = problem_new(4, 9, WIDTH, 12, 1.0f, 1.0f);
    fi_information *past = information_of(&answered.candidates);
    double *matrix = plain_design(WIDTH, past, 1e-6);
    double inverse[WIDTH * WIDTH], scores[N], inclusion[N] = {0};
    bool taken[N] = {false};
    for (size_t i = 0; i < N; i++)
        plain_add(&made.candidates, i, problem_weight(&made.candidates, i), matrix);
    plain_invert(WIDTH, matrix, inverse);
    for (size_t i = 0; i < N; i++)
        scores[i] =
            problem_weight(&made.candidates, i) * plain_leverage(&made.candidates, i, inverse);
    successive_sampling(N, scores, K, 1.0, taken, inclusion);

    size_t counts[N] = {0};
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        fi_selection got = selected(&made.candidates, past, "dopt-sample", K, 1.0, seed);
        for (size_t i = 0; i < K; i++)
            counts[got.pairs[i]]++;
        fi_selection_clear(&got);
    }
    check_counts(N, counts, inclusion, DRAWS);
    free(matrix);
    fi_information_free(past);
    problem_free(&answered);
    problem_free(&made);
}

/* ---- properties ---- */

static void a_batch_of_any_size_has_no_candidate_twice(void **state) {
    (void)state;
    enum { N = 300 };
    static const size_t sizes[] = {1, 2, N / 2, N / 2 + 1, N - 1, N};
    problem made = problem_new(40, 60, 6, N, 0.0f, 1.0f);
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        for (size_t s = 0; s < FD_LENGTH(sizes); s++) {
            fi_selection got = selected(&made.candidates, NULL, names[i], sizes[s], 1.0, s);
            check_distinct(got.pairs, sizes[s], N);
            fi_selection_clear(&got);
        }
    }
    problem_free(&made);
}

static void the_same_seed_gives_the_same_batch_and_another_one_another(void **state) {
    (void)state;
    enum { N = 3000, K = 20 };
    problem made = problem_new(41, 200, 6, N, 0.0f, 1.0f);
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        fi_selection first = selected(&made.candidates, NULL, names[i], K, 1.0, 8);
        fi_selection again = selected(&made.candidates, NULL, names[i], K, 1.0, 8);
        fi_selection other = selected(&made.candidates, NULL, names[i], K, 1.0, 9);
        assert_memory_equal(first.pairs, again.pairs, K * sizeof(uint32_t));
        assert_memory_not_equal(first.pairs, other.pairs, K * sizeof(uint32_t));
        fi_selection_clear(&first);
        fi_selection_clear(&again);
        fi_selection_clear(&other);
    }
    problem_free(&made);
}

static void check_all_sizes(const problem *made) {
    size_t n = made->candidates.n_pairs;
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        for (size_t k = 1; k <= n; k += n - 1 ? n - 1 : 1) {
            fi_selection got = selected(&made->candidates, NULL, names[i], k, 1e-3, k);
            check_distinct(got.pairs, k, n);
            assert_true(isfinite(got.logdet_after));
            fi_selection_clear(&got);
        }
    }
}

static void degenerate_candidates_give_full_batches(void **state) {
    (void)state;
    enum { ITEMS = 20, WIDTH = 8, N = 40 };
    for (int kind = 0; kind < 6; kind++) {
        problem made = problem_new(50, ITEMS, WIDTH, N, 0.0f, 1.0f);
        for (size_t i = 0; i < ITEMS * WIDTH; i++) {
            made.features[i] = kind == 0 ? 0.5f : made.features[i]; /* no difference */
            made.features[i] *= kind == 1 ? 1e37f : kind == 2 ? 1e-40f : 1.0f;
        }
        for (size_t i = 0; i < ITEMS; i++) {
            made.rewards[i] *= kind == 3 ? 0.0f : 1.0f;            /* logits 0 */
            made.rewards[i] += kind == 4 ? 1e4f * (float)i : 0.0f; /* weights close to zero */
        }
        for (size_t i = 0; i < N && kind == 5; i++)
            made.pairs[i] = i % 2 ? (fi_pair){3, 8} : (fi_pair){8, 3}; /* identical */
        check_all_sizes(&made);
        for (size_t n = 1; n <= FI_CORESET_CLUSTERS + 1;
             n++) { /* fewer candidates than features, or than centres */
            made.candidates.n_pairs = n;
            check_all_sizes(&made);
        }
        problem_free(&made);
    }
}

static void no_item_is_drawn_more_often_than_its_limit(void **state) {
    (void)state;
    enum { ITEMS = 20, N = 150, K = 30 };
    problem made = problem_new(60, ITEMS, 4, N, 0.0f, 1.0f);
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        fi_selection_options options = {
            .strategy = fi_strategy_find(names[i]),
            .batch_size = K,
            .prior_precision = 1.0,
            .max_per_item = 2,
            .copy_distance = 0.05,
        };
        fi_selection got;
        assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
        size_t uses[ITEMS] = {0};
        assert_true(got.count >= 10 && got.count <= 20);
        check_distinct(got.pairs, got.count, N);
        for (size_t j = 0; j < got.count; j++) {
            assert_true(++uses[got.items[j].a] <= 2);
            assert_true(++uses[got.items[j].b] <= 2);
        }
        fi_selection_clear(&got);
    }
    problem_free(&made);
}

static void copies_wait_until_no_other_pair_is_left(void **state) {
    (void)state;
    enum { N = 40 };
    problem made = problem_new(61, 30, 4, N, 0.0f, 1.0f);
    for (size_t i = 0; i < N / 2; i++) /* one pair in both orders */
        made.pairs[i] = i % 2 ? (fi_pair){1, 2} : (fi_pair){2, 1};
    for (size_t i = N / 2; i < N; i++)
        made.pairs[i] = (fi_pair){(uint32_t)(i - N / 2), (uint32_t)(i - N / 2 + 7)};
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        fi_selection_options options = {
            .strategy = fi_strategy_find(names[i]),
            .batch_size = N,
            .prior_precision = 1.0,
            .copy_distance = 1e-6,
        };
        fi_selection got;
        assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
        assert_int_equal(got.count, N);
        check_distinct(got.pairs, N, N);
        size_t copies = 0;
        for (size_t j = 0; j <= N / 2; j++)
            copies += got.pairs[j] < N / 2;
        assert_int_equal(copies, 1);
        fi_selection_clear(&got);
    }
    problem_free(&made);
}

/* Continues for the number of calls in its context. */
static bool count_down(void *context, double share) {
    size_t *left = context;
    assert_true(share >= 0.0 && share <= 1.0);
    return (*left)-- > 0;
}

static void both_can_be_cancelled(void **state) {
    (void)state;
    enum { N = 1000 };
    problem made = problem_new(70, 100, 4, N, 0.0f, 1.0f);
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        /* coreset calls while it clusters and while it measures, once per 256 candidates */
        for (size_t calls = 0; calls < (i == 0 ? 24 : 1); calls++) {
            size_t left = calls;
            fi_selection_options options = {
                .strategy = fi_strategy_find(names[i]),
                .batch_size = 10,
                .prior_precision = 1.0,
                .go_on = count_down,
                .context = &left,
            };
            fi_selection got;
            assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), -ECANCELED);
        }
    }
    problem_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_have_the_frequencies_of_successive_sampling),
        cmocka_unit_test(candidates_without_weight_go_last_in_random_order),
        cmocka_unit_test(dopt_sample_draws_in_proportion_to_the_past_aware_score),
        cmocka_unit_test(a_batch_of_any_size_has_no_candidate_twice),
        cmocka_unit_test(the_same_seed_gives_the_same_batch_and_another_one_another),
        cmocka_unit_test(degenerate_candidates_give_full_batches),
        cmocka_unit_test(no_item_is_drawn_more_often_than_its_limit),
        cmocka_unit_test(copies_wait_until_no_other_pair_is_left),
        cmocka_unit_test(both_can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
