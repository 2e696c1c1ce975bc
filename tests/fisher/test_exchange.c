/* Tests of the strategy `exchange` against every possible swap. */
#include "properties.h"

/* log det of a design with the pairs of a batch, one of which may be replaced. */
static double plain_logdet_of(const fi_candidates *from, const fi_information *past, double prior,
                              const fi_selection *got, size_t place, size_t other) {
    double *matrix = plain_design(from->n_features, past, prior);
    for (size_t i = 0; i < got->count; i++) {
        size_t pair = i == place ? other : got->pairs[i];
        plain_add(from, pair, problem_weight(from, pair), matrix);
    }
    double logdet = plain_logdet(from->n_features, matrix);
    free(matrix);
    return logdet;
}

static bool is_picked(const fi_selection *got, size_t pair) {
    for (size_t i = 0; i < got->count; i++)
        if (got->pairs[i] == pair)
            return true;
    return false;
}

static bool is_within(const fi_candidates *from, const fi_selection *got, size_t place,
                      size_t other, size_t max_per_item) {
    fi_pair entering = from->pairs[other];
    size_t uses_a = 1, uses_b = 1;
    for (size_t i = 0; i < got->count; i++) {
        if (i == place)
            continue;
        uses_a += got->items[i].a == entering.a || got->items[i].b == entering.a;
        uses_b += got->items[i].a == entering.b || got->items[i].b == entering.b;
    }
    return max_per_item == 0 || (uses_a <= max_per_item && uses_b <= max_per_item);
}

/* Tries every swap that the limit allows. */
static void check_no_swap_helps(const fi_candidates *from, const fi_information *past,
                                const fi_selection_options *options, const fi_selection *got) {
    double prior = options->prior_precision;
    double reached = plain_logdet_of(from, past, prior, got, SIZE_MAX, 0);
    assert_close(got->logdet_after, reached, 1e-7);
    for (size_t place = 0; place < got->count; place++)
        for (size_t other = 0; other < from->n_pairs; other++)
            if (!is_picked(got, other) && is_within(from, got, place, other, options->max_per_item))
                assert_true(plain_logdet_of(from, past, prior, got, place, other) <=
                            reached + 1e-8);
}

static fi_selection exchanged(const fi_candidates *from, const fi_information *past, size_t k,
                              double prior, size_t max_per_item, const char *strategy) {
    fi_selection_options options = properties_options(strategy, k);
    options.prior_precision = prior;
    options.max_per_item = max_per_item;
    fi_selection got;
    assert_int_equal(fi_select(from, past, &options, &got), 0);
    if (strcmp(strategy, "exchange") == 0)
        check_no_swap_helps(from, past, &options, &got);
    return got;
}

/* Returns whether the batch is better than that of greedy. */
static bool check_exchange(const fi_candidates *from, const fi_information *past, size_t k,
                           double prior, size_t max_per_item) {
    fi_selection greedy = exchanged(from, past, k, prior, max_per_item, "greedy");
    fi_selection got = exchanged(from, past, k, prior, max_per_item, "exchange");
    assert_int_equal(got.count, greedy.count);
    assert_distinct(&got, from->n_pairs);
    assert_true(got.logdet_after >= greedy.logdet_after);
    bool is_above = got.logdet_after > greedy.logdet_after + 1e-6;
    fi_selection_clear(&greedy);
    fi_selection_clear(&got);
    return is_above;
}

static void no_single_swap_improves_the_batch(void **state) {
    (void)state;
    static const double priors[] = {1e-3, 0.1, 10.0};
    static const size_t sizes[] = {1, 5, 9, 30};
    size_t above = 0;
    for (uint64_t seed = 0; seed < 6; seed++) {
        problem made = problem_new(60 + seed, 40, 6, 90, seed < 3 ? 0.0f : 5.0f, 1.0f);
        problem answered = problem_new(70 + seed, 40, 6, 30, 0.0f, 1.0f);
        fi_information *past = seed % 2 ? information_of(&answered.candidates) : NULL;
        for (size_t p = 0; p < FD_LENGTH(priors); p++)
            for (size_t s = 0; s < FD_LENGTH(sizes); s++)
                above += check_exchange(&made.candidates, past, sizes[s], priors[p], 0);
        fi_information_free(past);
        problem_free(&answered);
        problem_free(&made);
    }
    assert_true(above > 10);
}

static void no_swap_improves_a_batch_of_few_candidates(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        problem made = problem_new(400 + seed, 6, 2 + seed % 3, 10, 0.0f, 2.0f);
        check_exchange(&made.candidates, NULL, 2 + seed % 5, seed % 2 ? 0.01 : 1.0, 0);
        problem_free(&made);
    }
}

static void no_swap_within_the_limits_improves_the_batch(void **state) {
    (void)state;
    size_t above = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        problem made = problem_new(480 + seed, 6 + seed % 5 * 2, 3, 50, 0.0f, 1.0f);
        above += check_exchange(&made.candidates, NULL, 3 + seed % 4, 0.1, 1 + seed % 2);
        problem_free(&made);
    }
    assert_true(above > 30);
}

/* Relative to the longer one, so that it is a copy whichever is offered first. */
static bool is_copy(const fi_candidates *from, size_t x, size_t y, double distance) {
    double first[8], second[8], apart = 0.0, opposite = 0.0, lengths[2] = {0.0, 0.0};
    problem_difference(from, x, first);
    problem_difference(from, y, second);
    for (size_t j = 0; j < from->n_features; j++) {
        apart += (first[j] - second[j]) * (first[j] - second[j]);
        opposite += (first[j] + second[j]) * (first[j] + second[j]);
        lengths[0] += first[j] * first[j];
        lengths[1] += second[j] * second[j];
    }
    return fmin(apart, opposite) <= distance * distance * fmax(lengths[0], lengths[1]);
}

static bool has_copy(const fi_candidates *from, const fi_selection *got, size_t other,
                     double distance) {
    for (size_t i = 0; i < got->count; i++)
        if (is_copy(from, got->pairs[i], other, distance))
            return true;
    return false;
}

static void no_swap_for_a_pair_other_than_a_copy_improves_the_batch(void **state) {
    (void)state;
    size_t kept_out = 0;
    for (uint64_t seed = 0; seed < 1500; seed++) {
        problem made = problem_new(700 + seed, 12, 3, 50, 0.0f, 1.0f);
        /* Every other batch has copies, because no other pair is left. */
        fi_selection_options options =
            properties_options("exchange", seed % 2 ? 4 + seed % 3 : 9 + seed % 3);
        options.prior_precision = 0.1;
        options.copy_distance = seed % 2 ? 0.3 : 0.8;
        options.max_per_item = seed % 3;
        fi_selection got;
        assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
        double reached = plain_logdet_of(&made.candidates, NULL, 0.1, &got, SIZE_MAX, 0);
        for (size_t i = 0; i < got.count; i++) {
            assert_true(is_within(&made.candidates, &got, i, got.pairs[i], options.max_per_item));
            for (size_t j = 0; j < 50; j++) {
                if (is_picked(&got, j) ||
                    !is_within(&made.candidates, &got, i, j, options.max_per_item) ||
                    plain_logdet_of(&made.candidates, NULL, 0.1, &got, i, j) <= reached + 1e-8)
                    continue;
                assert_true(has_copy(&made.candidates, &got, j, options.copy_distance));
                kept_out++;
            }
        }
        fi_selection_clear(&got);
        problem_free(&made);
    }
    assert_true(kept_out > 10);
}

/* [n x h] the differences of the pairs times the square roots of their weights */
static double *scaled_differences(const fi_candidates *from) {
    double *rows = problem_memory(from->n_pairs * from->n_features, sizeof(double));
    for (size_t i = 0; i < from->n_pairs; i++) {
        double *row = rows + i * from->n_features;
        problem_difference(from, i, row);
        for (size_t j = 0; j < from->n_features; j++)
            row[j] *= sqrt(problem_weight(from, i));
    }
    return rows;
}

static double dot(size_t h, const double *x, const double *y) {
    double sum = 0.0;
    for (size_t j = 0; j < h; j++)
        sum += x[j] * y[j];
    return sum;
}

/* The same for larger sizes by the factors of the swaps, because a determinant for every swap would
 * take too long. */
static void check_no_factor_helps(const fi_candidates *from, double prior,
                                  const fi_selection *got) {
    size_t h = from->n_features;
    double *rows = scaled_differences(from), *solved = problem_memory(h, sizeof(double));
    double *matrix = plain_design(h, NULL, prior);
    double *inverse = problem_memory(h * h, sizeof(double));
    double *leaving = problem_memory(got->count, sizeof(double));
    for (size_t i = 0; i < got->count; i++)
        plain_add(from, got->pairs[i], problem_weight(from, got->pairs[i]), matrix);
    plain_invert(h, matrix, inverse);
    for (size_t i = 0; i < got->count; i++)
        leaving[i] =
            problem_weight(from, got->pairs[i]) * plain_leverage(from, got->pairs[i], inverse);
    for (size_t j = 0; j < from->n_pairs; j++) {
        if (is_picked(got, j))
            continue;
        for (size_t x = 0; x < h; x++)
            solved[x] = dot(h, inverse + x * h, rows + j * h);
        double entering = dot(h, solved, rows + j * h);
        for (size_t i = 0; i < got->count; i++) {
            double cross = dot(h, solved, rows + got->pairs[i] * h);
            assert_true((1.0 + entering) * (1.0 - leaving[i]) + cross * cross <= 1.0 + 1e-8);
        }
    }
    free(leaving);
    free(inverse);
    free(matrix);
    free(solved);
    free(rows);
}

/* More than a block of candidates and of picks. The second one makes more swaps than N and g are
 * updated for. */
static void no_swap_improves_a_large_batch(void **state) {
    (void)state;
    static const size_t sizes[] = {110, 300};
    problem made = problem_new(90, 1000, 64, 4000, 0.0f, 1.0f);
    for (size_t s = 0; s < FD_LENGTH(sizes); s++) {
        size_t k = sizes[s], swapped = 0;
        fi_selection greedy = selected(&made.candidates, NULL, "greedy", k, 0.5, 0);
        fi_selection got = selected(&made.candidates, NULL, "exchange", k, 0.5, 0);
        assert_distinct(&got, 4000);
        assert_true(got.logdet_after > greedy.logdet_after + 0.01);
        for (size_t i = 0; i < k; i++)
            swapped += got.pairs[i] != greedy.pairs[i];
        assert_true(s == 0 || swapped > 32);
        check_no_factor_helps(&made.candidates, 0.5, &got);
        fi_selection_clear(&greedy);
        fi_selection_clear(&got);
    }
    problem_free(&made);
}

static void it_is_never_below_greedy_where_the_prior_is_lost_in_rounding(void **state) {
    (void)state;
    static const double priors[] = {1e-14, 1e-11, 1e-8};
    for (uint64_t seed = 0; seed < 20; seed++) {
        problem made = problem_new(200 + seed, 40, 12, 100, 0.0f, 1.0f);
        for (size_t p = 0; p < FD_LENGTH(priors); p++) {
            size_t k = 3 + seed;
            fi_selection greedy = selected(&made.candidates, NULL, "greedy", k, priors[p], 0);
            fi_selection got = selected(&made.candidates, NULL, "exchange", k, priors[p], 0);
            assert_true(got.logdet_after >= greedy.logdet_after);
            fi_selection_clear(&greedy);
            fi_selection_clear(&got);
        }
        problem_free(&made);
    }
}

static void it_finds_the_optimum_that_greedy_misses(void **state) {
    (void)state;
    size_t missed = 0, found = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        problem made = problem_new(300 + seed, 8, 3, 12, 0.0f, 1.0f);
        double *matrix = plain_design(3, NULL, 0.1);
        double best = plain_best_batch(&made.candidates, 0, 3, matrix);
        fi_selection greedy = selected(&made.candidates, NULL, "greedy", 3, 0.1, 0);
        fi_selection got = selected(&made.candidates, NULL, "exchange", 3, 0.1, 0);
        if (greedy.logdet_after < best - 1e-3) {
            missed++;
            found += got.logdet_after > best - 1e-9;
        } else {
            assert_true(got.logdet_after >= best - 1e-3);
        }
        fi_selection_clear(&greedy);
        fi_selection_clear(&got);
        free(matrix);
        problem_free(&made);
    }
    /* A local optimum may not be the best of all, but with few candidates it nearly always is. */
    assert_true(missed >= 10);
    assert_true(found * 10 >= missed * 8);
}

static void a_pair_that_stays_keeps_its_place(void **state) {
    (void)state;
    size_t seen = 0;
    for (uint64_t seed = 0; seed < 30; seed++) {
        problem made = problem_new(300 + seed, 8, 3, 12, 0.0f, 1.0f);
        fi_selection greedy = selected(&made.candidates, NULL, "greedy", 3, 0.1, 0);
        fi_selection got = selected(&made.candidates, NULL, "exchange", 3, 0.1, 0);
        size_t stayed = 0, in_place = 0;
        for (size_t i = 0; i < 3; i++) {
            stayed += is_picked(&greedy, got.pairs[i]);
            in_place += greedy.pairs[i] == got.pairs[i];
        }
        assert_int_equal(stayed, in_place);
        seen += stayed == 2;
        fi_selection_clear(&greedy);
        fi_selection_clear(&got);
        problem_free(&made);
    }
    assert_true(seen > 1);
}

static void it_has_the_properties_of_every_strategy(void **state) {
    (void)state;
    check_properties("exchange");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_single_swap_improves_the_batch),
        cmocka_unit_test(no_swap_improves_a_batch_of_few_candidates),
        cmocka_unit_test(no_swap_within_the_limits_improves_the_batch),
        cmocka_unit_test(no_swap_for_a_pair_other_than_a_copy_improves_the_batch),
        cmocka_unit_test(no_swap_improves_a_large_batch),
        cmocka_unit_test(it_is_never_below_greedy_where_the_prior_is_lost_in_rounding),
        cmocka_unit_test(it_finds_the_optimum_that_greedy_misses),
        cmocka_unit_test(a_pair_that_stays_keeps_its_place),
        cmocka_unit_test(it_has_the_properties_of_every_strategy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
