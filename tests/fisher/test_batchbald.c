/* Tests of the strategy `batchbald` against the joint information over all configurations. */
#include "bald.h"
#include "joint_information.h"
#include "problems.h"
#include "whitening.h"

#include <errno.h>

enum { ITEMS = 60, WIDTH = 6, PAIRS = 200, SAMPLES = (int)FI_JOINT_SAMPLES };

/* A problem for the strategy, and its joint information before the first pick. */
typedef struct scene {
    problem made;
    fi_information *past; /* nothing */
    fi_factor *factor, *identity;
    fi_distinct_items *distinct;
    float *whitened;
    double *logits, *weights;
    fd_rng rng;
    fi_problem problem;
    fi_joint_information *joint;
} scene;

static void scene_init(scene *made, problem from, double prior, uint64_t seed) {
    size_t n = from.candidates.n_pairs, h = from.candidates.n_features;
    *made = (scene){.made = from, .rng = fd_rng_seeded(seed)};
    assert_int_equal(fi_information_new(h, &made->past), 0);
    assert_int_equal(fi_factor_new(made->past, prior, &made->factor), 0);
    assert_int_equal(fi_factor_new(made->past, 1.0, &made->identity), 0);
    assert_int_equal(fi_distinct_items_new(&from.candidates, &made->distinct), 0);
    made->whitened = problem_memory(made->distinct->n_items * h, sizeof(float));
    assert_int_equal(fi_whiten(made->factor, made->distinct, made->whitened), 0);
    made->logits = problem_memory(n, sizeof(double));
    made->weights = problem_memory(n, sizeof(double));
    for (size_t i = 0; i < n; i++) {
        made->logits[i] = problem_logit(&from.candidates, i);
        made->weights[i] = fi_weight(made->logits[i]);
    }
    made->problem = (fi_problem){
        .distinct = made->distinct,
        .logits = made->logits,
        .weights = made->weights,
        .rng = &made->rng,
    };
    assert_int_equal(fi_joint_information_new(&made->problem, made->whitened, &made->joint), 0);
    assert_int_equal(fi_joint_information_begin(made->joint, made->identity), 0);
}

static void scene_free(scene *made) {
    fi_joint_information_free(made->joint);
    free(made->logits);
    free(made->weights);
    free(made->whitened);
    fi_distinct_items_free(made->distinct);
    fi_factor_free(made->identity);
    fi_factor_free(made->factor);
    fi_information_free(made->past);
    problem_free(&made->made);
}

/* The probability of answer a to a pair under sample s. */
static double probability_of(const scene *from, size_t pair, size_t s) {
    size_t h = from->distinct->n_features;
    double logit = from->logits[pair];
    const float *a = from->whitened + from->distinct->pairs[pair].a * h;
    const float *b = from->whitened + from->distinct->pairs[pair].b * h;
    for (size_t j = 0; j < h; j++)
        logit +=
            ((double)a[j] - (double)b[j]) * (double)from->joint->samples[j * FI_JOINT_SAMPLES + s];
    return fi_probability(logit);
}

/* I(y_1 ... y_b; s) over all 2^b configurations: H(y) - mean over s of H(y | s). */
static double plain_joint(const scene *from, size_t b, const uint32_t *picks) {
    double of_mixture = 0.0, given = 0.0;
    for (size_t c = 0; c < (size_t)1 << b; c++) {
        double share = 0.0;
        for (size_t s = 0; s < FI_JOINT_SAMPLES; s++) {
            double likelihood = 1.0;
            for (size_t i = 0; i < b; i++) {
                double p = probability_of(from, picks[i], s);
                likelihood *= c >> i & 1 ? p : 1.0 - p;
            }
            share += likelihood / SAMPLES;
            given -= likelihood > 0.0 ? likelihood * log(likelihood) / SAMPLES : 0.0;
        }
        of_mixture -= share > 0.0 ? share * log(share) : 0.0;
    }
    return of_mixture - given;
}

static void gains_add_up_to_the_plain_joint_information(void **state) {
    (void)state;
    static const double priors[] = {0.01, 1.0, 100.0};
    for (size_t p = 0; p < FD_LENGTH(priors); p++) {
        scene made;
        scene_init(&made, problem_new(1, 20, 3, 40, 1.0f, 2.0f), priors[p], p);
        uint32_t picks[FI_JOINT_ENUMERATED];
        for (uint32_t i = 0; i < FI_JOINT_ENUMERATED; i++) {
            double gain;
            double before = made.joint->information;
            picks[i] = 3 * i;
            fi_joint_information_gains(made.joint, 1, &picks[i], &gain);
            fi_joint_information_add(made.joint, picks[i]);
            assert_close(made.joint->information, plain_joint(&made, i + 1, picks), 3e-6);
            assert_close(before + gain, made.joint->information, 1e-9);
        }
        scene_free(&made);
    }
}

static void drawn_configurations_are_near_the_plain_joint_information(void **state) {
    (void)state;
    enum { PICKS = 12 };
    double error = 0.0;
    for (uint64_t seed = 0; seed < 8; seed++) {
        scene made;
        uint32_t picks[PICKS];
        scene_init(&made, problem_new(2, 20, 3, 40, 0.0f, 1.0f), 1.0, seed);
        for (uint32_t i = 0; i < PICKS; i++) {
            picks[i] = 2 * i;
            fi_joint_information_add(made.joint, picks[i]);
        }
        double exact = plain_joint(&made, PICKS, picks);
        error += fabs(made.joint->information / exact - 1.0) / 8.0;
        scene_free(&made);
    }
    assert_true(error < 0.0025);
}

static void a_copy_adds_less_each_time_and_never_more_than_log_s(void **state) {
    (void)state;
    scene made;
    scene_init(&made, problem_new(3, 20, 3, 40, 0.0f, 0.5f), 1e-4, 1);
    double last = 0.0;
    for (uint32_t i = 0; i < FI_JOINT_PICKS_MAX; i++) {
        fi_joint_information_add(made.joint, i / 8);
        assert_true(made.joint->information >= last);
        assert_true(made.joint->information <= log((double)SAMPLES));
        last = made.joint->information;
    }
    scene_free(&made);
}

/* Compares the plain covariance of the samples with the inverse of M. */
static double covariance_error(const scene *from, const double *inverse) {
    size_t h = from->distinct->n_features;
    double error = 0.0;
    for (size_t i = 0; i < h; i++) {
        for (size_t j = 0; j < h; j++) {
            double sum = 0.0;
            for (size_t s = 0; s < FI_JOINT_SAMPLES; s++)
                sum += (double)from->joint->samples[i * FI_JOINT_SAMPLES + s] *
                       (double)from->joint->samples[j * FI_JOINT_SAMPLES + s] / SAMPLES;
            error = fmax(error, fabs(sum - inverse[i * h + j]));
        }
    }
    return error;
}

static void samples_of_few_features_have_the_mean_of_the_posterior(void **state) {
    (void)state;
    scene made;
    scene_init(&made, problem_new(4, 20, 5, 40, 0.0f, 0.5f), 1.0, 2);
    for (size_t i = 0; i < 5; i++) {
        double sum = 0.0;
        for (size_t s = 0; s < FI_JOINT_SAMPLES; s++)
            sum += (double)made.joint->samples[i * FI_JOINT_SAMPLES + s];
        assert_close(sum / SAMPLES, 0.0, 1e-6);
    }
    scene_free(&made);
}

static void samples_have_the_covariance_of_the_posterior(void **state) {
    (void)state;
    /* With many features this holds up to chance: five standard deviations of a mean square. */
    static const struct {
        size_t h;
        double tolerance;
    } rows[] = {{4, 1e-5}, {128, 1e-4}, {150, 7.0 * 1.4142 / 16.0}};
    for (size_t row = 0; row < FD_LENGTH(rows); row++) {
        size_t h = rows[row].h;
        scene made;
        scene_init(&made, problem_new(4, 20, h, 40, 0.0f, 0.5f), 1.0, 2);
        double *matrix = plain_design(h, NULL, 1.0);
        double *inverse = problem_memory(h * h, sizeof(double));
        double *difference = problem_memory(h, sizeof(double));
        for (size_t i = 0; i < 5; i++) {
            problem_difference(&made.made.candidates, i, difference);
            fi_factor_update(made.identity, 1.5, difference);
            plain_add(&made.made.candidates, i, 1.5, matrix);
        }
        plain_invert(h, matrix, inverse);
        assert_int_equal(fi_joint_information_begin(made.joint, made.identity), 0);
        assert_true(covariance_error(&made, inverse) < rows[row].tolerance);
        free(difference);
        free(inverse);
        free(matrix);
        scene_free(&made);
    }
}

static void the_first_picks_are_those_of_plain_greedy_over_the_same_samples(void **state) {
    (void)state;
    enum { K = 4 };
    static const double priors[] = {1.0, 10.0, 300.0};
    for (size_t p = 0; p < FD_LENGTH(priors); p++) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            scene made;
            scene_init(&made, problem_new(5 + seed, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f), priors[p],
                       seed);
            fi_selection got =
                selected(&made.made.candidates, NULL, "batchbald", K, priors[p], seed);
            uint32_t picks[K];
            for (size_t step = 0; step < K; step++) {
                double best = -1.0;
                for (uint32_t i = 0; i < PAIRS; i++) {
                    bool taken = false;
                    for (size_t j = 0; j < step; j++)
                        taken |= picks[j] == i;
                    picks[step] = i;
                    best = taken ? best : fmax(best, plain_joint(&made, step + 1, picks));
                }
                picks[step] = got.pairs[step];
                assert_true(plain_joint(&made, step + 1, picks) > best - 1e-5);
            }
            fi_selection_clear(&got);
            scene_free(&made);
        }
    }
}

static void the_first_pick_is_near_the_best_of_bald(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        scene made;
        scene_init(&made, problem_new(seed, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f), 5.0, seed);
        fi_selection one = selected(&made.made.candidates, NULL, "bald", 1, 5.0, seed);
        fi_selection two = selected(&made.made.candidates, NULL, "batchbald", 1, 5.0, seed);
        double best = fi_bald(made.logits[one.pairs[0]], one.leverages[0]);
        assert_true(fi_bald(made.logits[two.pairs[0]], two.leverages[0]) > 0.85 * best);
        fi_selection_clear(&one);
        fi_selection_clear(&two);
        scene_free(&made);
    }
}

/* Makes items in pairs (2i, 2i + 1) whose difference is `length` times the unit vector `axis`. */
static void set_difference(problem *made, size_t i, size_t axis, float length) {
    size_t h = made->candidates.n_features;
    made->pairs[i] = (fi_pair){(uint32_t)(2 * i), (uint32_t)(2 * i + 1)};
    memset(made->features + 2 * i * h, 0, 2 * h * sizeof(float));
    made->features[2 * i * h + axis] = length;
}

static void a_copy_is_not_picked_next_while_others_are_informative(void **state) {
    (void)state;
    enum { N = 12 };
    for (uint64_t seed = 0; seed < 10; seed++) {
        problem made = problem_new(8, 2 * N, 3, N, 0.0f, 0.0f);
        for (size_t i = 0; i < N; i++)
            set_difference(&made, i, i / 4, 2.0f + 0.1f * (float)(i / 4));
        fi_selection got = selected(&made.candidates, NULL, "batchbald", 3, 1.0, seed);
        size_t seen = 0;
        for (size_t i = 0; i < 3; i++)
            seen |= (size_t)1 << got.pairs[i] / 4;
        assert_int_equal(seen, 7);
        fi_selection_clear(&got);
        problem_free(&made);
    }
}

/* One axis starts three times as wide. n answered pairs of length l leave a precision of
 * 1 + n l^2 / 4, so the widths l^2 / (1 + n l^2 / 4) are even after 13 picks of it and 9 of each
 * other one. Rounds that forget earlier rounds would prefer it each time. */
static void later_rounds_count_the_picks_of_earlier_ones_as_answered(void **state) {
    (void)state;
    enum { N = 120, K = 40 };
    for (uint64_t seed = 0; seed < 4; seed++) {
        problem made = problem_new(9, 2 * N, 4, N, 0.0f, 0.0f);
        size_t counts[4] = {0};
        for (size_t i = 0; i < N; i++)
            set_difference(&made, i, i % 4, i % 4 == 0 ? 3.0f : 1.0f);
        fi_selection got = selected(&made.candidates, NULL, "batchbald", K, 1.0, seed);
        for (size_t i = 0; i < K; i++)
            counts[got.pairs[i] % 4]++;
        assert_in_range(counts[0], 10, 15);
        for (size_t i = 1; i < 4; i++)
            assert_in_range(counts[i], 6, 12);
        fi_selection_clear(&got);
        problem_free(&made);
    }
}

static void pairs_that_the_samples_tell_nothing_about_come_in_the_order_of_bald(void **state) {
    (void)state;
    problem made = problem_new(10, ITEMS, WIDTH, PAIRS, 0.0f, 0.5f);
    fi_selection one = selected(&made.candidates, NULL, "batchbald", PAIRS, 1e9, 0);
    fi_selection two = selected(&made.candidates, NULL, "bald", PAIRS, 1e9, 0);
    assert_memory_equal(one.pairs, two.pairs, PAIRS * sizeof(*one.pairs));
    fi_selection_clear(&one);
    fi_selection_clear(&two);
    problem_free(&made);
}

static void check_all_are_taken(const problem *made, double prior) {
    const size_t n = made->candidates.n_pairs;
    bool *taken = problem_memory(n, sizeof(bool));
    fi_selection got = selected(&made->candidates, NULL, "batchbald", n, prior, 3);
    for (size_t i = 0; i < n; i++) {
        assert_false(taken[got.pairs[i]]);
        taken[got.pairs[i]] = true;
    }
    fi_selection_clear(&got);
    free(taken);
}

static void every_candidate_is_taken_once_whatever_their_state(void **state) {
    (void)state;
    problem made = problem_new(11, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    check_all_are_taken(&made, 1.0);
    check_all_are_taken(&made, 1e-12);
    check_all_are_taken(&made, 1e12);
    for (size_t i = 0; i < ITEMS; i++)
        made.rewards[i] = 1e6f * (float)i;
    check_all_are_taken(&made, 1.0); /* sure of every answer */
    for (size_t i = 0; i < ITEMS * WIDTH; i++)
        made.features[i] *= 1e15f;
    check_all_are_taken(&made, 1e-6);
    for (size_t i = 0; i < ITEMS; i++)
        made.rewards[i] = 0.0f;
    check_all_are_taken(&made, 1.0);
    for (size_t i = 0; i < PAIRS; i++)
        made.pairs[i] = (fi_pair){1, 2}; /* identical */
    check_all_are_taken(&made, 1.0);
    memset(made.features, 0, ITEMS * WIDTH * sizeof(float));
    check_all_are_taken(&made, 1.0);
    problem_free(&made);
    made = problem_new(12, 4, 20, 3, 0.0f, 1.0f); /* fewer candidates than features */
    check_all_are_taken(&made, 0.1);
    problem_free(&made);
}

static void limits_are_kept_and_copies_wait(void **state) {
    (void)state;
    problem made = problem_new(13, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    for (size_t i = 0; i < 40; i++)
        made.pairs[i] = (fi_pair){0, 1};
    fi_selection_options options = {
        .strategy = fi_strategy_find("batchbald"),
        .batch_size = 100,
        .prior_precision = 0.1,
        .max_per_item = 2,
    };
    fi_selection got;
    size_t uses[ITEMS] = {0}, copies = 0;
    assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
    assert_true(got.count > 20 && got.count <= ITEMS);
    for (size_t i = 0; i < got.count; i++)
        assert_true(++uses[got.items[i].a] <= 2 && ++uses[got.items[i].b] <= 2);
    fi_selection_clear(&got);

    options.max_per_item = 0;
    options.copy_distance = 1e-3;
    assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
    assert_int_equal(got.count, 100);
    for (size_t i = 0; i < got.count; i++)
        copies += got.pairs[i] < 40;
    assert_true(copies <= 1);
    fi_selection_clear(&got);
    options.batch_size = PAIRS;
    assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), 0);
    assert_int_equal(got.count, PAIRS);
    fi_selection_clear(&got);
    problem_free(&made);
}

static void the_same_seed_gives_the_same_batch_and_another_other_samples(void **state) {
    (void)state;
    problem made = problem_new(14, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    fi_selection one = selected(&made.candidates, NULL, "batchbald", 50, 1.0, 9);
    fi_selection two = selected(&made.candidates, NULL, "batchbald", 50, 1.0, 9);
    fi_selection other = selected(&made.candidates, NULL, "batchbald", 50, 1.0, 10);
    assert_memory_equal(one.pairs, two.pairs, 50 * sizeof(*one.pairs));
    assert_memory_not_equal(one.pairs, other.pairs, 50 * sizeof(*one.pairs));
    fi_selection_clear(&one);
    fi_selection_clear(&two);
    fi_selection_clear(&other);
    problem_free(&made);
}

static bool counts_down(void *context, double share) {
    size_t *left = context;
    assert_true(share >= 0.0 && share <= 1.0);
    return *left > 0 && (*left)-- > 0;
}

static void the_caller_can_cancel_it(void **state) {
    (void)state;
    problem made = problem_new(15, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    for (size_t calls = 0; calls < 40; calls++) {
        size_t left = calls;
        fi_selection_options options = {
            .strategy = fi_strategy_find("batchbald"),
            .batch_size = 60,
            .prior_precision = 1.0,
            .go_on = counts_down,
            .context = &left,
        };
        fi_selection got;
        assert_int_equal(fi_select(&made.candidates, NULL, &options, &got), -ECANCELED);
        assert_int_equal(left, 0);
    }
    problem_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains_add_up_to_the_plain_joint_information),
        cmocka_unit_test(drawn_configurations_are_near_the_plain_joint_information),
        cmocka_unit_test(a_copy_adds_less_each_time_and_never_more_than_log_s),
        cmocka_unit_test(samples_of_few_features_have_the_mean_of_the_posterior),
        cmocka_unit_test(samples_have_the_covariance_of_the_posterior),
        cmocka_unit_test(the_first_picks_are_those_of_plain_greedy_over_the_same_samples),
        cmocka_unit_test(the_first_pick_is_near_the_best_of_bald),
        cmocka_unit_test(a_copy_is_not_picked_next_while_others_are_informative),
        cmocka_unit_test(later_rounds_count_the_picks_of_earlier_ones_as_answered),
        cmocka_unit_test(pairs_that_the_samples_tell_nothing_about_come_in_the_order_of_bald),
        cmocka_unit_test(every_candidate_is_taken_once_whatever_their_state),
        cmocka_unit_test(limits_are_kept_and_copies_wait),
        cmocka_unit_test(the_same_seed_gives_the_same_batch_and_another_other_samples),
        cmocka_unit_test(the_caller_can_cancel_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
