/* Tests of the slopes of annotators in the engine: what learns, what is told, what survives. */
#include "fixture.h"
#include "label_statistics.h"
#include "labels.h"
#include "memory_store.h"
#include "rng.h"
#include "score.h"
#include "sqlite_store.h"
#include "trainer.h"
#include "verify_models.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

enum { PROMPTS = 20, RESPONSES = 6, ITEMS = PROMPTS * RESPONSES, ANSWERS = 400, PEOPLE = 5 };

static const char *const names[PEOPLE] = {"anna", "bert", "cleo", "dora", "ivan"};

static fd_engine_options options_for(fi_kind kind) {
    fd_engine_options options = fixture_options();
    options.kind = kind;
    options.refit = true;
    return options;
}

static void answer_as(fd_engine *engine, size_t number, const char *annotator, fi_pair pair,
                      fd_preference preference) {
    char id[32];
    fd_fault fault = {0};
    fd_added added;
    (void)snprintf(id, sizeof(id), "l%zu", number);
    fd_label label = {.id = id,
                      .a = fixture_item_id(pair.a / RESPONSES, pair.a % RESPONSES),
                      .b = fixture_item_id(pair.b / RESPONSES, pair.b % RESPONSES),
                      .preference = preference,
                      .annotator = annotator,
                      .duration_ms = -1};
    assert_int_equal(fd_engine_labels_add(engine, &label, 1, &added, &fault), 0);
}

/* Answers by the first two numbers of the embeddings; ivan, if `bad`, the wrong way round. */
static void answer_all(fd_engine *engine, size_t first, size_t last, bool bad) {
    float embeddings[ITEMS * DIMENSION];
    fixture_embeddings(embeddings, ITEMS);
    for (size_t i = first; i < last; i++) {
        fd_rng rng = fd_rng_seeded(1000 + i);
        uint32_t base = (uint32_t)fd_rng_below(&rng, PROMPTS) * RESPONSES;
        uint32_t a = (uint32_t)fd_rng_below(&rng, RESPONSES);
        uint32_t b = (a + 1 + (uint32_t)fd_rng_below(&rng, RESPONSES - 1)) % RESPONSES;
        const float *x = embeddings + (base + a) * DIMENSION,
                    *y = embeddings + (base + b) * DIMENSION;
        double logit = 3.0 * (double)(x[0] - y[0]) - 2.0 * (double)(x[1] - y[1]);
        size_t who = i % PEOPLE;
        if (bad && who == PEOPLE - 1)
            logit = -logit;
        bool prefers_a = fd_rng_uniform(&rng) < 1.0 / (1.0 + exp(-logit));
        answer_as(engine, i, names[who], (fi_pair){base + a, base + b},
                  prefers_a ? FD_PREFER_A : FD_PREFER_B);
    }
}

/* x of each name, in the order of `names`; NaN: not estimated. */
static void read_slopes(fd_engine *engine, double slopes[PEOPLE], double stddevs[PEOPLE]) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(engine);
    assert_int_equal(stats.n_annotators, PEOPLE);
    for (size_t i = 0; i < stats.n_annotators; i++)
        for (size_t w = 0; w < PEOPLE; w++)
            if (strcmp(stats.annotators[i].name, names[w]) == 0) {
                slopes[w] = stats.annotators[i].reliability;
                stddevs[w] = stats.annotators[i].reliability_stddev;
            }
}

static double score_of(fd_engine *engine, uint32_t row) {
    fd_item_reference reference = {.id = fixture_item_id(row / RESPONSES, row % RESPONSES)};
    fd_score result;
    fd_fault fault = {0};
    uint64_t version;
    assert_int_equal(fd_engine_score(engine, &reference, 1, &result, &version, &fault), 0);
    return result.reward;
}

/* How well the scores follow the truth. */
static double agreement(fd_engine *engine) {
    float embeddings[ITEMS * DIMENSION];
    double xy = 0.0, xx = 0.0, yy = 0.0;
    fixture_embeddings(embeddings, ITEMS);
    for (uint32_t i = 0; i < ITEMS; i += RESPONSES)
        for (uint32_t j = i + 1; j < i + RESPONSES; j++) {
            const float *x = embeddings + i * DIMENSION, *y = embeddings + j * DIMENSION;
            double truth = 3.0 * (double)(x[0] - y[0]) - 2.0 * (double)(x[1] - y[1]);
            double found = score_of(engine, i) - score_of(engine, j);
            xy += truth * found;
            xx += truth * truth;
            yy += found * found;
        }
    return xy / sqrt(xx * yy);
}

static double slopes_after(fi_kind kind, bool bad, double slopes[PEOPLE], double stddevs[PEOPLE]) {
    fd_engine_options options = options_for(kind);
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, PROMPTS, RESPONSES);
    answer_all(engine, 0, ANSWERS, bad);
    read_slopes(engine, slopes, stddevs);
    assert_true(isnan(slopes[0]));
    (void)fixture_train(engine);
    read_slopes(engine, slopes, stddevs);
    double found = agreement(engine);
    fd_engine_close(engine);
    return found;
}

static void a_training_tells_the_one_who_answers_the_wrong_way_round(void **state) {
    (void)state;
    double slopes[PEOPLE], stddevs[PEOPLE];
    for (fi_kind kind = FI_KIND_AUTO; kind <= FI_KIND_NETWORK; kind++) {
        double found = slopes_after(kind, true, slopes, stddevs);
        assert_true(slopes[4] < 0.0 && stddevs[4] > 0.0 && stddevs[4] < 0.7);
        for (size_t w = 0; w < 4; w++)
            assert_true(slopes[w] > 0.5 && stddevs[w] > 0.0);
        assert_true(found > 0.8);
    }
}

static void honest_annotators_have_slopes_near_1(void **state) {
    (void)state;
    double slopes[PEOPLE], stddevs[PEOPLE];
    (void)slopes_after(FI_KIND_LINEAR, false, slopes, stddevs);
    for (size_t w = 0; w < PEOPLE; w++)
        assert_true(slopes[w] > 0.5 && slopes[w] < 1.7);
}

static void with_one_annotator_nothing_is_estimated(void **state) {
    (void)state;
    fd_engine_options options = options_for(FI_KIND_LINEAR);
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, PROMPTS, RESPONSES);
    for (size_t i = 0; i < 60; i++)
        answer_as(engine, i, "anna", (fi_pair){(uint32_t)i, (uint32_t)(i + 1)},
                  i % 3 ? FD_PREFER_A : FD_PREFER_B);
    (void)fixture_train(engine);
    FD_CLEANUP(fd_stats_clear) fd_stats stats = fixture_stats(engine);
    assert_int_equal(stats.n_annotators, 1);
    assert_true(isnan(stats.annotators[0].reliability));
    fd_engine_close(engine);
}

/* Who always takes the left response pulls the side, also where a client names the right one first.
 */
static void sides_are_those_of_the_screen_whichever_item_a_label_names_first(void **state) {
    (void)state;
    fd_engine_options options = options_for(FI_KIND_LINEAR);
    for (int swaps = 0; swaps < 2; swaps++) {
        fd_engine *engine = fixture_memory(&options);
        fixture_add_items(engine, PROMPTS, RESPONSES);
        fixture_wait_ready(engine, 1, 0);
        for (size_t i = 0; i < 60; i++) {
            fixture_given given = fixture_assign_one(engine, "anna");
            if (swaps) {
                char left[32];
                memcpy(left, given.a, sizeof(left));
                memcpy(given.a, given.b, sizeof(left));
                memcpy(given.b, left, sizeof(left));
            }
            assert_int_equal(
                fixture_answer(engine, i, "anna", &given, swaps ? FD_PREFER_B : FD_PREFER_A), 0);
        }
        (void)fixture_train(engine);
        FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
        fd_model_row row;
        fd_fault fault = {0};
        assert_int_equal(fd_engine_model_copy(engine, 0, &row, &model, &fault), 0);
        const fi_last_layer *layer = fi_model_last_layer(model);
        assert_true(layer->side > 2.0 * layer->side_stddev);
        fd_engine_close(engine);
    }
}

/* Among the answers after the training, all are ivan's: taken at their word they spoil the rewards.
 */
static void a_refit_counts_new_answers_by_the_slopes_of_the_training(void **state) {
    (void)state;
    fd_engine_options options = options_for(FI_KIND_LINEAR);
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, PROMPTS, RESPONSES);
    answer_all(engine, 0, ANSWERS, true);
    (void)fixture_train(engine);
    double before = agreement(engine);
    for (size_t i = ANSWERS; i < (size_t)8 * ANSWERS; i++)
        if (i % PEOPLE == PEOPLE - 1)
            answer_all(engine, i, i + 1, true);
    fd_engine_wait_refitted(engine);
    assert_true(fixture_model(engine).refits > 0);
    assert_true(agreement(engine) > before - 0.01);
    fd_engine_close(engine);
}

static int count_finding(void *context, const char *finding) {
    (void)fprintf(stderr, "%s\n", finding);
    ++*(size_t *)context;
    return 0;
}

/* Before the restart somebody who never answers has the number of the first annotator. */
static void slopes_and_scores_survive_a_restart(void **state) {
    (void)state;
    char path[] = "/tmp/reliabilities-XXXXXX";
    assert_non_null(mkdtemp(path));
    char file[64];
    (void)snprintf(file, sizeof(file), "%s/test.db", path);
    fd_engine_options options = options_for(FI_KIND_LINEAR);
    fd_fault fault = {0};
    fd_store *store;
    double slopes[PEOPLE], stddevs[PEOPLE], after[PEOPLE], stddevs_after[PEOPLE], scores[ITEMS];
    assert_int_equal(fd_store_open_sqlite(file, &store, &fault), 0);
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, PROMPTS, RESPONSES);
    fixture_wait_ready(engine, 1, 0);
    (void)fixture_assign_one(engine, "zoe");
    answer_all(engine, 0, ANSWERS / 2, true);
    (void)fixture_train(engine);
    answer_all(engine, ANSWERS / 2, ANSWERS, true);
    fd_engine_wait_refitted(engine);
    read_slopes(engine, slopes, stddevs);
    fd_model_info model = fixture_model(engine);
    for (uint32_t i = 0; i < ITEMS; i++)
        scores[i] = score_of(engine, i);
    fd_engine_close(engine);

    size_t findings = 0;
    assert_int_equal(fd_store_open_sqlite(file, &store, &fault), 0);
    assert_int_equal(fd_engine_verify(store, count_finding, count_finding, &findings), 0);
    assert_int_equal(findings, 0);
    engine = fixture_open(&options, store);
    fd_engine_wait_refitted(engine);
    read_slopes(engine, after, stddevs_after);
    assert_true(slopes[4] < 0.5);
    for (size_t w = 0; w < PEOPLE; w++) {
        assert_true(after[w] == slopes[w] && stddevs_after[w] == stddevs[w]);
    }
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_true(fabs(score_of(engine, i) - scores[i]) < 1e-5);
    assert_true(fabs(fixture_model(engine).logdet - model.logdet) < 1e-6 * fabs(model.logdet));
    fd_engine_close(engine);
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -r %s", path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_tells_the_one_who_answers_the_wrong_way_round),
        cmocka_unit_test(honest_annotators_have_slopes_near_1),
        cmocka_unit_test(with_one_annotator_nothing_is_estimated),
        cmocka_unit_test(sides_are_those_of_the_screen_whichever_item_a_label_names_first),
        cmocka_unit_test(a_refit_counts_new_answers_by_the_slopes_of_the_training),
        cmocka_unit_test(slopes_and_scores_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
