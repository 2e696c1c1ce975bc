/* Tests of comparing two kinds of model on answers that are alike. */
#include "kind_comparison.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "rng.h"

enum { PAIRS = 40, VOTES = 5, ITEMS = 2 * PAIRS };

struct world {
    float linear[ITEMS], network[ITEMS];
    fi_pair pairs[VOTES * PAIRS];
    float targets[VOTES * PAIRS];
    uint32_t clusters[VOTES * PAIRS];
};

/* Each pair has the same vote several times. */
static fi_kind_comparison compare(struct world *world, size_t votes, bool by_cluster) {
    fd_rng rng = fd_rng_seeded(4);
    for (size_t i = 0; i < ITEMS; i++) {
        world->linear[i] = (float)fd_rng_normal(&rng);
        world->network[i] = (float)fd_rng_normal(&rng);
    }
    for (size_t i = 0; i < PAIRS; i++) {
        float target = (float)fd_rng_below(&rng, 2);
        for (size_t vote = 0; vote < votes; vote++) {
            size_t at = vote * PAIRS + i;
            world->pairs[at] = (fi_pair){(uint32_t)(2 * i), (uint32_t)(2 * i + 1)};
            world->targets[at] = target;
            world->clusters[at] = (uint32_t)i;
        }
    }
    fi_kind_comparison comparison = {0};
    fi_answers answers = {.count = votes * PAIRS,
                          .pairs = world->pairs,
                          .targets = world->targets,
                          .clusters = by_cluster ? world->clusters : NULL};
    assert_int_equal(fi_kind_comparison_add(&comparison, &answers, world->linear, world->network),
                     0);
    return comparison;
}

static void votes_that_repeat_each_other_do_not_make_a_comparison_surer(void **state) {
    (void)state;
    struct world world;
    double error = fi_kind_comparison_error(&(fi_kind_comparison){0});
    assert_true(isnan(error));
    for (int by_cluster = 0; by_cluster < 2; by_cluster++) {
        fi_kind_comparison once = compare(&world, 1, by_cluster);
        fi_kind_comparison often = compare(&world, VOTES, by_cluster);
        assert_true(fabs(fi_kind_comparison_error(&often) / fi_kind_comparison_error(&once) - 1.0) <
                    1e-9);
        assert_true(fabs(often.difference / VOTES - once.difference) < 1e-9);
    }
}

static void without_repetition_the_error_is_that_of_a_mean(void **state) {
    (void)state;
    struct world world;
    fi_kind_comparison comparison = compare(&world, 1, true);
    double mean = comparison.difference / PAIRS;
    double variance = comparison.square / PAIRS - mean * mean;
    assert_true(fabs(fi_kind_comparison_error(&comparison) - sqrt(variance / PAIRS)) < 1e-12);
}

/* Half of the answers are right, and half the other way round by someone of whom that is known. */
static void answers_count_by_their_reliabilities(void **state) {
    (void)state;
    static const float slopes[] = {-0.5f, 0.0f, 1.0f};
    float linear[ITEMS], network[ITEMS] = {0}, targets[PAIRS], reliabilities[PAIRS];
    fi_pair pairs[PAIRS];
    for (size_t slope = 0; slope < 3; slope++) {
        for (uint32_t i = 0; i < PAIRS; i++) {
            linear[2 * i] = 2.0f;
            linear[2 * i + 1] = 0.0f;
            pairs[i] = (fi_pair){2 * i, 2 * i + 1};
            targets[i] = i % 2 ? 0.0f : 1.0f;
            reliabilities[i] = i % 2 ? slopes[slope] : 1.0f;
        }
        fi_kind_comparison comparison = {0};
        fi_answers answers = {
            .count = PAIRS, .pairs = pairs, .targets = targets, .reliabilities = reliabilities};
        assert_int_equal(fi_kind_comparison_add(&comparison, &answers, linear, network), 0);
        double right = log1p(exp(-2.0)), wrong = log1p(exp(2.0 * (double)slopes[slope]));
        assert_true(fabs(comparison.linear / PAIRS - (right + wrong) / 2.0) < 1e-9);
        assert_true(fabs(comparison.network / PAIRS - log(2.0)) < 1e-9);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(votes_that_repeat_each_other_do_not_make_a_comparison_surer),
        cmocka_unit_test(answers_count_by_their_reliabilities),
        cmocka_unit_test(without_repetition_the_error_is_that_of_a_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
