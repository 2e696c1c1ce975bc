/* Tests of pools against the full list of their pairs. */
#include <errno.h>

#include "pair_keys.h"
#include "select_from_pool.h"
#include "strategy.h"

#include "problems.h"

enum { ITEMS = 90, WIDTH = 7, GROUPS = 12 };

/* Items in groups of unequal size, in no order. Some take no part. */
typedef struct pool_problem {
    problem made;
    uint32_t groups[ITEMS];
    uint32_t members[ITEMS];
    fi_pair excluded[40];
    fi_pool pool;
    fi_pair *pairs; /* all pairs from plain loops, in no particular order */
    size_t n_pairs;
} pool_problem;

static bool same_pair(fi_pair x, fi_pair y) {
    return (x.a == y.a && x.b == y.b) || (x.a == y.b && x.b == y.a);
}

static bool is_excluded(const fi_pool *pool, fi_pair pair) {
    for (size_t i = 0; i < pool->n_excluded; i++)
        if (same_pair(pool->excluded[i], pair))
            return true;
    return false;
}

static void list_pairs(pool_problem *made) {
    const fi_pool *pool = &made->pool;
    made->pairs = problem_memory(pool->n_members * pool->n_members + 1, sizeof(fi_pair));
    for (size_t i = 0; i < pool->n_members; i++)
        for (size_t j = i + 1; j < pool->n_members; j++) {
            fi_pair pair = {pool->members[i], pool->members[j]};
            bool same = pool->groups[pair.a] == pool->groups[pair.b];
            if ((pool->scope == FI_SCOPE_ANY || same == (pool->scope == FI_SCOPE_WITHIN)) &&
                !is_excluded(pool, pair))
                made->pairs[made->n_pairs++] = pair;
        }
}

static pool_problem *pool_new(uint64_t seed, fi_scope scope, float spread) {
    pool_problem *made = problem_memory(1, sizeof(*made));
    fd_rng rng = fd_rng_seeded(seed + 1000);
    made->made = problem_new(seed, ITEMS, WIDTH, 1, 2.0f, spread);
    size_t n = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        made->groups[i] = (uint32_t)fd_rng_below(&rng, GROUPS);
        if (i % 9 != 4)
            made->members[n++] = (uint32_t)((i * 7) % ITEMS);
    }
    for (size_t i = 0; i < FD_LENGTH(made->excluded);
         i++) /* some twice, some with items that are not members */
        made->excluded[i] = (fi_pair){(uint32_t)(i % 30), (uint32_t)(30 + i % 11)};
    made->pool = (fi_pool){
        .n_items = ITEMS,
        .n_features = WIDTH,
        .features = made->made.features,
        .rewards = made->made.rewards,
        .groups = made->groups,
        .scope = scope,
        .n_members = n,
        .members = made->members,
        .n_excluded = FD_LENGTH(made->excluded),
        .excluded = made->excluded,
    };
    list_pairs(made);
    return made;
}

static void pool_free(pool_problem *made) {
    problem_free(&made->made);
    free(made->pairs);
    free(made);
}

static fi_candidates listed(const pool_problem *made) {
    fi_candidates candidates = made->made.candidates;
    candidates.pairs = made->pairs;
    candidates.n_pairs = made->n_pairs;
    candidates.groups = made->groups;
    return candidates;
}

/* A pool of any two items of a problem. Fills members [n_items]. */
static fi_pool pool_of_all(const problem *made, uint32_t *members) {
    const fi_candidates *from = &made->candidates;
    for (uint32_t i = 0; i < from->n_items; i++)
        members[i] = i;
    return (fi_pool){.n_items = from->n_items,
                     .n_features = from->n_features,
                     .features = from->features,
                     .rewards = from->rewards,
                     .scope = FI_SCOPE_ANY,
                     .n_members = from->n_items,
                     .members = members};
}

static const fi_scope scopes[] = {FI_SCOPE_ANY, FI_SCOPE_WITHIN, FI_SCOPE_ACROSS};

static void a_pool_has_the_pairs_in_its_scope_that_are_not_excluded(void **state) {
    (void)state;
    for (size_t s = 0; s < FD_LENGTH(scopes); s++) {
        pool_problem *made = pool_new(s, scopes[s], 1.0f);
        FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = NULL;
        assert_int_equal(fi_pool_view_new(&made->pool, &view), 0);
        assert_int_equal(fi_pool_view_count(view), made->n_pairs);
        uint64_t total = view->before[made->pool.n_members], excluded = 0, last = 0;
        for (uint64_t number = 0; number < total; number++) {
            fi_pair pair = fi_pool_pair(view, number);
            assert_true(pair.a < pair.b);
            assert_true(number == 0 || fi_pair_key(pair) > last);
            last = fi_pair_key(pair);
            uint32_t a = view->distinct->rows[pair.a], b = view->distinct->rows[pair.b];
            bool same = made->groups[a] == made->groups[b];
            assert_true(scopes[s] == FI_SCOPE_ANY || same == (scopes[s] == FI_SCOPE_WITHIN));
            excluded += is_excluded(&made->pool, (fi_pair){a, b});
        }
        assert_int_equal(total - excluded, made->n_pairs);
        pool_free(made);
    }
}

static void check_information(const pool_problem *made, bool unit, double tolerance) {
    FD_CLEANUP(fi_information_freep) fi_information *got = NULL;
    assert_int_equal(fi_information_new(WIDTH, &got), 0);
    assert_int_equal(fi_information_add_pool(got, &made->pool, unit), 0);
    fi_candidates all = listed(made);
    double plain[WIDTH * WIDTH] = {0};
    for (size_t i = 0; i < made->n_pairs; i++)
        plain_add(&all, i, unit ? 1.0 : problem_weight(&all, i), plain);
    for (size_t i = 0; i < FD_LENGTH(plain); i++)
        assert_true(fabs(fi_information_matrix(got)[i] - plain[i]) <= tolerance * plain[0]);
}

static void the_information_of_a_pool_is_that_of_its_pairs(void **state) {
    (void)state;
    /* Equal rewards, rewards for interpolation, and a range that is too wide for it.
     */
    static const float spreads[] = {0.0f, 0.01f, 1.0f, 5.0f, 1000.0f};
    for (size_t s = 0; s < FD_LENGTH(scopes); s++)
        for (size_t i = 0; i < FD_LENGTH(spreads); i++) {
            pool_problem *made = pool_new(10 + s, scopes[s], spreads[i]);
            check_information(made, false, 1e-11);
            check_information(made, true, 1e-11);
            pool_free(made);
        }
}

/* With many members, interpolation replaces the loops over pairs. */
static void interpolated_weights_are_exact_to_rounding(void **state) {
    (void)state;
    enum { MANY = 700, H = 3 };
    static const float spreads[] = {0.1f, 1.0f, 3.0f, 8.0f};
    for (size_t s = 0; s < FD_LENGTH(spreads); s++) {
        problem made = problem_new(s, MANY, H, 1, 100.0f, spreads[s]);
        uint32_t members[MANY];
        fi_pool pool = pool_of_all(&made, members);
        FD_CLEANUP(fi_information_freep) fi_information *got = NULL;
        assert_int_equal(fi_information_new(H, &got), 0);
        assert_int_equal(fi_information_add_pool(got, &pool, false), 0);
        double plain[H * H] = {0};
        for (uint32_t i = 0; i < MANY; i++)
            for (uint32_t j = i + 1; j < MANY; j++) {
                fi_candidates one = made.candidates;
                fi_pair pair = {i, j};
                one.pairs = &pair;
                plain_add(&one, 0, problem_weight(&one, 0), plain);
            }
        for (size_t i = 0; i < FD_LENGTH(plain); i++)
            assert_true(fabs(fi_information_matrix(got)[i] - plain[i]) <= 1e-12 * plain[0]);
        problem_free(&made);
    }
}

/* ---- selection ---- */

static fi_selection_options options_of(const fi_strategy *strategy, size_t k, double prior) {
    return (fi_selection_options){.strategy = strategy,
                                  .batch_size = k,
                                  .prior_precision = prior,
                                  .figures = true,
                                  .explain = true};
}

static void assert_same_selection(const fi_selection *x, const fi_selection *y) {
    assert_int_equal(x->count, y->count);
    for (size_t i = 0; i < x->count; i++) {
        assert_int_equal(x->items[i].a, y->items[i].a);
        assert_int_equal(x->items[i].b, y->items[i].b);
        assert_close(x->gains[i], y->gains[i], 1e-9);
        assert_close(x->leverages[i], y->leverages[i], 1e-9);
        assert_close(x->weights[i], y->weights[i], 1e-12);
        assert_int_equal(x->entropy_ranks[i], y->entropy_ranks[i]);
    }
    assert_int_equal(x->candidates, y->candidates);
    assert_close(x->logdet_after, y->logdet_after, 1e-9);
    assert_close(x->logdet_bound, y->logdet_bound, 1e-6);
    assert_close(x->d_efficiency, y->d_efficiency, 1e-6);
    assert_close(x->chosen.mean_nearest_cosine, y->chosen.mean_nearest_cosine, 1e-6);
}

/* Selects in both ways, without a list and with one. */
static void check_both_ways(const pool_problem *made, const fi_information *past,
                            const fi_selection_options *options) {
    FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = NULL;
    FD_CLEANUP(fi_selection_clear) fi_selection with = {0}, without = {0};
    assert_int_equal(fi_pool_view_new(&made->pool, &view), 0);
    assert_int_equal(fi_select_from_pool_listed(view, past, options, &with), 0);
    assert_int_equal(fi_select_from_pool_unlisted(view, past, options, &without), 0);
    assert_same_selection(&with, &without);
    for (size_t i = 0; i < without.count; i++)
        assert_false(is_excluded(&made->pool, without.items[i]));
}

static void check_strategies(const pool_problem *made, const fi_information *past, double prior) {
    static const size_t limits[][2] = {{0, 0}, {2, 0}, {0, 4}};
    for (size_t i = 0; i < fi_strategy_count(); i++) {
        const fi_strategy *strategy = fi_strategy_at(i);
        if (!fi_strategy_functions_of(strategy)->choose_from_pool ||
            strcmp(strategy->name, "random") == 0)
            continue;
        for (size_t l = 0; l < FD_LENGTH(limits); l++) {
            fi_selection_options options = options_of(strategy, 30, prior);
            options.max_per_item = limits[l][0];
            options.max_per_group = limits[l][1];
            options.copy_distance = 0.02;
            check_both_ways(made, past, &options);
        }
        fi_selection_options all = options_of(strategy, made->n_pairs, prior);
        check_both_ways(made, past, &all);
    }
}

static void a_batch_from_a_pool_is_that_from_the_full_list(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++)
        for (size_t s = 0; s < FD_LENGTH(scopes); s++) {
            pool_problem *made = pool_new(seed, scopes[s], seed % 2 ? 4.0f : 0.5f);
            problem answered = problem_new(seed + 50, ITEMS, WIDTH, 60, 2.0f, 1.0f);
            FD_CLEANUP(fi_information_freep)
            fi_information *past = information_of(&answered.candidates);
            check_strategies(made, NULL, 1e-3);
            check_strategies(made, past, 1.0);
            problem_free(&answered);
            pool_free(made);
        }
}

static void greedy_searches_again_when_its_finds_are_used_up(void **state) {
    (void)state;
    /* A tiny prior, and many more pairs than a search keeps: the keys fall by orders of magnitude.
     */
    enum { MANY = 400, H = 24 };
    problem made = problem_new(77, MANY, H, 1, 0.0f, 1.0f);
    uint32_t members[MANY];
    fi_pool pool = pool_of_all(&made, members);
    FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = NULL;
    assert_int_equal(fi_pool_view_new(&pool, &view), 0);
    for (size_t k = 40; k <= 120; k += 80) {
        fi_selection_options options = options_of(fi_strategy_find("greedy"), k, 1e-6);
        FD_CLEANUP(fi_selection_clear) fi_selection with = {0}, without = {0};
        assert_int_equal(fi_select_from_pool_listed(view, NULL, &options, &with), 0);
        assert_int_equal(fi_select_from_pool_unlisted(view, NULL, &options, &without), 0);
        assert_same_selection(&with, &without);
    }
    problem_free(&made);
}

static void copies_of_items_do_not_fill_a_batch_from_a_pool(void **state) {
    (void)state;
    pool_problem *made = pool_new(3, FI_SCOPE_ANY, 1.0f);
    for (size_t i = 10; i < ITEMS; i++) { /* nine items, each ten times */
        memcpy(made->made.features + i * WIDTH, made->made.features + i % 9 * WIDTH,
               WIDTH * sizeof(float));
        made->made.rewards[i] = made->made.rewards[i % 9];
    }
    static const char *const names[] = {"greedy", "pa-dopt", "xtx", "entropy", "maxdiff"};
    FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = NULL;
    assert_int_equal(fi_pool_view_new(&made->pool, &view), 0);
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        fi_selection_options options = options_of(fi_strategy_find(names[i]), 30, 1.0);
        options.copy_distance = 0.02;
        check_both_ways(made, NULL, &options);
        FD_CLEANUP(fi_selection_clear) fi_selection got = {0};
        assert_int_equal(fi_select_pool(view, NULL, &options, &got), 0);
        for (size_t x = 0; x < got.count; x++)
            for (size_t y = 0; y < x; y++)
                assert_false(same_pair((fi_pair){got.items[x].a % 9, got.items[x].b % 9},
                                       (fi_pair){got.items[y].a % 9, got.items[y].b % 9}) &&
                             got.items[x].a > 9 && got.items[x].b > 9 && got.items[y].a > 9 &&
                             got.items[y].b > 9);
    }
    pool_free(made);
}

static void a_pool_of_equal_items_still_gives_a_batch(void **state) {
    (void)state;
    pool_problem *made = pool_new(4, FI_SCOPE_ANY, 0.0f);
    for (size_t i = 1; i < ITEMS; i++)
        memcpy(made->made.features + i * WIDTH, made->made.features, WIDTH * sizeof(float));
    for (size_t i = 0; i < fi_strategy_count(); i++) {
        if (!fi_strategy_functions_of(fi_strategy_at(i))->choose_from_pool)
            continue;
        fi_selection_options options = options_of(fi_strategy_at(i), 25, 1e-3);
        options.copy_distance = 0.02;
        FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = NULL;
        FD_CLEANUP(fi_selection_clear) fi_selection got = {0};
        assert_int_equal(fi_pool_view_new(&made->pool, &view), 0);
        assert_int_equal(fi_select_from_pool_unlisted(view, NULL, &options, &got), 0);
        assert_int_equal(got.count, 25);
        assert_close(got.logdet_after, got.logdet_before, 1e-12);
        assert_close(got.d_efficiency, 1.0, 1e-12);
        for (size_t x = 0; x < got.count; x++)
            for (size_t y = 0; y < x; y++)
                assert_false(same_pair(got.items[x], got.items[y]));
    }
    pool_free(made);
}

static void random_draws_all_pairs_of_a_pool_with_equal_probability(void **state) {
    (void)state;
    enum { DRAWS = 6000, K = 5 };
    pool_problem *made = pool_new(5, FI_SCOPE_ACROSS, 1.0f);
    made->pool.n_members = 12;
    free(made->pairs);
    made->n_pairs = 0;
    list_pairs(made);
    size_t *counts = problem_memory(made->n_pairs, sizeof(*counts));
    FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = NULL;
    assert_int_equal(fi_pool_view_new(&made->pool, &view), 0);
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        fi_selection_options options = options_of(fi_strategy_find("random"), K, 1.0);
        options.seed = seed;
        FD_CLEANUP(fi_selection_clear) fi_selection got = {0};
        assert_int_equal(fi_select_from_pool_unlisted(view, NULL, &options, &got), 0);
        for (size_t i = 0; i < K; i++)
            for (size_t j = 0; j < made->n_pairs; j++)
                counts[j] += same_pair(got.items[i], made->pairs[j]);
    }
    double share = (double)K / (double)made->n_pairs, expected = DRAWS * share;
    size_t total = 0;
    for (size_t i = 0; i < made->n_pairs; i++) {
        total += counts[i];
        assert_true(fabs((double)counts[i] - expected) < 5.0 * sqrt(expected * (1.0 - share)));
    }
    assert_int_equal(total, DRAWS * K);
    free(counts);
    pool_free(made);
}

static void pools_out_of_bounds_are_refused(void **state) {
    (void)state;
    FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = NULL;
    pool_problem *made = pool_new(6, FI_SCOPE_WITHIN, 1.0f);
    fi_pool wrong = made->pool;
    wrong.groups = NULL;
    assert_int_equal(fi_pool_view_new(&wrong, &view), -EINVAL);
    wrong = made->pool;
    made->members[3] = ITEMS;
    assert_int_equal(fi_pool_view_new(&wrong, &view), -EINVAL);
    made->members[3] = made->members[4];
    assert_int_equal(fi_pool_view_new(&wrong, &view), -EINVAL);
    made->members[3] = made->members[0];
    wrong.n_members = 3;
    made->excluded[0].a = ITEMS;
    assert_int_equal(fi_pool_view_new(&wrong, &view), -EINVAL);
    made->excluded[0].a = 0;
    assert_int_equal(fi_pool_view_new(&wrong, &view), 0);
    fi_selection_options options =
        options_of(fi_strategy_find("greedy"), (size_t)fi_pool_view_count(view) + 1, 1.0);
    fi_selection got;
    assert_int_equal(fi_select_pool(view, NULL, &options, &got), -EINVAL);
    pool_free(made);
}

static bool stop_at_once(void *context, double share) {
    assert_true(share >= 0.0 && share <= 1.0);
    ++*(size_t *)context;
    return false;
}

static void the_caller_can_cancel_a_selection(void **state) {
    (void)state;
    pool_problem *made = pool_new(7, FI_SCOPE_ANY, 1.0f);
    FD_CLEANUP(fi_pool_view_freep) fi_pool_view *view = NULL;
    assert_int_equal(fi_pool_view_new(&made->pool, &view), 0);
    static const char *const names[] = {"greedy", "pa-dopt"};
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        size_t calls = 0;
        fi_selection_options options = options_of(fi_strategy_find(names[i]), 10, 1.0);
        options.go_on = stop_at_once;
        options.context = &calls;
        fi_selection got;
        assert_int_equal(fi_select_from_pool_unlisted(view, NULL, &options, &got), -ECANCELED);
        assert_int_equal(calls, 1);
    }
    pool_free(made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_has_the_pairs_in_its_scope_that_are_not_excluded),
        cmocka_unit_test(the_information_of_a_pool_is_that_of_its_pairs),
        cmocka_unit_test(interpolated_weights_are_exact_to_rounding),
        cmocka_unit_test(a_batch_from_a_pool_is_that_from_the_full_list),
        cmocka_unit_test(greedy_searches_again_when_its_finds_are_used_up),
        cmocka_unit_test(copies_of_items_do_not_fill_a_batch_from_a_pool),
        cmocka_unit_test(a_pool_of_equal_items_still_gives_a_batch),
        cmocka_unit_test(random_draws_all_pairs_of_a_pool_with_equal_probability),
        cmocka_unit_test(pools_out_of_bounds_are_refused),
        cmocka_unit_test(the_caller_can_cancel_a_selection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
