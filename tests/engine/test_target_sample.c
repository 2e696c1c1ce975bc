/* The targets of selections: pairs within prompts, drawn prompt first. */
#include "target_sample.h"

#include <stdio.h>
#include <string.h>

#include "engine_state.h"
#include "fixture.h"
#include "items.h"
#include "macros.h"
#include "select.h"

enum { PAIRS = 250 };

static void add_items(fd_engine *engine, size_t first, size_t count, const char *prompt) {
    for (size_t i = first; i < first + count; i++) {
        float embedding[DIMENSION];
        char id[32];
        for (size_t j = 0; j < DIMENSION; j++)
            embedding[j] = (float)((i * 7919 + j * 104729) % 1000) / 500.0f - 1.0f;
        (void)snprintf(id, sizeof(id), "more-%zu", i);
        fd_item_row row = {
            .id = id, .prompt_id = prompt, .embedding = embedding, .dimension = DIMENSION};
        fd_added added;
        fd_fault fault = {0};
        assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
    }
}

static fd_target_sample draw_of(fd_engine *engine, bool whole_prompts, uint64_t seed) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    fd_fault fault = {0};
    fd_target_sample sample;
    assert_int_equal(fd_engine_snapshot(engine, &snapshot, &fault), 0);
    assert_int_equal(fd_target_sample_draw(engine, snapshot, whole_prompts, seed, &sample), 0);
    return sample;
}

static fd_target_sample draw(fd_engine *engine, uint64_t seed) {
    return draw_of(engine, false, seed);
}

/* One prompt has 200 items and nine have three: each gets a tenth of the targets. */
static void a_prompt_with_many_items_is_drawn_as_often_as_another(void **state) {
    (void)state;
    fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 9, 3);
    add_items(engine, 0, 200, "long");
    add_items(engine, 200, 1, "lonely");
    size_t of_long = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        FD_CLEANUP(fd_target_sample_clear) fd_target_sample sample = draw(engine, seed);
        assert_int_equal(sample.targets.n_pairs, PAIRS);
        for (size_t i = 0; i < PAIRS; i++) {
            fi_pair pair = sample.targets.pairs[i];
            assert_true(pair.a != pair.b);
            assert_int_equal(sample.targets.groups[pair.a], sample.targets.groups[pair.b]);
            of_long += sample.rows.rows[pair.a] >= 27;
        }
    }
    /* Five standard deviations of a binomial count of 5,000. */
    assert_true(of_long > 500 - 107 && of_long < 500 + 107);
    fd_engine_close(engine);
}

static size_t count_prompts(const fd_target_sample *sample) {
    size_t count = 0;
    for (size_t i = 0; i < sample->rows.count; i++) {
        bool is_new = true;
        for (size_t j = 0; j < i && is_new; j++)
            is_new = sample->prompts[j] != sample->prompts[i];
        count += is_new;
    }
    return count;
}

static void whole_prompts_come_with_all_of_their_items(void **state) {
    (void)state;
    static const struct {
        size_t prompts, responses, drawn;
    } tables[] = {{9, 3, 9}, {40, 5, 40}, {150, 4, 40}};
    for (size_t i = 0; i < FD_LENGTH(tables); i++) {
        fd_engine *engine = fixture_engine();
        fixture_add_items(engine, tables[i].prompts, tables[i].responses);
        add_items(engine, 0, 1, "lonely");
        FD_CLEANUP(fd_target_sample_clear) fd_target_sample sample = draw_of(engine, true, 3);
        assert_int_equal(count_prompts(&sample), tables[i].drawn);
        assert_int_equal(sample.rows.count, tables[i].drawn * tables[i].responses);
        add_items(engine, 1, 150, "long");
        FD_CLEANUP(fd_target_sample_clear) fd_target_sample more = draw_of(engine, true, 3);
        size_t rest = sample.rows.count - tables[i].responses;
        assert_true(more.rows.count >= rest && more.rows.count <= sample.rows.count + 64);
        fd_engine_close(engine);
    }
}

static void the_same_seed_draws_the_same_targets(void **state) {
    (void)state;
    fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 30, 4);
    FD_CLEANUP(fd_target_sample_clear) fd_target_sample first = draw(engine, 3);
    FD_CLEANUP(fd_target_sample_clear) fd_target_sample again = draw(engine, 3);
    FD_CLEANUP(fd_target_sample_clear) fd_target_sample other = draw(engine, 4);
    assert_memory_equal(first.targets.pairs, again.targets.pairs, PAIRS * sizeof(fi_pair));
    assert_memory_not_equal(first.targets.pairs, other.targets.pairs, PAIRS * sizeof(fi_pair));
    fd_engine_close(engine);
}

static fd_selection_result choose(fd_engine *engine, const fd_selection_request *request) {
    fd_selection_result result;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(engine, request, &result, &fault), 0);
    return result;
}

static bool same_pairs(const fd_selection_result *first, const fd_selection_result *second) {
    assert_int_equal(first->count, second->count);
    for (size_t i = 0; i < first->count; i++)
        if (first->pairs[i].index != second->pairs[i].index)
            return false;
    return true;
}

static void the_same_request_seed_and_model_give_the_same_batch(void **state) {
    (void)state;
    fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 60, 6);
    fd_selection_request request = fixture_request(20, FI_SCOPE_WITHIN, 7);
    static const char *const strategies[] = {"i-opt", "knowledge-gradient"};
    for (size_t i = 0; i < FD_LENGTH(strategies); i++) {
        request.strategy = strategies[i];
        fd_selection_result first = choose(engine, &request), again = choose(engine, &request);
        assert_true(same_pairs(&first, &again));
        fd_selection_result_clear(&first);
        fd_selection_result_clear(&again);
    }
    fd_engine_close(engine);
}

static void without_a_prompt_of_two_items_the_candidates_are_the_targets(void **state) {
    (void)state;
    fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 30, 1);
    FD_CLEANUP(fd_target_sample_clear) fd_target_sample sample = draw(engine, 1);
    assert_int_equal(sample.targets.n_pairs, 0);
    fd_selection_request request = fixture_request(6, FI_SCOPE_ACROSS, 7);
    request.strategy = "i-opt";
    fd_selection_result first = choose(engine, &request);
    request.target = FD_TARGET_CANDIDATES;
    fd_selection_result second = choose(engine, &request);
    assert_int_equal(first.count, 6);
    assert_true(same_pairs(&first, &second));
    fd_selection_result_clear(&first);
    fd_selection_result_clear(&second);
    fd_engine_close(engine);
}

/* Inline items have no prompt: what is stored says nothing about what they are for. */
static void a_list_of_inline_items_alone_is_its_own_target(void **state) {
    (void)state;
    enum { LISTED = 40 };
    fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 30, 4);
    static float embeddings[2 * LISTED][DIMENSION];
    fd_pair_reference pairs[LISTED] = {0};
    for (size_t i = 0; i < 2 * (size_t)LISTED; i++)
        for (size_t j = 0; j < DIMENSION; j++)
            embeddings[i][j] = (float)((i * 7919 + j * 104729) % 997) / 500.0f - 1.0f;
    for (size_t i = 0; i < LISTED; i++) {
        pairs[i].a = (fd_item_reference){.embedding = embeddings[2 * i], .dimension = DIMENSION};
        pairs[i].b =
            (fd_item_reference){.embedding = embeddings[2 * i + 1], .dimension = DIMENSION};
    }
    fd_selection_request request = {.batch_size = 15, .strategy = "i-opt", .has_seed = true};
    request.pairs = pairs;
    request.n_pairs = LISTED;
    fd_selection_result first = choose(engine, &request);
    request.target = FD_TARGET_CANDIDATES;
    fd_selection_result second = choose(engine, &request);
    assert_true(same_pairs(&first, &second));
    fd_selection_result_clear(&first);
    fd_selection_result_clear(&second);

    pairs[3].a = (fd_item_reference){.id = fixture_item_id(0, 1)};
    request.target = FD_TARGET_IN_PROMPT;
    first = choose(engine, &request);
    request.target = FD_TARGET_CANDIDATES;
    second = choose(engine, &request);
    assert_false(same_pairs(&first, &second));
    fd_selection_result_clear(&first);
    fd_selection_result_clear(&second);
    fd_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_with_many_items_is_drawn_as_often_as_another),
        cmocka_unit_test(whole_prompts_come_with_all_of_their_items),
        cmocka_unit_test(the_same_seed_draws_the_same_targets),
        cmocka_unit_test(the_same_request_seed_and_model_give_the_same_batch),
        cmocka_unit_test(without_a_prompt_of_two_items_the_candidates_are_the_targets),
        cmocka_unit_test(a_list_of_inline_items_alone_is_its_own_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
