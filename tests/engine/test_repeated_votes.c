/* Several votes a pair: they count for less than their number. And what a restart keeps of it. */
#include "refit_world.h"
#include "rng.h"
#include "select.h"
#include "trainer.h"

enum { VOTES = 5, LEARNED_PROMPTS = 40, ALL_PROMPTS = 60, ITEMS_OF = 4 };

/* ---- the truth: half of it is in the embedding, the other half is not ---- */

static void draw_rewards(double *rewards) {
    static float embeddings[ALL_PROMPTS * ITEMS_OF * DIMENSION];
    fd_rng rng = fd_rng_seeded(17);
    fixture_embeddings(embeddings, ALL_PROMPTS * ITEMS_OF);
    for (size_t i = 0; i < ALL_PROMPTS * ITEMS_OF; i++)
        rewards[i] = 6.0 * (double)embeddings[i * DIMENSION] + 1.5 * fd_rng_normal(&rng);
}

static bool prefers_first(fd_rng *rng, const double *rewards, size_t a, size_t b) {
    return fd_rng_uniform(rng) < 1.0 / (1.0 + exp(rewards[b] - rewards[a]));
}

static void vote(fd_engine *engine, fd_rng *rng, const double *rewards, size_t votes) {
    size_t number = 0;
    for (size_t p = 0; p < LEARNED_PROMPTS; p++)
        for (size_t r = 0; r + 1 < ITEMS_OF; r++)
            for (size_t i = 0; i < votes; i++)
                assert_int_equal(fixture_label(engine, number++, fixture_item_id(p, r),
                                               fixture_item_id(p, r + 1),
                                               prefers_first(rng, rewards, p * ITEMS_OF + r,
                                                             p * ITEMS_OF + r + 1)
                                                   ? FD_PREFER_A
                                                   : FD_PREFER_B),
                                 0);
}

static double design_effect_of(fd_engine *engine) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    fd_model_row row;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_model_copy(engine, 0, &row, &model, &fault), 0);
    return fi_model_last_layer(model)->design_effect;
}

/* Mean log loss on votes about prompts that nobody learned from. */
static double unseen_loss(fd_engine *engine, const double *rewards) {
    fd_rng rng = fd_rng_seeded(99);
    double loss = 0.0;
    size_t count = 0;
    for (size_t p = LEARNED_PROMPTS; p < ALL_PROMPTS; p++)
        for (size_t r = 0; r + 1 < ITEMS_OF; r++)
            for (size_t i = 0; i < 20; i++, count++) {
                size_t a = p * ITEMS_OF + r;
                double logit = score_of(engine, fixture_item_id(p, r)) -
                               score_of(engine, fixture_item_id(p, r + 1));
                loss += log1p(exp(prefers_first(&rng, rewards, a, a + 1) ? -logit : logit));
            }
    return loss / (double)count;
}

static void five_votes_a_pair_do_not_make_the_model_sure(void **state) {
    (void)state;
    double rewards[ALL_PROMPTS * ITEMS_OF];
    draw_rewards(rewards);
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        for (size_t several = 0; several < 2; several++) {
            fd_rng rng = fd_rng_seeded(3);
            fd_engine_options options = refit_options((fi_kind)kind);
            FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_memory(&options);
            fixture_add_items(engine, ALL_PROMPTS, ITEMS_OF);
            vote(engine, &rng, rewards, several ? VOTES : 1);
            train(engine);
            fd_model_info info = fixture_model(engine);
            double effect = design_effect_of(engine);
            if (several)
                assert_true(effect > 1.5 && effect < 10.0);
            else
                assert_true(effect >= 1.0 && effect < 1.5);
            assert_true(unseen_loss(engine, rewards) < 0.693);
            assert_true(info.row.held_out_loss < 0.693); /* cross-fitted */
            if (kind == FI_KIND_LINEAR)
                assert_int_equal(info.row.held_out_labels, info.row.labels);
        }
    }
}

/* ---- selections under a design effect ---- */

static fd_selection_result select_one(fd_engine *engine, double prior_precision) {
    fd_selection_request request = fixture_request(3, FI_SCOPE_WITHIN, 1);
    request.generate.include_labelled = true;
    request.prior_precision = prior_precision;
    request.explain = true;
    fd_selection_result result;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
    return result;
}

/* M = past / D + lambda I, and a vote adds v d d' / D. */
static void a_selection_counts_a_vote_by_the_design_effect(void **state) {
    (void)state;
    double rewards[ALL_PROMPTS * ITEMS_OF];
    draw_rewards(rewards);
    fd_rng rng = fd_rng_seeded(3);
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, ALL_PROMPTS, ITEMS_OF);
    vote(engine, &rng, rewards, VOTES);
    train(engine);
    double effect = design_effect_of(engine), logdet = fixture_model(engine).logdet;
    double lambda = fixture_model(engine).row.prior_precision;
    assert_true(effect > 1.5);
    for (int kind = 0; kind < 2; kind++) { /* by itself, and with the same lambda given */
        FD_CLEANUP(fd_selection_result_clear)
        fd_selection_result result = select_one(engine, kind ? lambda : 0.0);
        assert_true(fabs(result.logdet_before - logdet) < 1e-4);
        const fd_selected_pair *first = &result.pairs[0];
        assert_true(fabs(first->gain - log1p(first->v * first->leverage)) < 1e-6);
        double sum = result.logdet_before;
        for (size_t i = 0; i < result.count; i++)
            sum += result.pairs[i].gain;
        assert_true(fabs(result.logdet_after - sum) < 1e-9);
    }
}

/* ---- restarts ---- */

struct state_of {
    double logdet, rewards[ITEMS];
    uint64_t version, fitted;
};

static struct state_of look(fd_engine *engine) {
    struct state_of seen;
    fd_engine_wait_refitted(engine);
    fd_model_info info = fixture_model(engine);
    seen.logdet = info.logdet;
    seen.version = info.version;
    seen.fitted = info.labels_fitted;
    all_scores(engine, seen.rewards);
    return seen;
}

static void check_restart(struct world *world) {
    struct state_of before = look(world->engine);
    world_reopen(world);
    struct state_of after = look(world->engine);
    assert_true(fabs(after.logdet - before.logdet) <= 1e-6 * fmax(1.0, fabs(before.logdet)));
    assert_true(is_close(before.rewards, after.rewards, ITEMS, 1e-6));
    assert_int_equal(before.version, after.version);
    assert_int_equal(before.fitted, after.fitted);
}

static void a_restart_gives_the_snapshot_that_was_before_it(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++)
        for (int refit = 0; refit < 2; refit++) {
            FD_CLEANUP(world_clear) struct world world;
            world_prepare(&world);
            world.options = refit_options((fi_kind)kind);
            world.options.refit = refit;
            fixture_use_clock(&world.options, &world.clock);
            world_start(&world, PROMPTS, RESPONSES);
            struct known known = {0};
            check_restart(&world);
            answer_up_to(world.engine, &known, 60);
            check_restart(&world);
            train(world.engine);
            check_restart(&world);
            answer_up_to(world.engine, &known, 150);
            check_restart(&world);
            for (size_t i = 0; i < 40; i++) /* labels that were learned from, and others */
                assert_int_equal(fixture_revise(world.engine, 3 * i,
                                                i % 2 ? FD_PREFER_RETRACTED : FD_PREFER_TIE),
                                 0);
            check_restart(&world);
            train(world.engine);
            check_restart(&world);
        }
}

/* Even all labels of a training may be taken back: M stays positive definite. */
static void a_model_whose_labels_were_all_retracted_still_serves(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++)
        for (int refit = 0; refit < 2; refit++) {
            fd_engine_options options = refit_options((fi_kind)kind);
            options.refit = refit;
            FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_memory(&options);
            fixture_add_items(engine, PROMPTS, RESPONSES);
            struct known known = {0};
            answer_up_to(engine, &known, 100);
            train(engine);
            double before = fixture_model(engine).logdet;
            for (size_t i = 0; i < 100; i++)
                assert_int_equal(fixture_revise(engine, i, FD_PREFER_RETRACTED), 0);
            fd_engine_wait_refitted(engine);
            fd_model_info info = fixture_model(engine);
            assert_true(isfinite(info.logdet) && info.logdet < before);
            FD_CLEANUP(fd_selection_result_clear)
            fd_selection_result result = select_one(engine, 0.0);
            assert_int_equal(result.count, 3);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_votes_a_pair_do_not_make_the_model_sure),
        cmocka_unit_test(a_selection_counts_a_vote_by_the_design_effect),
        cmocka_unit_test(a_restart_gives_the_snapshot_that_was_before_it),
        cmocka_unit_test(a_model_whose_labels_were_all_retracted_still_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
