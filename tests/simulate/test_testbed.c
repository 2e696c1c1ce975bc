/* The data of a simulation: answers, splits, rewards and measures. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "prompt_split.h"
#include "ranking_measures.h"
#include "reward_source.h"
#include "simulated_answers.h"
#include "teacher.h"
#include "testbed.h"

/* ---- answers ---- */

enum { TIMES = 20000 };

static fd_side preferred_item(const fd_answer *answer, uint32_t a) {
    if (answer->preferred == FD_SIDE_NEITHER)
        return FD_SIDE_NEITHER;
    return (answer->preferred == FD_SIDE_LEFT) == (answer->left == a) ? FD_SIDE_LEFT
                                                                      : FD_SIDE_RIGHT;
}

static void a_pair_gets_the_same_answer_whichever_item_comes_first(void **state) {
    (void)state;
    static const double rewards[] = {0.3, -0.2, 1.5, 0};
    FD_CLEANUP(fd_annotator_mix_clear) fd_annotator_mix mix = {0};
    fd_fault fault = {0};
    assert_int_equal(fd_annotator_mix_read("2honest+random:0.5+left+inverted", &mix, &fault), 0);
    for (uint64_t seed = 0; seed < 50; seed++)
        for (uint32_t a = 0; a < 4; a++)
            for (uint32_t b = 0; b < a; b++) {
                fd_answering answering = {rewards, 1, 0.3, &mix, NULL, seed};
                fd_answer one = fd_answer_question(&answering, a, b, seed % 3);
                fd_answer other = fd_answer_question(&answering, b, a, seed % 3);
                assert_int_equal(one.left, other.left);
                assert_int_equal(one.preferred, other.preferred);
                assert_int_equal(one.annotator, other.annotator);
            }
}

/* Shares of answers to a pair of items 0 and 1. */
struct shares {
    double first, tie, left;
};

static struct shares shares_of(const char *mix_text, double difference, double noise, double ties) {
    const double rewards[] = {difference, 0};
    FD_CLEANUP(fd_annotator_mix_clear) fd_annotator_mix mix = {0};
    fd_fault fault = {0};
    struct shares shares = {0};
    assert_int_equal(fd_annotator_mix_read(mix_text, &mix, &fault), 0);
    for (uint64_t i = 0; i < TIMES; i++) {
        fd_answering answering = {rewards, noise, ties, &mix, NULL, i};
        fd_answer answer = fd_answer_question(&answering, 0, 1, 0);
        shares.first += (preferred_item(&answer, 0) == FD_SIDE_LEFT) / (double)TIMES;
        shares.tie += (answer.preferred == FD_SIDE_NEITHER) / (double)TIMES;
        shares.left += (answer.preferred == FD_SIDE_LEFT) / (double)TIMES;
    }
    return shares;
}

static bool is_near(double x, double y) {
    return fabs(x - y) < 0.015;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static void answers_follow_bradley_and_terry_at_the_given_noise(void **state) {
    (void)state;
    assert_true(is_near(shares_of("honest", 0, 4, 0).first, 0.5));
    assert_true(is_near(shares_of("honest", 2, 1, 0).first, sigmoid(2)));
    assert_true(is_near(shares_of("honest", 2, 4, 0).first, sigmoid(0.5)));
    assert_true(is_near(shares_of("honest", -2, 4, 0).first, sigmoid(-0.5)));
    assert_true(is_near(shares_of("honest:4", 2, 1, 0).first, sigmoid(0.5)));
    assert_true(is_near(shares_of("honest", 2, 1, 0).left, 0.5));
}

static void ties_follow_davidson(void **state) {
    (void)state;
    double nu = 2 * 0.2 / 0.8, all = exp(0.5) + exp(-0.5) + nu;
    assert_true(is_near(shares_of("honest", 0, 1, 0.2).tie, 0.2));
    struct shares shares = shares_of("honest", 1, 1, 0.2);
    assert_true(is_near(shares.tie, nu / all));
    assert_true(is_near(shares.first, exp(0.5) / all));
}

static void bad_annotators_answer_as_their_models_say(void **state) {
    (void)state;
    assert_true(is_near(shares_of("random", 3, 1, 0).first, 0.5));
    assert_true(is_near(shares_of("random:0.5", 3, 1, 0).first, (0.5 + sigmoid(3)) / 2));
    assert_true(is_near(shares_of("inverted", 3, 1, 0).first, sigmoid(-3)));
    assert_true(is_near(shares_of("left", 3, 1, 0).left, 1));
    assert_true(is_near(shares_of("left", 3, 1, 0).first, 0.5));
    assert_true(is_near(shares_of("left:0.5", 3, 1, 0).left, 0.75));
    assert_true(is_near(shares_of("3honest+inverted", 3, 1, 0).first,
                        0.75 * sigmoid(3) + 0.25 * sigmoid(-3)));
}

static void each_annotator_of_a_pair_tosses_a_coin_of_its_own(void **state) {
    (void)state;
    static const double rewards[] = {0, 0};
    FD_CLEANUP(fd_annotator_mix_clear) fd_annotator_mix mix = {0};
    fd_fault fault = {0};
    size_t different = 0;
    assert_int_equal(fd_annotator_mix_read("3honest", &mix, &fault), 0);
    for (uint64_t seed = 0; seed < 1000; seed++) {
        fd_answering answering = {rewards, 1, 0, &mix, NULL, seed};
        fd_answer one = fd_answer_question(&answering, 0, 1, 0);
        fd_answer other = fd_answer_question(&answering, 0, 1, 1);
        different += preferred_item(&one, 0) != preferred_item(&other, 0);
        assert_true(one.annotator < 3 && other.annotator == (one.annotator + 1) % 3);
    }
    assert_in_range(different, 420, 580);
}

/* ---- recorded votes ---- */

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static char *ids[] = {(char *)"x", (char *)"y", (char *)"z"};

static int read_votes(const char *text, fd_recorded_votes *votes, fd_fault *fault) {
    char path[] = "/tmp/fisherd-votes-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(close(descriptor), 0);
    write_text(path, text);
    int r = fd_recorded_votes_read(path, 3, ids, votes, fault);
    assert_int_equal(unlink(path), 0);
    return r;
}

static void recorded_votes_are_replayed_once_each_with_their_annotators(void **state) {
    (void)state;
    FD_CLEANUP(fd_recorded_votes_clear) fd_recorded_votes votes = {0};
    fd_fault fault = {0};
    assert_int_equal(
        read_votes("{\"a\":\"y\",\"b\":\"x\",\"preferred\":\"a\",\"annotator\":\"ann\"}\n"
                   "{\"a\":\"y\",\"b\":\"z\",\"preference\":\"b\",\"duration_ms\":1500}\n"
                   "{\"a\":\"y\",\"b\":\"z\",\"preference\":\"skip\"}\n"
                   "{\"a\":\"x\",\"b\":\"y\",\"preference\":\"tie\",\"annotator\":\"bob\"}\n",
                   &votes, &fault),
        0);
    assert_int_equal(votes.n_votes, 3);
    assert_int_equal(votes.n_pairs, 2);
    const fd_voted_pair *pair = fd_recorded_votes_find(&votes, 1, 0);
    assert_int_equal(pair->count, 2);
    assert_true(fd_vote_for_low(pair, &votes.votes[pair->first]) == 0);
    assert_true(fd_vote_for_low(pair, &votes.votes[pair->first + 1]) == 0.5);
    assert_null(fd_recorded_votes_find(&votes, 0, 2));
    bool first[2] = {false, false};
    for (uint64_t seed = 0; seed < 20; seed++) {
        fd_answering answering = {NULL, 1, 0, NULL, &votes, seed};
        fd_answer one = fd_answer_question(&answering, 0, 1, 0);
        fd_answer two = fd_answer_question(&answering, 0, 1, 1);
        assert_ptr_not_equal(one.vote, two.vote);
        first[strcmp(one.vote->annotator, "bob") == 0] = true;
    }
    assert_true(first[0] && first[1]);
    fd_answering answering = {NULL, 1, 0, NULL, &votes, 0};
    fd_answer answer = fd_answer_question(&answering, 2, 1, 0);
    assert_int_equal(answer.left, 1);
    assert_int_equal(answer.preferred, FD_SIDE_RIGHT);
    assert_true(answer.vote->seconds == 1.5);
}

static void wrong_votes_are_refused_with_their_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"{\"a\":\"x\",\"b\":\"y\",\"preference\":\"a\"}\n{\"a\":\"x\",\"b\":\"q\"}", "line 2"},
        {"{\"a\":\"x\",\"b\":\"x\",\"preference\":\"a\"}", "same item"},
        {"{\"a\":\"x\",\"b\":\"y\",\"preference\":\"c\"}", "preference"},
        {"{", "line 1"},
        {"", "no votes"},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        fd_recorded_votes votes = {0};
        fd_fault fault = {0};
        assert_int_equal(read_votes(cases[i].text, &votes, &fault), -EINVAL);
        assert_non_null(strstr(fault.detail, cases[i].word));
    }
}

/* ---- splits ---- */

enum { PROMPTS = 300 };

static size_t roles_of(bool reversed, fd_prompt_split split, fd_prompt_role wanted,
                       fd_prompt_role roles[PROMPTS]) {
    char texts[PROMPTS][8];
    char *names[PROMPTS];
    fd_prompt_role found[PROMPTS];
    size_t count = 0;
    for (size_t i = 0; i < PROMPTS; i++) {
        size_t number = reversed ? PROMPTS - 1 - i : i;
        (void)snprintf(texts[i], sizeof(texts[i]), "ae%03zu", number);
        names[i] = texts[i];
    }
    assert_int_equal(fd_split_prompts(PROMPTS, names, &split, found), 0);
    for (size_t i = 0; i < PROMPTS; i++) {
        roles[reversed ? PROMPTS - 1 - i : i] = found[i];
        count += found[i] == wanted;
    }
    return count;
}

static void three_prompts_in_ten_are_held_out_by_their_ids_alone(void **state) {
    (void)state;
    fd_prompt_role one[PROMPTS], other[PROMPTS];
    fd_prompt_split split = {FD_PART_ALL, 0, 0.3};
    assert_int_equal(roles_of(false, split, FD_PROMPT_TESTS, one), 90);
    assert_int_equal(roles_of(true, split, FD_PROMPT_TESTS, other), 90);
    assert_memory_equal(one, other, sizeof(one));
    size_t early = 0;
    for (size_t i = 0; i < PROMPTS / 2; i++)
        early += one[i] == FD_PROMPT_TESTS;
    assert_in_range(early, 30, 60);
    split.number = 1;
    assert_int_equal(roles_of(false, split, FD_PROMPT_TESTS, other), 90);
    assert_memory_not_equal(one, other, sizeof(one));
}

static void the_two_parts_share_no_prompt_in_any_split(void **state) {
    (void)state;
    fd_prompt_role development[PROMPTS], confirmation[PROMPTS], later[PROMPTS];
    fd_prompt_split split = {FD_PART_DEVELOPMENT, 0, 0.3};
    assert_int_equal(roles_of(false, split, FD_PROMPT_ABSENT, development), 150);
    split.number = 7;
    assert_int_equal(roles_of(false, split, FD_PROMPT_TESTS, later), 45);
    split.part = FD_PART_CONFIRMATION;
    assert_int_equal(roles_of(false, split, FD_PROMPT_ABSENT, confirmation), 150);
    for (size_t i = 0; i < PROMPTS; i++) {
        assert_true((development[i] == FD_PROMPT_ABSENT) != (confirmation[i] == FD_PROMPT_ABSENT));
        assert_true((development[i] == FD_PROMPT_ABSENT) == (later[i] == FD_PROMPT_ABSENT));
    }
}

/* ---- the testbed ---- */

static void check_teacher(const fd_testbed *testbed, fd_reward_source source) {
    double *teacher, mean = 0;
    fd_fault fault = {0};
    assert_int_equal(fd_reward_source_values(testbed, &source, &teacher, &fault), 0);
    for (size_t i = 0; i < testbed->n_items; i++)
        mean += teacher[i] / (double)testbed->n_items;
    assert_true(fabs(mean) < 1e-9);
    assert_true(fabs(fd_reward_spread(testbed, teacher) - 4) < 1e-9);
    free(teacher);
}

static void teachers_are_centred_with_a_deviation_of_four_within_prompts(void **state) {
    (void)state;
    FD_CLEANUP(fd_testbed_clear) fd_testbed testbed = {0};
    assert_int_equal(fd_testbed_plane(&testbed), 0);
    check_teacher(&testbed, (fd_reward_source){FD_REWARD_TEACHER, 0});
    check_teacher(&testbed, (fd_reward_source){FD_REWARD_NETWORK, 5});
    check_teacher(&testbed, (fd_reward_source){FD_REWARD_LINEAR, 5});
}

static void a_linear_teacher_is_linear_and_seeds_differ(void **state) {
    (void)state;
    FD_CLEANUP(fd_testbed_clear) fd_testbed testbed = {0};
    double *one, *other;
    fd_fault fault = {0};
    assert_int_equal(fd_testbed_plane(&testbed), 0);
    const fd_reward_source sources[] = {{FD_REWARD_LINEAR, 1}, {FD_REWARD_LINEAR, 2}};
    assert_int_equal(fd_reward_source_values(&testbed, &sources[0], &one, &fault), 0);
    assert_int_equal(fd_reward_source_values(&testbed, &sources[1], &other, &fault), 0);
    assert_true(fabs(one[0] - other[0]) > 1e-6);
    /* reward = w x + c: three points give w and c, all others follow. */
    const float *e = testbed.embeddings;
    double ax = (double)e[2] - (double)e[0], ay = (double)e[3] - (double)e[1];
    double bx = (double)e[4] - (double)e[0], by = (double)e[5] - (double)e[1];
    double determinant = ax * by - ay * bx;
    double wx = ((one[1] - one[0]) * by - (one[2] - one[0]) * ay) / determinant;
    double wy = ((one[2] - one[0]) * ax - (one[1] - one[0]) * bx) / determinant;
    for (size_t i = 3; i < testbed.n_items; i++) {
        double expected = one[0] + wx * ((double)e[2 * i] - (double)e[0]) +
                          wy * ((double)e[2 * i + 1] - (double)e[1]);
        assert_true(fabs(one[i] - expected) < 1e-6);
    }
    free(one);
    free(other);
}

static void the_items_of_a_prompt_are_grouped_completely(void **state) {
    (void)state;
    FD_CLEANUP(fd_testbed_clear) fd_testbed testbed = {0};
    assert_int_equal(fd_testbed_plane(&testbed), 0);
    assert_int_equal(testbed.prompt_start[0], 0);
    assert_int_equal(testbed.prompt_start[testbed.n_prompts], testbed.n_items);
    for (size_t k = 0; k < testbed.n_prompts; k++)
        for (size_t m = testbed.prompt_start[k]; m < testbed.prompt_start[k + 1]; m++)
            assert_int_equal(testbed.prompts[testbed.items_by_prompt[m]], k);
}

/* ---- measures ---- */

static uint32_t items_by_prompt[] = {0, 1, 2, 3, 4, 5};
static uint32_t prompts[] = {0, 0, 0, 1, 1, 1};
static size_t prompt_start[] = {0, 3, 6};
static double lengths[] = {2, 3, 1, 0, 0, 0};
static const fd_prompt_role roles[] = {FD_PROMPT_TESTS, FD_PROMPT_TRAINS};
static const fd_testbed small = {.n_items = 6,
                                 .n_prompts = 2,
                                 .prompts = prompts,
                                 .items_by_prompt = items_by_prompt,
                                 .log_lengths = lengths,
                                 .prompt_start = prompt_start};

static fd_ranking_measures measures_of(const double golden[6], const double predicted[6],
                                       double noise) {
    fd_truth truth = {golden, noise, NULL, roles}; /* the second prompt does not count */
    fd_ranking_measures measures;
    assert_int_equal(fd_measure_ranking(&small, &truth, predicted, &measures), 0);
    return measures;
}

static const double golden[] = {3, 1, -1, 9, 9, 9};

static void a_perfect_model_ranks_perfectly_and_its_log_loss_is_the_entropy(void **state) {
    (void)state;
    static const double predicted[] = {1.5, 0.5, -0.5, 0, 1, 2}; /* the golden rewards at noise 2 */
    double near = sigmoid(1), far = sigmoid(2);
    fd_ranking_measures measures = measures_of(golden, predicted, 2);
    assert_true(fabs(measures.spearman - 1) < 1e-12);
    assert_true(fabs(measures.partial - 1) < 1e-12);
    assert_true(fabs(measures.best_of_n - 3) < 1e-12);
    assert_true(fabs(measures.best_of_n_share - 1) < 1e-12);
    assert_int_equal(measures.n_best_of, 2);
    assert_true(fabs(measures.best_of[0] - (7 / 3.0 - 1) / (3 - 1)) < 1e-12);
    assert_true(fabs(measures.best_of[1] - 1) < 1e-12);
    assert_true(fabs(measures.accuracy - (2 * near + far) / 3) < 1e-12);
    double entropy = -(2 * (near * log(near) + (1 - near) * log(1 - near)) + far * log(far) +
                       (1 - far) * log(1 - far)) /
                     3;
    assert_true(fabs(measures.log_loss - entropy) < 1e-12);
}

static void a_reversed_model_ranks_the_worst_item_first(void **state) {
    (void)state;
    static const double predicted[] = {-3, -1, 1, 0, 0, 0};
    fd_ranking_measures measures = measures_of(golden, predicted, 2);
    assert_true(fabs(measures.spearman + 1) < 1e-12);
    assert_true(fabs(measures.best_of_n + 1) < 1e-12);
    assert_true(fabs(measures.best_of_n_share + 1) < 1e-12);
    assert_true(measures.accuracy < 0.5);
}

static void a_constant_model_is_as_good_as_a_coin(void **state) {
    (void)state;
    static const double predicted[6] = {0};
    fd_ranking_measures measures = measures_of(golden, predicted, 2);
    assert_true(measures.spearman == 0);
    assert_true(fabs(measures.best_of_n_share) < 1e-12);
    assert_true(fabs(measures.best_of[0]) < 1e-12);
    assert_true(fabs(measures.accuracy - 0.5) < 1e-12);
    assert_true(fabs(measures.log_loss - log(2)) < 1e-12);
}

static void a_model_of_nothing_but_length_has_no_partial_correlation(void **state) {
    (void)state;
    static const double predicted[] = {20, 30, 10, 0, 0, 0}; /* the order of the lengths */
    fd_ranking_measures measures = measures_of(golden, predicted, 2);
    assert_true(fabs(measures.spearman - 0.5) < 1e-12);
    assert_true(measures.partial == 0);
}

static void votes_are_measured_without_golden_rewards(void **state) {
    (void)state;
    static const double predicted[] = {2, 1, 0, 0, 0, 0};
    char *annotator = NULL;
    fd_vote list[] = {{0, 1, FD_SIDE_LEFT, annotator, 0, 1},
                      {0, 1, FD_SIDE_NEITHER, annotator, 0, 2},
                      {2, 0, FD_SIDE_RIGHT, annotator, 0, 3},
                      {3, 4, FD_SIDE_LEFT, annotator, 0, 4}};
    fd_voted_pair pairs[] = {{0, 1, 0, 2}, {0, 2, 2, 1}, {3, 4, 3, 1}};
    fd_recorded_votes votes = {4, 4, list, 3, pairs};
    fd_truth truth = {NULL, 1, &votes, roles};
    fd_ranking_measures measures;
    assert_int_equal(fd_measure_ranking(&small, &truth, predicted, &measures), 0);
    assert_true(isnan(measures.spearman) && isnan(measures.best_of_n_share));
    assert_true(fabs(measures.accuracy - 1) < 1e-12); /* the tie does not count */
    double loss =
        -(log(sigmoid(1)) + (log(sigmoid(1)) + log(sigmoid(-1))) / 2 + log(sigmoid(2))) / 3;
    assert_true(fabs(measures.log_loss - loss) < 1e-12);
}

static void the_slope_of_the_length_has_the_least_log_loss(void **state) {
    (void)state;
    fd_truth truth = {golden, 2, NULL, roles};
    double slope = fd_length_slope(&small, &truth, FD_PROMPT_TESTS), losses[3];
    for (int i = 0; i < 3; i++) {
        double predicted[6];
        fd_ranking_measures measures;
        for (size_t j = 0; j < 6; j++)
            predicted[j] = (slope + 0.01 * (i - 1)) * lengths[j];
        assert_int_equal(fd_measure_ranking(&small, &truth, predicted, &measures), 0);
        losses[i] = measures.log_loss;
    }
    assert_true(slope > 0 && losses[1] < losses[0] && losses[1] < losses[2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_gets_the_same_answer_whichever_item_comes_first),
        cmocka_unit_test(answers_follow_bradley_and_terry_at_the_given_noise),
        cmocka_unit_test(ties_follow_davidson),
        cmocka_unit_test(bad_annotators_answer_as_their_models_say),
        cmocka_unit_test(each_annotator_of_a_pair_tosses_a_coin_of_its_own),
        cmocka_unit_test(recorded_votes_are_replayed_once_each_with_their_annotators),
        cmocka_unit_test(wrong_votes_are_refused_with_their_line),
        cmocka_unit_test(three_prompts_in_ten_are_held_out_by_their_ids_alone),
        cmocka_unit_test(the_two_parts_share_no_prompt_in_any_split),
        cmocka_unit_test(teachers_are_centred_with_a_deviation_of_four_within_prompts),
        cmocka_unit_test(a_linear_teacher_is_linear_and_seeds_differ),
        cmocka_unit_test(the_items_of_a_prompt_are_grouped_completely),
        cmocka_unit_test(a_perfect_model_ranks_perfectly_and_its_log_loss_is_the_entropy),
        cmocka_unit_test(a_reversed_model_ranks_the_worst_item_first),
        cmocka_unit_test(a_constant_model_is_as_good_as_a_coin),
        cmocka_unit_test(a_model_of_nothing_but_length_has_no_partial_correlation),
        cmocka_unit_test(votes_are_measured_without_golden_rewards),
        cmocka_unit_test(the_slope_of_the_length_has_the_least_log_loss),
    };
    return cmocka_run_group_tests_name("testbed", tests, NULL, NULL);
}
