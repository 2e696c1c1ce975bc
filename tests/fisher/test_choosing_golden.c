/* Tests of the strategies with targets against vectors that tests/golden/choosing.py computes. */
#include "problems.h"

#define assert_close assert_floats_close
#include "golden.h"
#undef assert_close

#include "target_information.h"

#define FOLDER FISHERD_GOLDEN "/choosing"

typedef struct world {
    golden features, rewards;
    uint32_t *groups;
    fi_pair *pairs[3]; /* candidates, answered, targets */
    fi_candidates lists[3];
    fi_information *past;
    double prior;
} world;

static void load_pairs(world *made, size_t at, const char *name) {
    GOLDEN numbers = golden_load(FOLDER, name);
    made->pairs[at] = problem_memory(numbers.rows, sizeof(fi_pair));
    for (size_t i = 0; i < numbers.rows; i++)
        made->pairs[at][i] =
            (fi_pair){(uint32_t)numbers.values[2 * i], (uint32_t)numbers.values[2 * i + 1]};
    made->lists[at] = (fi_candidates){
        .n_items = made->features.rows,
        .n_features = made->features.columns,
        .n_pairs = numbers.rows,
        .features = made->features.floats,
        .rewards = made->rewards.floats,
        .pairs = made->pairs[at],
        .groups = made->groups,
    };
}

static world load(void) {
    world made = {.features = golden_load(FOLDER, "features"),
                  .rewards = golden_load(FOLDER, "rewards")};
    GOLDEN groups = golden_load(FOLDER, "groups");
    GOLDEN prior = golden_load(FOLDER, "prior");
    made.prior = prior.values[0];
    made.groups = problem_memory(groups.count, sizeof(*made.groups));
    for (size_t i = 0; i < groups.count; i++)
        made.groups[i] = (uint32_t)groups.values[i];
    load_pairs(&made, 0, "candidates");
    load_pairs(&made, 1, "answered");
    load_pairs(&made, 2, "targets");
    made.past = information_of(&made.lists[1]);
    return made;
}

static void world_clear(world *made) {
    golden_clear(&made->features);
    golden_clear(&made->rewards);
    free(made->groups);
    for (size_t i = 0; i < 3; i++)
        free(made->pairs[i]);
    fi_information_free(made->past);
}

/* Each pick has the largest gain of those left, within `tolerance` of it. */
static void check_picks(const world *made, const char *strategy, const char *gains_name,
                        const char *picks_name, bool own_targets, double tolerance) {
    GOLDEN gains = golden_load(FOLDER, gains_name);
    GOLDEN picks = golden_load(FOLDER, picks_name);
    fi_selection_options options = {.strategy = fi_strategy_find(strategy),
                                    .batch_size = gains.rows,
                                    .prior_precision = made->prior,
                                    .targets = own_targets ? NULL : &made->lists[2]};
    fi_selection got;
    assert_int_equal(fi_select(&made->lists[0], made->past, &options, &got), 0);
    assert_int_equal(got.count, gains.rows);
    for (size_t step = 0; step < gains.rows; step++) {
        const double *now = gains.values + step * gains.columns;
        double best = now[(size_t)picks.values[step]];
        if (!(now[got.pairs[step]] >= best * (1.0 - tolerance)))
            fail_msg("step %zu takes %u of gain %.9g rather than %.9g", step, got.pairs[step],
                     now[got.pairs[step]], best);
        assert_int_equal(got.pairs[step], (size_t)picks.values[step]);
    }
    fi_selection_clear(&got);
}

static void the_target_is_the_weighted_sum_over_its_pairs(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) world made = load();
    GOLDEN expected = golden_load(FOLDER, "target_information");
    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    FD_CLEANUP(fi_information_freep) fi_information *got = NULL;
    assert_int_equal(fi_factor_new(made.past, made.prior, &factor), 0);
    fi_selection_options options = {.targets = &made.lists[2]};
    fi_problem posed = {.factor = factor, .options = &options};
    assert_int_equal(fi_target_information_new(&posed, &got), 0);
    double largest = 0.0;
    for (size_t i = 0; i < expected.count; i++)
        largest = fmax(largest, fabs(expected.values[i]));
    for (size_t i = 0; i < expected.count; i++)
        assert_near(fi_information_matrix(got)[i], expected.values[i], 1e-6 * largest);
}

static void i_opt_picks_what_the_formulas_pick(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) world made = load();
    check_picks(&made, "i-opt", "i_opt_gains", "i_opt_picks", false, 1e-6);
}

/* Each item of the vectors is in a candidate, so their prompts are the groups of the candidates. */
static void knowledge_gradient_picks_what_the_formulas_pick(void **state) {
    (void)state;
    FD_CLEANUP(world_clear) world made = load();
    check_picks(&made, "knowledge-gradient", "kg_gains", "kg_picks", true, 1e-5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_target_is_the_weighted_sum_over_its_pairs),
        cmocka_unit_test(i_opt_picks_what_the_formulas_pick),
        cmocka_unit_test(knowledge_gradient_picks_what_the_formulas_pick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
