/* Tests of selections from a list: batches, gains, bounds and limits. */
#include "macros.h"
#include "problems.h"

#include <errno.h>

enum { ITEMS = 50, WIDTH = 5, PAIRS = 160 };

/* Checks what must hold for every selection. */
static void check_selection(const fi_candidates *from, const fi_information *past, double prior,
                            const fi_selection *got) {
    size_t h = from->n_features;
    double *matrix = plain_design(h, past, prior);
    bool *taken = problem_memory(from->n_pairs, sizeof(bool));
    bool *used = problem_memory(from->n_items, sizeof(bool));
    double logdet = plain_logdet(h, matrix);
    double sum = 0.0;
    size_t distinct = 0;
    assert_close(got->logdet_before, logdet, 1e-10);
    for (size_t i = 0; i < got->count; i++) {
        uint32_t index = got->pairs[i];
        assert_true(index < from->n_pairs && !taken[index]);
        taken[index] = true;
        distinct += !used[from->pairs[index].a];
        used[from->pairs[index].a] = true;
        distinct += !used[from->pairs[index].b];
        used[from->pairs[index].b] = true;
        plain_add(from, index, problem_weight(from, index), matrix);
        double after = plain_logdet(h, matrix);
        assert_true(got->gains[i] >= 0.0);
        assert_close(got->gains[i], after - logdet, 1e-10);
        sum += got->gains[i];
        logdet = after;
    }
    assert_close(got->logdet_after, logdet, 1e-10);
    assert_close(got->logdet_before + sum, got->logdet_after, 1e-10);
    assert_true(got->logdet_bound >= got->logdet_after);
    assert_true(got->d_efficiency >= 0.0 && got->d_efficiency <= 1.0);
    assert_close(log(got->d_efficiency) * (double)h, got->logdet_after - got->logdet_bound, 1e-9);
    assert_int_equal(got->chosen.distinct_items, distinct);
    free(used);
    free(taken);
    free(matrix);
}

static void check_all_strategies(const fi_candidates *from, const fi_information *past,
                                 double prior) {
    const size_t sizes[] = {1, (from->n_pairs + 1) / 2, from->n_pairs};
    for (size_t i = 0; i < fi_strategy_count(); i++) {
        for (size_t s = 0; s < FD_LENGTH(sizes); s++) {
            fi_selection got = selected(from, past, fi_strategy_at(i)->name, sizes[s], prior, i);
            check_selection(from, past, prior, &got);
            fi_selection_clear(&got);
        }
    }
}

static void gains_add_up_to_the_rise_of_log_det_and_are_never_negative(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        problem made = problem_new(seed, ITEMS, WIDTH, PAIRS, 3.0f, 1.0f);
        problem answered = problem_new(100 + seed, ITEMS, WIDTH, 20, 3.0f, 1.0f);
        fi_information *past = information_of(&answered.candidates);
        check_all_strategies(&made.candidates, NULL, 1e-2);
        check_all_strategies(&made.candidates, past, 1.0);
        fi_information_free(past);
        problem_free(&answered);
        problem_free(&made);
    }
}

static void a_gain_falls_as_pairs_are_added(void **state) {
    (void)state;
    problem made = problem_new(5, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    fi_information *past = NULL;
    assert_int_equal(fi_information_new(WIDTH, &past), 0);
    fi_candidates one = made.candidates;
    one.n_pairs = 1;
    double last = INFINITY;
    for (size_t i = 1; i < 60; i++) {
        fi_selection got = selected(&one, past, "greedy", 1, 1.0, 0);
        assert_true(got.gains[0] < last);
        last = got.gains[0];
        fi_selection_clear(&got);
        fi_candidates next = made.candidates;
        next.pairs += i;
        next.n_pairs = 1;
        assert_int_equal(fi_information_add(past, &next), 0);
    }
    fi_information_free(past);
    problem_free(&made);
}

static void the_bound_is_the_tangent_of_the_concave_relaxation(void **state) {
    (void)state;
    enum { K = 12 };
    problem made = problem_new(6, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    double inverse[WIDTH * WIDTH];
    for (size_t i = 0; i < fi_strategy_count(); i++) {
        fi_selection got = selected(&made.candidates, NULL, fi_strategy_at(i)->name, K, 1.0, 0);
        double *matrix = plain_design(WIDTH, NULL, 1.0);
        double slopes[PAIRS];
        double excess = 0.0;
        for (size_t j = 0; j < K; j++)
            plain_add(&made.candidates, got.pairs[j],
                      problem_weight(&made.candidates, got.pairs[j]), matrix);
        plain_invert(WIDTH, matrix, inverse);
        for (size_t j = 0; j < PAIRS; j++)
            slopes[j] =
                problem_weight(&made.candidates, j) * plain_leverage(&made.candidates, j, inverse);
        for (size_t j = 0; j < K; j++)
            excess -= slopes[got.pairs[j]];
        for (size_t j = 0; j < K; j++) {
            size_t largest = 0;
            for (size_t other = 1; other < PAIRS; other++)
                if (slopes[other] > slopes[largest])
                    largest = other;
            excess += slopes[largest];
            slopes[largest] = -1.0;
        }
        assert_close(got.logdet_bound - got.logdet_after, WIDTH * log1p(excess / WIDTH), 1e-6);
        free(matrix);
        fi_selection_clear(&got);
    }
    problem_free(&made);
}

static bool draws_at_random(const char *strategy) {
    static const char *const names[] = {"random", "dopt-sample", "coreset", "batchbald"};
    for (size_t i = 0; i < FD_LENGTH(names); i++)
        if (strcmp(strategy, names[i]) == 0)
            return true;
    return false;
}

static void the_same_seed_gives_the_same_batch(void **state) {
    (void)state;
    problem made = problem_new(7, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    for (size_t i = 0; i < fi_strategy_count(); i++) {
        const char *name = fi_strategy_at(i)->name;
        fi_selection one = selected(&made.candidates, NULL, name, 30, 1.0, 9);
        fi_selection two = selected(&made.candidates, NULL, name, 30, 1.0, 9);
        fi_selection other = selected(&made.candidates, NULL, name, 30, 1.0, 10);
        assert_memory_equal(one.pairs, two.pairs, 30 * sizeof(*one.pairs));
        assert_memory_equal(one.gains, two.gains, 30 * sizeof(*one.gains));
        assert_int_equal(!draws_at_random(name),
                         memcmp(one.pairs, other.pairs, 30 * sizeof(*one.pairs)) == 0);
        fi_selection_clear(&one);
        fi_selection_clear(&two);
        fi_selection_clear(&other);
    }
    problem_free(&made);
}

static void permuting_the_candidates_permutes_the_choice(void **state) {
    (void)state;
    problem made = problem_new(8, 200, WIDTH, PAIRS, 0.0f, 1.0f);
    fi_pair moved[PAIRS];
    for (size_t i = 0; i < PAIRS; i++)
        moved[(i * 37 + 11) % PAIRS] = made.pairs[i];
    fi_candidates permuted = made.candidates;
    permuted.pairs = moved;
    for (size_t i = 0; i < fi_strategy_count(); i++) {
        const char *name = fi_strategy_at(i)->name;
        if (draws_at_random(name))
            continue;
        fi_selection one = selected(&made.candidates, NULL, name, 30, 1.0, 0);
        fi_selection two = selected(&permuted, NULL, name, 30, 1.0, 0);
        for (size_t j = 0; j < 30; j++)
            assert_int_equal((one.pairs[j] * 37 + 11) % PAIRS, two.pairs[j]);
        fi_selection_clear(&one);
        fi_selection_clear(&two);
    }
    problem_free(&made);
}

static void confident_models_get_the_batch_of_equal_weights_and_true_gains(void **state) {
    (void)state;
    static const char *const names[] = {"dopt", "pa-dopt", "greedy"};
    problem made = problem_new(9, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    problem flat = problem_new(9, ITEMS, WIDTH, PAIRS, 0.0f, 0.0f);
    for (size_t i = 0; i < ITEMS; i++)
        made.rewards[i] = 1000.0f * (float)i;
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        fi_selection got = selected(&made.candidates, NULL, names[i], 20, 1.0, 0);
        check_selection(&made.candidates, NULL, 1.0, &got);
        assert_true(got.logdet_after == got.logdet_before && got.d_efficiency == 1.0);
        fi_selection_clear(&got);
    }
    /* Weights of one instead of a quarter: the scores have the same order, and so does greedy with
     * a prior four times as large. */
    fi_selection confident = selected(&made.candidates, NULL, "greedy", 20, 1.0, 0);
    fi_selection unsure = selected(&flat.candidates, NULL, "greedy", 20, 0.25, 0);
    assert_memory_equal(confident.pairs, unsure.pairs, 20 * sizeof(*unsure.pairs));
    fi_selection_clear(&confident);
    fi_selection_clear(&unsure);
    confident = selected(&made.candidates, NULL, "dopt", 20, 1.0, 0);
    unsure = selected(&made.candidates, NULL, "xtx", 20, 1.0, 0);
    assert_memory_equal(confident.pairs, unsure.pairs, 20 * sizeof(*unsure.pairs));
    fi_selection_clear(&confident);
    fi_selection_clear(&unsure);
    problem_free(&flat);
    problem_free(&made);
}

static void uninformative_pairs_come_last(void **state) {
    (void)state;
    static const char *const names[] = {"entropy", "dopt", "pa-dopt", "greedy"};
    problem made = problem_new(10, ITEMS, WIDTH, PAIRS, 0.0f, 0.1f);
    size_t informative = 0;
    for (size_t i = 10; i < ITEMS; i++)
        made.rewards[i] = 5000.0f * (float)i;
    for (size_t i = 0; i < PAIRS; i++)
        informative += made.pairs[i].a < 10 && made.pairs[i].b < 10;
    assert_true(informative > 2);
    check_all_strategies(&made.candidates, NULL, 1.0);
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        fi_selection got = selected(&made.candidates, NULL, names[i], informative + 3, 1.0, 0);
        for (size_t j = 0; j < informative; j++)
            assert_true(made.pairs[got.pairs[j]].a < 10 && made.pairs[got.pairs[j]].b < 10);
        fi_selection_clear(&got);
    }
    problem_free(&made);
}

static void bad_states_get_a_sensible_batch(void **state) {
    (void)state;
    problem identical = problem_new(11, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    for (size_t i = 0; i < PAIRS; i++)
        identical.pairs[i] = identical.pairs[0];
    check_all_strategies(&identical.candidates, NULL, 1.0);
    problem_free(&identical);

    problem no_difference = problem_new(12, ITEMS, WIDTH, PAIRS, 0.0f, 0.0f);
    for (size_t i = 0; i < ITEMS * WIDTH; i++)
        no_difference.features[i] = 0.1f;
    check_all_strategies(&no_difference.candidates, NULL, 1.0);
    problem_free(&no_difference);

    problem wide = problem_new(13, 30, 40, 12, 0.0f, 1.0f);
    check_all_strategies(&wide.candidates, NULL, 1.0);
    problem_free(&wide);

    problem single = problem_new(14, 2, WIDTH, 1, 0.0f, 1.0f);
    check_all_strategies(&single.candidates, NULL, 1.0);
    problem_free(&single);

    problem with_itself = problem_new(15, 9, WIDTH, 3, 0.0f, 1.0f);
    for (size_t i = 0; i < 3; i++)
        with_itself.pairs[i].b = with_itself.pairs[i].a;
    check_all_strategies(&with_itself.candidates, NULL, 1.0);
    problem_free(&with_itself);
}

static void extreme_scales_never_give_a_nan(void **state) {
    (void)state;
    static const float scales[] = {1e-20f, 1e-6f, 1e4f, 1e6f, 1e9f};
    static const double priors[] = {1e-12, 1.0, 1e12};
    for (size_t s = 0; s < FD_LENGTH(scales); s++) {
        problem made = problem_new(16, 20, 30, 25, 0.0f, 1.0f);
        for (size_t i = 0; i < 20 * 30; i++)
            made.features[i] *= scales[s];
        for (size_t p = 0; p < FD_LENGTH(priors); p++) {
            for (size_t i = 0; i < fi_strategy_count(); i++) {
                fi_selection got =
                    selected(&made.candidates, NULL, fi_strategy_at(i)->name, 25, priors[p], 0);
                bool taken[25] = {false};
                assert_true(isfinite(got.logdet_after) && isfinite(got.logdet_bound));
                assert_true(got.d_efficiency >= 0.0 && got.d_efficiency <= 1.0);
                double sum = 0.0;
                for (size_t j = 0; j < 25; j++) {
                    sum += got.gains[j];
                    assert_true(isfinite(got.gains[j]) && got.gains[j] >= 0.0);
                    assert_false(taken[got.pairs[j]]);
                    taken[got.pairs[j]] = true;
                }
                assert_close(got.logdet_before + sum, got.logdet_after, 1e-9);
                fi_selection_clear(&got);
            }
        }
        problem_free(&made);
    }
}

/* M = past + prior + lambda I, whichever part brings it. */
static void a_given_prior_counts_like_the_past_and_lambda(void **state) {
    (void)state;
    problem made = problem_new(31, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    problem answered = problem_new(32, ITEMS, WIDTH, 30, 0.0f, 1.0f);
    fi_information *past = information_of(&answered.candidates), *prior = NULL, *none = NULL;
    assert_int_equal(fi_information_new(WIDTH, &none), 0);
    assert_int_equal(fi_information_copy(past, &prior), 0);
    fi_information_scale(prior, 3.0);
    fi_information_scale(past, 4.0); /* past and prior together */
    for (size_t i = 0; i < fi_strategy_count(); i++)
        /* Two published strategies look at past pairs alone. */
        for (int kind = 0; kind < 2 && strcmp(fi_strategy_at(i)->name, "pa-dopt") != 0 &&
                           strcmp(fi_strategy_at(i)->name, "dopt-sample") != 0;
             kind++) {
            fi_selection_options options = {.strategy = fi_strategy_at(i),
                                            .batch_size = 6,
                                            .prior_precision = kind ? 0.5 : 0.0,
                                            .seed = 4,
                                            .figures = true,
                                            .explain = true};
            fi_selection whole, parts;
            options.prior = kind ? none : past; /* everything, or nothing, is the prior */
            assert_int_equal(fi_select(&made.candidates, kind ? past : NULL, &options, &whole), 0);
            options.prior = prior;
            fi_information *once = information_of(&answered.candidates);
            assert_int_equal(fi_select(&made.candidates, once, &options, &parts), 0);
            assert_close(parts.logdet_before, whole.logdet_before, 1e-9);
            assert_close(parts.logdet_after, whole.logdet_after, 1e-9);
            assert_memory_equal(parts.pairs, whole.pairs, 6 * sizeof(*parts.pairs));
            fi_information_free(once);
            fi_selection_clear(&parts);
            fi_selection_clear(&whole);
        }
    fi_selection got = {0};
    fi_information *wide = NULL;
    assert_int_equal(fi_information_new(WIDTH + 1, &wide), 0);
    const fi_selection_options wrong = {
        .strategy = fi_strategy_at(0), .batch_size = 1, .prior = wide};
    assert_int_equal(fi_select(&made.candidates, NULL, &wrong, &got), -EINVAL);
    fi_information_free(wide);
    fi_information_free(none);
    fi_information_free(prior);
    fi_information_free(past);
    problem_free(&answered);
    problem_free(&made);
}

static void a_prior_that_is_lost_in_the_rounding_of_the_past_does_not_fail(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        problem made = problem_new(seed, 8, 24, 20, 0.0f, 0.1f);
        for (size_t i = 0; i < 8 * 24; i++)
            made.features[i] *= 1e7f;
        fi_information *past = information_of(&made.candidates);
        for (size_t i = 0; i < fi_strategy_count(); i++) {
            fi_selection got =
                selected(&made.candidates, past, fi_strategy_at(i)->name, 10, 1e-3, 0);
            double sum = 0.0;
            for (size_t j = 0; j < 10; j++)
                sum += got.gains[j];
            assert_true(sum > 0.0 && got.d_efficiency > 0.0);
            assert_close(got.logdet_before + sum, got.logdet_after, 1e-10);
            fi_selection_clear(&got);
        }
        fi_information_free(past);
        problem_free(&made);
    }
}

static void a_thousand_features_work(void **state) {
    (void)state;
    problem made = problem_new(17, 40, 1024, 100, 0.0f, 1.0f);
    for (size_t i = 0; i < fi_strategy_count(); i++) {
        fi_selection got = selected(&made.candidates, NULL, fi_strategy_at(i)->name, 70, 1.0, 0);
        double sum = 0.0;
        for (size_t j = 0; j < 70; j++)
            sum += got.gains[j];
        assert_close(got.logdet_before + sum, got.logdet_after, 1e-10);
        fi_selection_clear(&got);
    }
    problem_free(&made);
}

static void a_pair_that_was_answered_often_is_not_chosen_again(void **state) {
    (void)state;
    problem made = problem_new(18, ITEMS, WIDTH, PAIRS, 0.0f, 0.0f);
    fi_selection first = selected(&made.candidates, NULL, "greedy", 1, 1.0, 0);
    fi_pair often[200];
    for (size_t i = 0; i < 200; i++)
        often[i] = made.pairs[first.pairs[0]];
    fi_candidates answered = made.candidates;
    answered.pairs = often;
    answered.n_pairs = 200;
    fi_information *past = information_of(&answered);
    static const char *const names[] = {"pa-dopt", "greedy"};
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        fi_selection got = selected(&made.candidates, past, names[i], 20, 1.0, 0);
        for (size_t j = 0; j < 20; j++)
            assert_int_not_equal(got.pairs[j], first.pairs[0]);
        fi_selection_clear(&got);
    }
    fi_selection_clear(&first);
    fi_information_free(past);
    problem_free(&made);
}

static void options_out_of_bounds_are_refused(void **state) {
    (void)state;
    problem made = problem_new(19, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    const fi_strategy *greedy = fi_strategy_find("greedy");
    const fi_strategy stranger = *greedy;
    const struct {
        const fi_strategy *strategy;
        size_t size;
        double prior;
    } wrong[] = {
        {NULL, 1, 1.0},   {&stranger, 1, 1.0}, {greedy, 0, 1.0},      {greedy, PAIRS + 1, 1.0},
        {greedy, 1, 0.0}, {greedy, 1, -1.0},   {greedy, 1, INFINITY}, {greedy, 1, NAN},
    };
    fi_selection got = {0};
    for (size_t i = 0; i < FD_LENGTH(wrong); i++) {
        const fi_selection_options options = {.strategy = wrong[i].strategy,
                                              .batch_size = wrong[i].size,
                                              .prior_precision = wrong[i].prior};
        assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), -EINVAL);
    }
    const fi_selection_options right = {
        .strategy = greedy, .batch_size = 1, .prior_precision = 1.0};
    fi_information *past = NULL;
    assert_int_equal(fi_information_new(WIDTH + 1, &past), 0);
    assert_int_equal(fi_select(&made.candidates, past, &right, &got), -EINVAL);
    fi_information_free(past);
    made.pairs[4].a = ITEMS;
    assert_int_equal(fi_select(&made.candidates, NULL, &right, &got), -EINVAL);
    assert_null(got.pairs);
    problem_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains_add_up_to_the_rise_of_log_det_and_are_never_negative),
        cmocka_unit_test(a_gain_falls_as_pairs_are_added),
        cmocka_unit_test(the_bound_is_the_tangent_of_the_concave_relaxation),
        cmocka_unit_test(the_same_seed_gives_the_same_batch),
        cmocka_unit_test(permuting_the_candidates_permutes_the_choice),
        cmocka_unit_test(confident_models_get_the_batch_of_equal_weights_and_true_gains),
        cmocka_unit_test(uninformative_pairs_come_last),
        cmocka_unit_test(bad_states_get_a_sensible_batch),
        cmocka_unit_test(extreme_scales_never_give_a_nan),
        cmocka_unit_test(a_given_prior_counts_like_the_past_and_lambda),
        cmocka_unit_test(a_prior_that_is_lost_in_the_rounding_of_the_past_does_not_fail),
        cmocka_unit_test(a_thousand_features_work),
        cmocka_unit_test(a_pair_that_was_answered_often_is_not_chosen_again),
        cmocka_unit_test(options_out_of_bounds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
