/* Tests of the strategy `knowledge-gradient` and of its gains. */
#include "knowledge.h"
#include "properties.h"

enum { ITEMS = 60, WIDTH = 6, CANDIDATES = 150, GROUP = 6 };

static const char name[] = "knowledge-gradient";

typedef struct world {
    problem made;
    uint32_t groups[ITEMS];
    fi_selection_options options;
    fi_distinct_items *distinct;
    fi_information *past;
    fi_factor *factor;
    double logits[CANDIDATES], weights[CANDIDATES];
    uint32_t order[CANDIDATES];
    fd_rng rng;
    fi_problem posed;
} world;

static void world_make(world *at, uint64_t seed, float spread) {
    *at = (world){.made = problem_new(seed, ITEMS, WIDTH, CANDIDATES, 0.0f, spread),
                  .rng = fd_rng_seeded(seed)};
    for (uint32_t i = 0; i < ITEMS; i++) {
        at->groups[i] = i / GROUP;
        at->made.pairs[i] = (fi_pair){i, (i + 7) % ITEMS}; /* each item is in a candidate */
    }
    at->made.candidates.groups = at->groups;
    at->options = properties_options(name, 20);
    assert_int_equal(fi_information_new(WIDTH, &at->past), 0);
    assert_int_equal(fi_factor_new(at->past, 1.0, &at->factor), 0);
    assert_int_equal(fi_distinct_items_new(&at->made.candidates, &at->distinct), 0);
    for (size_t i = 0; i < CANDIDATES; i++) {
        at->logits[i] = problem_logit(&at->made.candidates, i);
        at->weights[i] = problem_weight(&at->made.candidates, i);
        at->order[i] = (uint32_t)i;
    }
    at->posed = (fi_problem){.distinct = at->distinct,
                             .logits = at->logits,
                             .weights = at->weights,
                             .groups = at->groups,
                             .past = at->past,
                             .factor = at->factor,
                             .options = &at->options,
                             .rng = &at->rng};
}

static void world_clear(world *at) {
    fi_distinct_items_free(at->distinct);
    fi_factor_free(at->factor);
    fi_information_free(at->past);
    problem_free(&at->made);
}

static void gains_of(const world *at, double *gains) {
    FD_CLEANUP(fi_target_groups_clear) fi_target_groups groups = {0};
    FD_CLEANUP(fi_knowledge_freep) fi_knowledge *knowledge = NULL;
    assert_int_equal(fi_target_groups_find(&at->posed, &groups), 0);
    assert_int_equal(fi_knowledge_new(&at->posed, &groups, CANDIDATES, &knowledge), 0);
    assert_int_equal(fi_knowledge_of(knowledge, CANDIDATES, at->order, gains), 0);
}

/* The definition: the expected best reward of a group after the answer, less the best one now. */
static double plain_gain(const world *at, size_t candidate, const double *inverse) {
    const fi_candidates *from = &at->made.candidates;
    double d[WIDTH], moved[WIDTH] = {0}, sum = 0.0;
    problem_difference(from, candidate, d);
    double leverage = plain_leverage(from, candidate, inverse);
    for (size_t i = 0; i < WIDTH; i++)
        for (size_t j = 0; j < WIDTH; j++)
            moved[i] += inverse[i * WIDTH + j] * d[j];
    double p = fi_probability(at->logits[candidate] / sqrt(1.0 + acos(-1.0) * leverage / 8.0));
    for (uint32_t g = 0; g < ITEMS / GROUP; g++) {
        double now = -INFINITY, won = -INFINITY, lost = -INFINITY;
        for (uint32_t i = g * GROUP; i < (g + 1) * GROUP; i++) {
            double delta = 0.0, reward = (double)from->rewards[i];
            for (size_t j = 0; j < WIDTH; j++)
                delta += (double)from->features[i * WIDTH + j] * moved[j];
            delta /= 1.0 + at->weights[candidate] * leverage;
            now = fmax(now, reward);
            won = fmax(won, reward + delta * (1.0 - p));
            lost = fmax(lost, reward - delta * p);
        }
        sum += p * won + (1.0 - p) * lost - now;
    }
    return sum;
}

static void gains_are_those_of_the_definition(void **state) {
    (void)state;
    double identity[WIDTH * WIDTH] = {0};
    for (size_t i = 0; i < WIDTH; i++)
        identity[i * WIDTH + i] = 1.0;
    for (uint64_t seed = 0; seed < 5; seed++) {
        world at;
        double gains[CANDIDATES];
        world_make(&at, seed, 1.0f);
        gains_of(&at, gains);
        for (size_t i = 0; i < CANDIDATES; i++)
            assert_close(gains[i], plain_gain(&at, i, identity), 2e-6);
        world_clear(&at);
    }
}

/* Only a spread of rewards that no answer can turn leaves nothing to gain. */
static void gains_are_zero_exactly_where_no_choice_changes(void **state) {
    (void)state;
    for (int sure = 0; sure < 2; sure++) {
        world at;
        double gains[CANDIDATES], largest = 0.0;
        world_make(&at, 7, 1.0f);
        for (size_t i = 0; i < ITEMS; i++) /* one item of each group far above the others */
            at.made.rewards[i] += sure && i % GROUP == 2 ? 100.0f : 0.0f;
        gains_of(&at, gains);
        for (size_t i = 0; i < CANDIDATES; i++) {
            assert_true(gains[i] >= 0.0);
            largest = fmax(largest, gains[i]);
        }
        assert_true(sure ? largest == 0.0 : largest > 0.1);
        world_clear(&at);
    }
}

static void gains_never_fall_below_zero(void **state) {
    (void)state;
    static const float spreads[] = {0.0f, 1e-4f, 1.0f, 30.0f, 1e4f};
    for (size_t s = 0; s < FD_LENGTH(spreads); s++) {
        world at;
        double gains[CANDIDATES];
        world_make(&at, 11 + s, spreads[s]);
        gains_of(&at, gains);
        for (size_t i = 0; i < CANDIDATES; i++)
            assert_true(isfinite(gains[i]) && gains[i] >= 0.0);
        world_clear(&at);
    }
}

/* Twice the same prompts are twice the gains, and the same batch. */
static void duplicated_targets_change_the_scale_alone(void **state) {
    (void)state;
    enum { STARS = 2 * ITEMS };
    world at;
    double once[CANDIDATES], twice[CANDIDATES];
    world_make(&at, 3, 1.0f);
    fi_pair pairs[STARS];
    uint32_t groups[STARS];
    static float features[STARS * WIDTH], rewards[STARS];
    for (uint32_t i = 0; i < STARS; i++) {
        pairs[i] = (fi_pair){i - i % GROUP, i};
        groups[i] = i / GROUP;
        rewards[i] = at.made.rewards[i % ITEMS];
        memcpy(features + i * WIDTH, at.made.features + (i % ITEMS) * WIDTH, WIDTH * sizeof(float));
    }
    fi_candidates targets = {ITEMS, WIDTH, ITEMS, features, rewards, pairs, groups};
    at.options.targets = &targets;
    gains_of(&at, once);
    fi_selection first, second;
    assert_int_equal(fi_select(&at.made.candidates, NULL, &at.options, &first), 0);
    targets.n_items = targets.n_pairs = STARS;
    gains_of(&at, twice);
    assert_int_equal(fi_select(&at.made.candidates, NULL, &at.options, &second), 0);
    for (size_t i = 0; i < CANDIDATES; i++)
        assert_close(twice[i], 2.0 * once[i], 1e-6);
    assert_memory_equal(first.pairs, second.pairs, first.count * sizeof(*first.pairs));
    fi_selection_clear(&first);
    fi_selection_clear(&second);
    world_clear(&at);
}

/* After each pick the gains are those under the larger M, also when all is computed again. */
static void gains_after_picks_are_those_given_the_picks(void **state) {
    (void)state;
    enum { PICKS = 600 };
    world at;
    double gains[CANDIDATES], inverse[WIDTH * WIDTH];
    world_make(&at, 5, 1.0f);
    double *matrix = plain_design(WIDTH, NULL, 1.0);
    FD_CLEANUP(fi_target_groups_clear) fi_target_groups groups = {0};
    FD_CLEANUP(fi_knowledge_freep) fi_knowledge *knowledge = NULL;
    assert_int_equal(fi_target_groups_find(&at.posed, &groups), 0);
    assert_int_equal(fi_knowledge_new(&at.posed, &groups, CANDIDATES, &knowledge), 0);
    assert_int_equal(fi_knowledge_of(knowledge, CANDIDATES, at.order, gains), 0);
    for (size_t pick = 0; pick < PICKS; pick++) {
        size_t place = (pick * 37) % CANDIDATES;
        plain_add(&at.made.candidates, place, at.weights[place], matrix);
        assert_int_equal(fi_knowledge_pick(knowledge, place, gains), 0);
        if (pick % 50 != 49 && pick > 5)
            continue;
        plain_invert(WIDTH, matrix, inverse);
        for (size_t i = 0; i < CANDIDATES; i++)
            assert_close(gains[i], plain_gain(&at, i, inverse), 2e-5);
    }
    free(matrix);
    world_clear(&at);
}

static void groups_of_many_items_and_many_groups_are_represented(void **state) {
    (void)state;
    world at;
    world_make(&at, 9, 1.0f);
    problem many = problem_new(10, 4000, WIDTH, 4000, 0.0f, 1.0f);
    uint32_t *groups = problem_memory(4000, sizeof(*groups));
    for (uint32_t i = 0; i < 4000; i++) {
        groups[i] = i < 1000 ? 1 : i < 3900 ? 2 + i / 10 : FI_NO_GROUP;
        many.pairs[i] = (fi_pair){0, i};
    }
    many.candidates.groups = groups;
    at.options.targets = &many.candidates;
    FD_CLEANUP(fi_target_groups_clear) fi_target_groups found = {0};
    assert_int_equal(fi_target_groups_find(&at.posed, &found), 0);
    assert_int_equal(found.count, 40);
    for (size_t g = 0; g < found.count; g++) {
        const uint32_t *members = found.members + found.first[g];
        size_t n = found.first[g + 1] - found.first[g];
        assert_true(n == 64 || n == 10);
        for (size_t i = 1; i < n; i++) {
            assert_int_equal(groups[members[i]], groups[members[0]]);
            assert_true(many.rewards[members[i]] <= many.rewards[members[0]]);
        }
    }
    free(groups);
    problem_free(&many);
    world_clear(&at);
}

static void it_has_the_properties_of_every_strategy(void **state) {
    (void)state;
    check_properties(name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gains_are_those_of_the_definition),
        cmocka_unit_test(gains_are_zero_exactly_where_no_choice_changes),
        cmocka_unit_test(gains_never_fall_below_zero),
        cmocka_unit_test(duplicated_targets_change_the_scale_alone),
        cmocka_unit_test(gains_after_picks_are_those_given_the_picks),
        cmocka_unit_test(groups_of_many_items_and_many_groups_are_represented),
        cmocka_unit_test(it_has_the_properties_of_every_strategy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
