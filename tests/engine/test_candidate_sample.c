/* Candidates of selections: drawn from the item table, or named by the request. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "items.h"
#include "score.h"
#include "select.h"

struct counted {
    unsigned prompt_a, prompt_b, response_a, response_b;
};

static struct counted parse(const fd_selected_pair *pair) {
    struct counted parsed;
    assert_int_equal(sscanf(pair->a, "p%u-r%u", &parsed.prompt_a, &parsed.response_a), 2);
    assert_int_equal(sscanf(pair->b, "p%u-r%u", &parsed.prompt_b, &parsed.response_b), 2);
    return parsed;
}

static void every_in_prompt_pair_is_a_candidate_exactly_once(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 3, 5);
    fd_selection_request request = fixture_request(30, FI_SCOPE_WITHIN, 1);
    fd_selection_result result;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
    assert_int_equal(result.candidates, 30);
    assert_int_equal(result.chosen.distinct_items, 15);
    bool seen[3][5][5] = {0};
    for (size_t i = 0; i < result.count; i++) {
        struct counted pair = parse(&result.pairs[i]);
        assert_int_equal(pair.prompt_a, pair.prompt_b);
        unsigned low = pair.response_a < pair.response_b ? pair.response_a : pair.response_b;
        unsigned high = pair.response_a + pair.response_b - low;
        assert_false(seen[pair.prompt_a][low][high]);
        seen[pair.prompt_a][low][high] = true;
    }
    fd_selection_result_clear(&result);
}

static void every_cross_prompt_pair_is_a_candidate_and_no_other(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 3, 4);
    fd_selection_request request = fixture_request(48, FI_SCOPE_ACROSS, 1);
    fd_selection_result result;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
    assert_int_equal(result.candidates, 48);
    for (size_t i = 0; i < result.count; i++) {
        struct counted pair = parse(&result.pairs[i]);
        assert_int_not_equal(pair.prompt_a, pair.prompt_b);
    }
    fd_selection_result_clear(&result);
}

static void labelled_pairs_are_left_out_unless_the_request_includes_them(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 1, 4);
    assert_int_equal(fixture_label(engine, 1, "p0-r2", "p0-r1", FD_PREFER_A), 0);
    assert_int_equal(fixture_label(engine, 2, "p0-r0", "p0-r3", FD_PREFER_SKIP), 0);
    fd_selection_request request = fixture_request(1, FI_SCOPE_WITHIN, 1);
    fd_selection_result result;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
    assert_int_equal(result.candidates, 4);
    fd_selection_result_clear(&result);
    request.generate.include_labelled = true;
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
    assert_int_equal(result.candidates, 6);
    fd_selection_result_clear(&result);

    request.generate.include_labelled = false;
    request.batch_size = 5;
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), -EINVAL);
    assert_string_equal(fault.pointer, "/batch_size");
}

static void a_sample_has_the_requested_size_and_no_pair_twice(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 6, 8);
    static const fi_scope scopes[] = {FI_SCOPE_WITHIN, FI_SCOPE_ACROSS};
    for (size_t m = 0; m < 2; m++) {
        /* 168 pairs within prompts and 960 across: this covers both ways of drawing. */
        for (size_t most = 20; most <= 160; most += 70) {
            fd_selection_request request = fixture_request(most, scopes[m], most);
            request.generate.pairs = most;
            fd_selection_result result;
            fd_fault fault = {0};
            assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
            assert_int_equal(result.candidates, most);
            bool seen[48][48] = {0};
            for (size_t i = 0; i < result.count; i++) {
                struct counted pair = parse(&result.pairs[i]);
                unsigned a = pair.prompt_a * 8 + pair.response_a;
                unsigned b = pair.prompt_b * 8 + pair.response_b;
                assert_false(seen[a][b] || seen[b][a]);
                seen[a][b] = true;
            }
            fd_selection_result_clear(&result);
        }
    }
}

static void add_prompt(fd_engine *engine, size_t prompt, size_t responses) {
    float embedding[DIMENSION];
    for (size_t i = 0; i < responses; i++) {
        char id[32], prompt_id[32];
        (void)snprintf(id, sizeof(id), "p%zu-r%zu", prompt, i);
        (void)snprintf(prompt_id, sizeof(prompt_id), "p%zu", prompt);
        for (size_t j = 0; j < DIMENSION; j++)
            embedding[j] = (float)sin((double)(prompt * 1000 + i * DIMENSION + j));
        fd_item_row row = {
            .id = id, .prompt_id = prompt_id, .embedding = embedding, .dimension = DIMENSION};
        fd_added added;
        fd_fault fault = {0};
        assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
    }
}

/* Prompts of 1, 2, …, 12 responses: 286 pairs within them and 2,717 across. */
static void each_pair_of_uneven_prompts_is_drawn_as_often(void **state) {
    (void)state;
    enum { SIZES = 12, ITEMS = SIZES * (SIZES + 1) / 2, ROUNDS = 4000, DRAWN = 40 };
    static const fi_scope scopes[] = {FI_SCOPE_WITHIN, FI_SCOPE_ACROSS, FI_SCOPE_ANY};
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    for (size_t prompt = 0; prompt < SIZES; prompt++)
        add_prompt(engine, prompt, prompt + 1);
    fd_engine_interrupt(engine); /* stops refills */
    for (size_t m = 0; m < FD_LENGTH(scopes); m++) {
        static unsigned drawn[ITEMS][ITEMS];
        memset(drawn, 0, sizeof(drawn));
        size_t pairs = scopes[m] == FI_SCOPE_WITHIN ? 286 : ITEMS * (ITEMS - 1) / 2;
        pairs -= scopes[m] == FI_SCOPE_ACROSS ? 286 : 0;
        for (size_t round = 0; round < ROUNDS; round++) {
            fd_selection_request request = fixture_request(DRAWN, scopes[m], round);
            request.generate.pairs = DRAWN;
            request.strategy = "random";
            request.without_figures = true;
            fd_selection_result result;
            fd_fault fault = {0};
            assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
            assert_int_equal(result.count, DRAWN);
            for (size_t i = 0; i < DRAWN; i++) {
                fi_pair pair = result.pairs[i].items;
                drawn[pair.a < pair.b ? pair.a : pair.b][pair.a < pair.b ? pair.b : pair.a]++;
            }
            fd_selection_result_clear(&result);
        }
        double expected = (double)ROUNDS * DRAWN / (double)pairs, chi_squared = 0;
        size_t found = 0;
        for (size_t a = 0; a < ITEMS; a++)
            for (size_t b = a + 1; b < ITEMS; b++) {
                found += drawn[a][b] > 0;
                if (drawn[a][b] > 0)
                    chi_squared += (drawn[a][b] - expected) * (drawn[a][b] - expected) / expected;
            }
        assert_int_equal(found, pairs);
        /* Five standard deviations above its mean. */
        assert_true(chi_squared < (double)pairs + 5 * sqrt(2.0 * (double)pairs));
    }
}

static void prompts_and_responses_per_prompt_limit_the_sample(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 6, 8);
    fd_selection_request request = fixture_request(6, FI_SCOPE_WITHIN, 5);
    request.generate.prompts = 2;
    request.generate.responses_per_prompt = 3;
    fd_selection_result result;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
    assert_int_equal(result.candidates, 6);
    fd_selection_result_clear(&result);
}

static void the_same_seed_gives_the_same_batch_and_another_seed_another_batch(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 6, 8);
    fd_selection_result results[3];
    static const uint64_t seeds[] = {11, 11, 12};
    fd_fault fault = {0};
    for (size_t i = 0; i < 3; i++) {
        fd_selection_request request = fixture_request(10, FI_SCOPE_ACROSS, seeds[i]);
        request.strategy = "random";
        request.generate.pairs = 50;
        assert_int_equal(fd_engine_select(engine, &request, &results[i], &fault), 0);
    }
    bool differs = false;
    for (size_t i = 0; i < 10; i++) {
        assert_string_equal(results[0].pairs[i].a, results[1].pairs[i].a);
        assert_string_equal(results[0].pairs[i].b, results[1].pairs[i].b);
        differs |= strcmp(results[0].pairs[i].a, results[2].pairs[i].a) != 0;
    }
    assert_true(differs);
    for (size_t i = 0; i < 3; i++)
        fd_selection_result_clear(&results[i]);
}

static void explicit_pairs_mix_ids_and_inline_embeddings(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 2, 3);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(fixture_label(engine, i, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    (void)fixture_train(engine);
    float one[DIMENSION] = {0.1f, 0.2f}, other[DIMENSION] = {-3, 1, 2};
    fd_pair_reference pairs[] = {
        {.a = {.id = "p0-r0"}, .b = {.id = "p1-r0"}},
        {.a = {.embedding = one, .dimension = DIMENSION}, .b = {.id = "p0-r1"}},
        {.a = {.embedding = one, .dimension = DIMENSION},
         .b = {.embedding = other, .dimension = DIMENSION}},
    };
    fd_selection_request request = {.batch_size = 3, .pairs = pairs, .n_pairs = 3};
    fd_selection_result result;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
    for (size_t i = 0; i < 3; i++) {
        size_t index = result.pairs[i].index;
        assert_true((result.pairs[i].a != NULL) == (pairs[index].a.id != NULL));
        assert_true((result.pairs[i].b != NULL) == (pairs[index].b.id != NULL));
    }

    fd_item_reference inline_items[] = {{.embedding = one, .dimension = DIMENSION},
                                        {.embedding = other, .dimension = DIMENSION}};
    fd_score scores[2];
    uint64_t version;
    assert_int_equal(fd_engine_score(engine, inline_items, 2, scores, &version, &fault), 0);
    for (size_t i = 0; i < 3; i++)
        if (result.pairs[i].index == 2)
            assert_true(fabs(result.pairs[i].p -
                             fi_probability(scores[0].reward - scores[1].reward)) < 1e-6);
    assert_true(fabs(scores[0].reward - scores[1].reward) > 1e-3);
    fd_selection_result_clear(&result);

    pairs[1].a.dimension = 2;
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), -EINVAL);
    assert_string_equal(fault.pointer, "/pairs/1/a");
    pairs[1].a = (fd_item_reference){.id = "p0-r1"};
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), -EINVAL);
    assert_string_equal(fault.pointer, "/pairs/1/b");
    pairs[1].a.id = "nobody";
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), -EINVAL);
    assert_string_equal(fault.pointer, "/pairs/1/a");
}

static void pending_rows_count_like_the_same_pairs_by_their_ids(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 3, 4);
    const fd_pair_reference ids[] = {{.a = {.id = "p0-r1"}, .b = {.id = "p0-r3"}},
                                     {.a = {.id = "p2-r0"}, .b = {.id = "p2-r1"}}};
    const fi_pair rows[] = {{1, 3}, {8, 9}}; /* the same */
    fd_selection_result results[2];
    fd_fault fault = {0};
    for (size_t i = 0; i < 2; i++) {
        fd_selection_request request = fixture_request(16, FI_SCOPE_WITHIN, 5);
        request.pending = ids;
        request.n_pending = i == 0 ? 2 : 0;
        request.pending_rows = rows;
        request.n_pending_rows = i == 0 ? 0 : 2;
        assert_int_equal(fd_engine_select(engine, &request, &results[i], &fault), 0);
        assert_int_equal(results[i].candidates, 16);
    }
    assert_true(results[0].logdet_before == results[1].logdet_before);
    for (size_t i = 0; i < 16; i++) {
        assert_string_equal(results[0].pairs[i].a, results[1].pairs[i].a);
        assert_string_equal(results[0].pairs[i].b, results[1].pairs[i].b);
        assert_true(results[0].pairs[i].gain == results[1].pairs[i].gain);
    }
    for (size_t i = 0; i < 2; i++)
        fd_selection_result_clear(&results[i]);
}

static void an_inline_item_scores_like_the_same_item_in_the_table(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 2, 3);
    float embedding[DIMENSION] = {0.5f, -0.25f, 0.125f};
    fd_item_row row = {
        .id = "same", .prompt_id = "p0", .embedding = embedding, .dimension = DIMENSION};
    fd_added added;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_items_add(engine, &row, 1, &added, &fault), 0);
    fd_item_reference references[] = {{.id = "same"},
                                      {.embedding = embedding, .dimension = DIMENSION}};
    fd_score scores[2];
    uint64_t version;
    assert_int_equal(fd_engine_score(engine, references, 2, scores, &version, &fault), 0);
    assert_true(fabs(scores[0].reward - scores[1].reward) < 1e-6);
    assert_true(fabs(scores[0].stddev - scores[1].stddev) < 1e-5);
    assert_true(scores[0].stddev > 0);
}

static void the_error_for_an_unknown_strategy_lists_the_known_ones(void **state) {
    (void)state;
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 1, 3);
    fd_selection_request request = fixture_request(1, FI_SCOPE_WITHIN, 1);
    request.strategy = "best";
    fd_selection_result result;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), -EINVAL);
    assert_string_equal(fault.pointer, "/strategy");
    assert_non_null(strstr(fault.detail, "pa-dopt"));
    assert_non_null(strstr(fault.detail, "greedy"));
}

static void a_sample_has_a_largest_size_whatever_the_request_says(void **state) {
    (void)state;
    enum { PROMPTS = 1500, SAMPLE = 1 << 20 };
    static const struct {
        size_t pairs;
        uint32_t per_pair;
    } wanted[] = {{0, 0}, {0, UINT32_MAX}, {SIZE_MAX, 16}};
    for (size_t i = 0; i < FD_LENGTH(wanted); i++) {
        fd_engine_options options = fixture_options();
        options.candidates.per_pair = wanted[i].per_pair;
        FD_CLEANUP(fd_engine_closep) fd_engine *engine = fixture_memory(&options);
        fd_engine_interrupt(engine); /* stops refills */
        fixture_add_items(engine, PROMPTS, 1);
        fd_selection_request request = fixture_request(3, FI_SCOPE_ACROSS, 1);
        request.generate.pairs = wanted[i].pairs;
        request.strategy = "random";
        fd_selection_result result;
        fd_fault fault = {0};
        assert_true(PROMPTS * (PROMPTS - 1) / 2 > SAMPLE);
        assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
        assert_int_equal(result.candidates, SAMPLE);
        fd_selection_result_clear(&result);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_in_prompt_pair_is_a_candidate_exactly_once),
        cmocka_unit_test(every_cross_prompt_pair_is_a_candidate_and_no_other),
        cmocka_unit_test(labelled_pairs_are_left_out_unless_the_request_includes_them),
        cmocka_unit_test(a_sample_has_the_requested_size_and_no_pair_twice),
        cmocka_unit_test(each_pair_of_uneven_prompts_is_drawn_as_often),
        cmocka_unit_test(prompts_and_responses_per_prompt_limit_the_sample),
        cmocka_unit_test(the_same_seed_gives_the_same_batch_and_another_seed_another_batch),
        cmocka_unit_test(explicit_pairs_mix_ids_and_inline_embeddings),
        cmocka_unit_test(pending_rows_count_like_the_same_pairs_by_their_ids),
        cmocka_unit_test(an_inline_item_scores_like_the_same_item_in_the_table),
        cmocka_unit_test(the_error_for_an_unknown_strategy_lists_the_known_ones),
        cmocka_unit_test(a_sample_has_a_largest_size_whatever_the_request_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
