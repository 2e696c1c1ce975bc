/* The last layer learns from answers as they come, without a training. */
#include "fixture.h"

#include <errno.h>
#include <fisher/refit.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tables.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)
FD_DEFINE_CLEANUP(fi_information, fi_information_free)
FD_DEFINE_CLEANUP(fi_factor, fi_factor_free)

enum { PROMPTS = 8, RESPONSES = 8, ITEMS = PROMPTS * RESPONSES, ANSWERS = 200, WIDEST = 16 };

/* ---- engines, and answers that are known ---- */

static fd_engine_options refit_options(fi_kind kind) {
    fd_engine_options options = fixture_options();
    options.refit = true;
    options.kind = kind;
    options.held_out_fraction = 0;
    return options;
}

struct known {
    size_t count;
    fi_pair pairs[ANSWERS];
    float targets[ANSWERS];
    bool held_out[ANSWERS];
};

static const char *id_of(uint32_t row) {
    return fixture_item_id(row / RESPONSES, row % RESPONSES);
}

/* Answers the next pairs up to the `last`-th as the first number of the embeddings has it, but each
 * fifth the other way round. */
static void answer_up_to(fd_engine *engine, struct known *known, size_t last, double held_out) {
    float embeddings[ITEMS * DIMENSION];
    fixture_embeddings(embeddings, ITEMS);
    for (size_t i = known->count; i < last; i++) {
        uint32_t a = (uint32_t)(i % ITEMS), b = (uint32_t)((i * 7 + 1 + i / ITEMS) % ITEMS);
        if (a == b)
            b = (b + 1) % ITEMS;
        bool first = embeddings[a * DIMENSION] > embeddings[b * DIMENSION];
        bool prefers_a = first != (i % 5 == 4);
        assert_int_equal(
            fixture_label(engine, i, id_of(a), id_of(b), prefers_a ? FD_PREFER_A : FD_PREFER_B), 0);
        known->pairs[i] = (fi_pair){a, b};
        known->targets[i] = prefers_a ? 1.0f : 0.0f;
        known->held_out[i] = fd_pair_is_held_out(id_of(a), id_of(b), held_out);
    }
    known->count = last;
}

/* Those of answers first to last - 1 that are not held out. */
static fi_answers learned(const struct known *known, size_t first, size_t last,
                          struct known *room) {
    room->count = 0;
    for (size_t i = first; i < last; i++)
        if (!known->held_out[i]) {
            room->pairs[room->count] = known->pairs[i];
            room->targets[room->count++] = known->targets[i];
        }
    return (fi_answers){room->count, room->pairs, room->targets};
}

static double score_of(fd_engine *engine, const char *id) {
    fd_item_reference reference = {.id = id};
    fd_score result;
    fd_fault fault = {0};
    uint64_t version;
    assert_int_equal(fd_engine_score(engine, &reference, 1, &result, &version, &fault), 0);
    return result.reward;
}

static void all_scores(fd_engine *engine, double *scores) {
    for (uint32_t i = 0; i < ITEMS; i++)
        scores[i] = score_of(engine, id_of(i));
}

static bool is_close(const double *x, const double *y, size_t n, double tolerance) {
    for (size_t i = 0; i < n; i++)
        if (fabs(x[i] - y[i]) > tolerance)
            return false;
    return true;
}

static bool prints(fd_engine *engine, const char *line) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    fd_metrics_print(fd_engine_metrics(engine), out);
    assert_int_equal(fclose(out), 0);
    bool found = strstr(text, line) != NULL;
    free(text);
    return found;
}

static void train(fd_engine *engine) {
    fd_fault fault = {0};
    assert_int_equal(fd_engine_train(engine, true, &fault), 0);
    fd_engine_wait_trained(engine);
    fd_engine_wait_refitted(engine);
}

/* What serves: its features of all items and its last layer. */
struct serving {
    size_t width;
    float features[ITEMS * WIDEST];
    float rewards[ITEMS];
    double beta[WIDEST];
    fd_model_row row;
};

static void copy_model(fd_engine *engine, uint64_t version, struct serving *ret) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    float embeddings[ITEMS * DIMENSION];
    fd_fault fault = {0};
    assert_int_equal(fd_engine_model_copy(engine, version, &ret->row, &model, &fault), 0);
    ret->width = fi_model_feature_count(model);
    assert_in_range(ret->width, 1, WIDEST);
    fixture_embeddings(embeddings, ITEMS);
    assert_int_equal(fi_model_features(model, ITEMS, embeddings, ret->features), 0);
    fi_model_rewards(model, ITEMS, ret->features, ret->rewards);
    fi_layer last = fi_model_layer(model, fi_model_shape(model)->hidden_layers);
    for (size_t j = 0; j < ret->width; j++)
        ret->beta[j] = (double)last.weights[j];
}

static fi_information *information_of(const struct serving *serving, const fi_answers *answers) {
    fi_information *information;
    assert_int_equal(fi_information_new(serving->width, &information), 0);
    fi_candidates pairs = {.n_items = ITEMS,
                           .n_features = serving->width,
                           .n_pairs = answers->count,
                           .features = serving->features,
                           .rewards = serving->rewards,
                           .pairs = answers->pairs};
    assert_int_equal(fi_information_add(information, &pairs), 0);
    return information;
}

/* ---- a linear model ---- */

static void an_answer_moves_the_rewards_of_its_items_without_a_training(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_AUTO);
    fd_store *store;
    assert_int_equal(fd_store_open_memory(&store), 0);
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 2, 4);
    double gap[3];
    for (size_t i = 0; i < 3; i++) {
        if (i > 0) {
            assert_int_equal(fixture_label(engine, i, "p0-r0", "p0-r1", FD_PREFER_A), 0);
            fd_engine_wait_refitted(engine);
        }
        gap[i] = score_of(engine, "p0-r0") - score_of(engine, "p0-r1");
        fd_model_info model = fixture_model(engine);
        assert_int_equal(model.version, 0);
        assert_int_equal(model.refits, i);
        assert_int_equal(model.labels_fitted, i);
    }
    assert_true(gap[1] > 0.01);
    assert_true(gap[2] > gap[1] + 0.01);
    assert_true(prints(engine, "fisherd_refits_total{result=\"published\"} 2\n"));
    assert_true(prints(engine, "fisherd_refit_seconds_count 2\n"));
    assert_true(prints(engine, "fisherd_label_to_model_seconds_count 2\n"));
    fd_engine_close(engine);
}

/* The second half of the answers comes after the training. */
static fd_engine *answered(const fd_engine_options *options, struct known *known) {
    fd_store *store;
    assert_int_equal(fd_store_open_memory(&store), 0);
    fd_engine *engine = fixture_open(options, store);
    fixture_add_items(engine, PROMPTS, RESPONSES);
    known->count = 0;
    answer_up_to(engine, known, ANSWERS / 2, options->held_out_fraction);
    train(engine);
    assert_int_equal(fixture_model(engine).version, 1);
    assert_int_equal(fixture_model(engine).refits, 0);
    answer_up_to(engine, known, ANSWERS, options->held_out_fraction);
    fd_engine_wait_refitted(engine);
    fd_model_info model = fixture_model(engine);
    assert_int_equal(model.version, 1);
    assert_true(model.refits > 0);
    assert_int_equal(model.labels_fitted, ANSWERS);
    return engine;
}

static void a_linear_model_is_fitted_to_all_answers_that_are_not_held_out(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    options.held_out_fraction = 0.3;
    options.prior_precision = 2.0;
    struct known known, room;
    fd_engine *engine = answered(&options, &known);

    struct serving serving;
    copy_model(engine, 0, &serving);
    fi_answers answers = learned(&known, 0, ANSWERS, &room);
    assert_in_range(answers.count, ANSWERS / 2, ANSWERS * 9 / 10);
    fi_refit_options refit = fi_refit_defaults();
    refit.prior_precision = 2.0;
    fi_refit_result result;
    double beta[WIDEST] = {0};
    assert_int_equal(
        fi_refit(ITEMS, serving.width, serving.features, &answers, &refit, beta, &result), 0);
    assert_true(is_close(beta, serving.beta, serving.width, 1e-6));
    fd_engine_close(engine);
}

static void its_prior_is_learned_again_and_the_information_follows_it(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    options.held_out_fraction = 0.3;
    struct known known, room;
    fd_engine *engine = answered(&options, &known);

    struct serving serving, trained;
    copy_model(engine, 0, &serving);
    copy_model(engine, 1, &trained);
    fi_answers answers = learned(&known, 0, ANSWERS, &room);
    fi_refit_options refit = fi_refit_defaults();
    refit.prior_precision = 0.0;
    double beta[WIDEST] = {0}, precision = 0.0;
    fi_refit_result result;
    assert_int_equal(fi_learn_linear(ITEMS, serving.width, serving.features, &answers, &refit, beta,
                                     &precision, &result),
                     0);
    assert_true(fabs(serving.row.prior_precision / precision - 1.0) < 2e-3);
    assert_true(fabs(trained.row.prior_precision / precision - 1.0) > 0.01);
    assert_true(is_close(beta, serving.beta, serving.width, 1e-3));

    FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
    fi_answers all = {known.count, known.pairs, known.targets};
    FD_CLEANUP(fi_information_freep) fi_information *past = information_of(&serving, &all);
    assert_int_equal(fi_factor_new(past, serving.row.prior_precision, &factor), 0);
    assert_true(fabs(fixture_model(engine).logdet - fi_factor_logdet(factor)) < 1e-6);
    fd_engine_close(engine);
}

static void held_out_answers_are_counted_but_not_learned_from(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    options.held_out_fraction = 1;
    fd_store *store;
    assert_int_equal(fd_store_open_memory(&store), 0);
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 2, 4);
    double before = score_of(engine, "p0-r0");
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    assert_true(score_of(engine, "p0-r0") == before);
    assert_int_equal(fixture_model(engine).labels_fitted, 1);
    fd_engine_close(engine);
}

static void a_correction_and_a_retraction_are_learned_at_once(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    fd_store *store;
    assert_int_equal(fd_store_open_memory(&store), 0);
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 2, 4);
    double before = score_of(engine, "p0-r0") - score_of(engine, "p0-r1");
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    assert_int_equal(fixture_revise(engine, 1, FD_PREFER_B), 0);
    fd_engine_wait_refitted(engine);
    assert_true(score_of(engine, "p0-r0") - score_of(engine, "p0-r1") < -0.01);
    assert_int_equal(fixture_revise(engine, 1, FD_PREFER_RETRACTED), 0);
    fd_engine_wait_refitted(engine);
    assert_int_equal(fixture_model(engine).labels_fitted, 0);
    double after = score_of(engine, "p0-r0") - score_of(engine, "p0-r1");
    assert_true(after == before);
    fd_engine_close(engine);
}

/* ---- a network ---- */

static void a_network_that_learned_nothing_waits_for_its_training(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_NETWORK);
    fd_store *store;
    assert_int_equal(fd_store_open_memory(&store), 0);
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 2, 4);
    double before = score_of(engine, "p0-r0");
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    assert_true(score_of(engine, "p0-r0") == before);
    assert_int_equal(fixture_model(engine).refits, 0);
    assert_int_equal(fixture_model(engine).labels_fitted, 0);
    fd_engine_close(engine);
}

static void what_a_network_was_trained_on_is_the_prior_of_the_fit_to_newer_answers(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_NETWORK);
    options.held_out_fraction = 0.3;
    struct known known, room;
    fd_engine *engine = answered(&options, &known);

    struct serving serving, trained;
    copy_model(engine, 0, &serving);
    copy_model(engine, 1, &trained);
    assert_true(serving.row.prior_precision == trained.row.prior_precision);
    fi_answers before = learned(&known, 0, ANSWERS / 2, &room);
    FD_CLEANUP(fi_information_freep) fi_information *past = information_of(&trained, &before);
    fi_answers after = learned(&known, ANSWERS / 2, ANSWERS, &room);
    fi_refit_options refit = fi_refit_defaults();
    refit.prior_precision = trained.row.prior_precision;
    refit.prior_mean = trained.beta;
    refit.prior_information = past;
    fi_refit_result result;
    double beta[WIDEST] = {0};
    assert_int_equal(
        fi_refit(ITEMS, trained.width, trained.features, &after, &refit, beta, &result), 0);
    assert_true(is_close(beta, serving.beta, serving.width, 1e-6));
    assert_false(is_close(beta, trained.beta, serving.width, 1e-3));
    fd_engine_close(engine);
}

static void a_training_is_not_refitted_without_newer_answers(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        fd_engine_options options = refit_options((fi_kind)kind);
        struct known known;
        fd_engine *engine = answered(&options, &known);
        train(engine);
        assert_int_equal(fixture_model(engine).version, 2);
        double before[ITEMS], after[ITEMS];
        all_scores(engine, before);
        fixture_add_items(engine, PROMPTS + 1, RESPONSES);
        fd_engine_wait_refitted(engine);
        all_scores(engine, after);
        assert_true(is_close(before, after, ITEMS, 0.0));
        assert_int_equal(fixture_model(engine).refits, 0);
        assert_int_equal(fixture_model(engine).labels_fitted, ANSWERS);
        fd_engine_close(engine);
    }
}

/* ---- beside other changes ---- */

static void without_the_option_only_trainings_change_the_model(void **state) {
    (void)state;
    fd_engine *engine = fixture_engine();
    fixture_add_items(engine, 2, 4);
    double before = score_of(engine, "p0-r0");
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    assert_true(score_of(engine, "p0-r0") == before);
    fd_engine_close(engine);
}

static void selections_follow_a_refit_at_once(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    fd_store *store;
    assert_int_equal(fd_store_open_memory(&store), 0);
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 2, 4);
    fd_pair_reference pair = {{.id = "p0-r0"}, {.id = "p0-r1"}};
    fd_selection_request request = {.batch_size = 1, .pairs = &pair, .n_pairs = 1};
    double p[2];
    for (size_t i = 0; i < 2; i++) {
        FD_CLEANUP(fd_selection_answer_clear) fd_selection_answer answer = {0};
        fd_fault fault = {0};
        assert_int_equal(fd_engine_select(engine, &request, &answer, &fault), 0);
        p[i] = answer.pairs[0].p;
        double gap = score_of(engine, "p0-r0") - score_of(engine, "p0-r1");
        assert_true(fabs(p[i] - 1.0 / (1.0 + exp(-gap))) < 1e-6);
        assert_int_equal(fixture_label(engine, i, "p0-r0", "p0-r1", FD_PREFER_B), 0);
        fd_engine_wait_refitted(engine);
    }
    assert_true(p[1] < p[0] - 0.01);
    fd_engine_close(engine);
}

static void items_that_come_after_a_refit_are_scored_by_it(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    struct known known;
    fd_engine *engine = answered(&options, &known);
    fixture_add_items(engine, PROMPTS + 2, RESPONSES);
    float embeddings[(ITEMS + 2 * RESPONSES) * DIMENSION];
    fixture_embeddings(embeddings, ITEMS + 2 * (size_t)RESPONSES);
    fd_item_reference inlined = {.embedding = embeddings + (ITEMS + 3) * DIMENSION,
                                 .dimension = DIMENSION};
    fd_score result;
    fd_fault fault = {0};
    uint64_t version;
    assert_int_equal(fd_engine_score(engine, &inlined, 1, &result, &version, &fault), 0);
    assert_true(fabs(result.reward - score_of(engine, fixture_item_id(PROMPTS, 3))) < 1e-5);
    fd_engine_close(engine);
}

static void a_model_made_anew_for_more_items_learns_the_answers_again(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    fd_store *store;
    assert_int_equal(fd_store_open_memory(&store), 0);
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 1, 4);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(fixture_label(engine, i, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    for (size_t prompts = 2; prompts <= 8; prompts *= 2) {
        fixture_add_items(engine, prompts, 4);
        fd_engine_wait_refitted(engine);
        fd_model_info model = fixture_model(engine);
        assert_int_equal(model.labels_fitted, 8);
        assert_int_equal(model.items, prompts * 4);
        assert_true(score_of(engine, "p0-r0") > score_of(engine, "p0-r1") + 0.1);
    }
    fd_engine_close(engine);
}

static void a_version_that_is_gone_back_to_is_refitted_from_its_own_training(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_NETWORK);
    struct known known;
    fd_fault fault = {0};
    fd_engine *engine = answered(&options, &known);
    double first[ITEMS], second[ITEMS], again[ITEMS];
    all_scores(engine, first);
    train(engine);
    all_scores(engine, second);
    assert_false(is_close(first, second, ITEMS, 1e-3));
    assert_int_equal(fd_engine_model_activate(engine, 1, &fault), 0);
    fd_engine_wait_refitted(engine);
    assert_int_equal(fixture_model(engine).version, 1);
    assert_int_equal(fixture_model(engine).refits, 1);
    all_scores(engine, again);
    assert_true(is_close(first, again, ITEMS, 1e-6));
    assert_int_equal(fd_engine_model_activate(engine, 2, &fault), 0);
    fd_engine_wait_refitted(engine);
    assert_int_equal(fixture_model(engine).refits, 0);
    all_scores(engine, again);
    assert_true(is_close(second, again, ITEMS, 1e-6));
    fd_engine_close(engine);
}

static void versions_that_change_while_answers_come_are_refitted_in_the_end(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        fd_engine_options options = refit_options((fi_kind)kind);
        struct known known;
        fd_fault fault = {0};
        fd_engine *engine = answered(&options, &known);
        train(engine);
        for (size_t i = 0; i < 100; i++) {
            assert_int_equal(fixture_label(engine, ANSWERS + i, "p0-r0", "p0-r1", FD_PREFER_A), 0);
            assert_int_equal(fd_engine_model_activate(engine, 1 + i % 2, &fault), 0);
        }
        fd_engine_wait_refitted(engine);
        fd_model_info model = fixture_model(engine);
        assert_int_equal(model.version, 2);
        assert_int_equal(model.labels_fitted, ANSWERS + 100);
        assert_false(prints(engine, "fisherd_store_failures_total"));
        assert_true(model.refits >= 1);
        fd_engine_close(engine);
    }
}

static void a_refit_that_cannot_be_published_leaves_the_model_as_it_was(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    fd_store *store = fixture_faulty_store();
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 2, 4);
    double before = score_of(engine, "p0-r0");
    fixture_fail_commit(store, 2, -EIO); /* the first is that of the label */
    assert_int_equal(fixture_label(engine, 1, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    assert_true(score_of(engine, "p0-r0") == before);
    assert_true(prints(engine, "fisherd_refits_total{result=\"failed\"} 1\n"));
    assert_int_equal(fixture_label(engine, 2, "p0-r0", "p0-r1", FD_PREFER_A), 0);
    fd_engine_wait_refitted(engine);
    assert_int_equal(fixture_model(engine).labels_fitted, 2);
    fd_engine_close(engine);
}

static void an_engine_can_be_closed_while_it_refits(void **state) {
    (void)state;
    fd_engine_options options = refit_options(FI_KIND_LINEAR);
    for (size_t run = 0; run < 30; run++) {
        fd_store *store;
        assert_int_equal(fd_store_open_memory(&store), 0);
        fd_engine *engine = fixture_open(&options, store);
        fixture_add_items(engine, 2, 4);
        for (size_t i = 0; i <= run % 5; i++)
            assert_int_equal(fixture_label(engine, i, "p0-r0", "p0-r1", FD_PREFER_A), 0);
        fd_engine_close(engine);
    }
}

static void the_same_rewards_serve_after_a_restart(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        FD_CLEANUP(desk_clear) struct desk desk;
        desk_prepare(&desk);
        desk.options = refit_options((fi_kind)kind);
        desk.options.held_out_fraction = 0.2;
        desk_start(&desk, PROMPTS, RESPONSES);
        struct known known = {0};
        double before[ITEMS], after[ITEMS];
        answer_up_to(desk.engine, &known, ANSWERS / 2, 0.2);
        assert_int_equal(fixture_label(desk.engine, ANSWERS, "p0-r0", "p1-r1", FD_PREFER_SKIP), 0);
        train(desk.engine);
        for (size_t last = ANSWERS / 2; last <= ANSWERS; last += ANSWERS / 4) {
            answer_up_to(desk.engine, &known, last, 0.2);
            assert_int_equal(
                fixture_label(desk.engine, 1000 + last, "p0-r0", "p1-r2", FD_PREFER_SKIP), 0);
            fd_engine_wait_refitted(desk.engine);
            all_scores(desk.engine, before);
            desk_reopen(&desk);
            fd_engine_wait_refitted(desk.engine);
            assert_int_equal(fixture_model(desk.engine).version, 1);
            assert_int_equal(fixture_model(desk.engine).labels_fitted, last);
            all_scores(desk.engine, after);
            assert_true(is_close(before, after, ITEMS, 1e-6));
        }
    }
}

static void answers_that_make_up_for_retracted_ones_are_fitted_after_a_restart_too(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    desk.options = refit_options(FI_KIND_NETWORK);
    fixture_use_clock(&desk.options, &desk.clock);
    desk_start(&desk, PROMPTS, RESPONSES);
    struct known known = {0};
    double before[ITEMS], after[ITEMS];
    answer_up_to(desk.engine, &known, 50, 0);
    train(desk.engine);
    fixture_pass(&desk.clock, 60);
    answer_up_to(desk.engine, &known, 70, 0);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(fixture_revise(desk.engine, i, FD_PREFER_RETRACTED), 0);
    fd_engine_wait_refitted(desk.engine);
    all_scores(desk.engine, before);
    desk_reopen(&desk);
    fd_engine_wait_refitted(desk.engine);
    all_scores(desk.engine, after);
    assert_true(is_close(before, after, ITEMS, 1e-6));
}

static void each_network_is_refitted_about_what_it_learned_itself(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    desk.options = refit_options(FI_KIND_NETWORK);
    desk_start(&desk, PROMPTS, RESPONSES);
    struct known known = {0};
    double before[ITEMS], after[ITEMS];
    for (size_t last = 50; last <= 150; last += 50) {
        answer_up_to(desk.engine, &known, last, 0);
        train(desk.engine);
        answer_up_to(desk.engine, &known, last + 20, 0);
        fd_engine_wait_refitted(desk.engine);
    }
    all_scores(desk.engine, before);
    desk_reopen(&desk); /* knows nothing of the networks before */
    fd_engine_wait_refitted(desk.engine);
    all_scores(desk.engine, after);
    assert_true(is_close(before, after, ITEMS, 1e-6));
}

/* ---- all at once ---- */

struct turmoil {
    fd_engine *engine;
    atomic_int failures; /* asserts belong to the main thread */
    atomic_bool over;
};

static void expect(struct turmoil *turmoil, int r) {
    if (r != 0)
        (void)atomic_fetch_add(&turmoil->failures, 1);
}

enum { TURMOIL_LABELS = 300, TURMOIL_PROMPTS = 60, TURMOIL_CHANGES = 20 };

static void *add_labels(void *context) {
    struct turmoil *turmoil = context;
    for (size_t i = 0; i < TURMOIL_LABELS; i++)
        expect(turmoil, fixture_label(turmoil->engine, i, id_of((uint32_t)i % ITEMS),
                                      id_of((uint32_t)(i * 5 + 1) % ITEMS), FD_PREFER_A));
    return NULL;
}

static void *add_items(void *context) {
    struct turmoil *turmoil = context;
    for (size_t i = PROMPTS; i <= TURMOIL_PROMPTS; i++)
        fixture_add_items(turmoil->engine, i, RESPONSES);
    return NULL;
}

static void *change_versions(void *context) {
    struct turmoil *turmoil = context;
    for (size_t i = 0; i < TURMOIL_CHANGES; i++) {
        fd_fault fault = {0};
        expect(turmoil, fd_engine_train(turmoil->engine, i % 2, &fault));
        fd_engine_wait_trained(turmoil->engine);
        expect(turmoil, fd_engine_model_activate(turmoil->engine, i / 2 + 1, &fault));
    }
    return NULL;
}

static void *select_pairs(void *context) {
    struct turmoil *turmoil = context;
    while (!atomic_load(&turmoil->over)) {
        FD_CLEANUP(fd_selection_answer_clear) fd_selection_answer answer = {0};
        fd_fault fault = {0};
        fd_selection_request request = fixture_request(4, FI_SCOPE_WITHIN, 1);
        request.generate.pairs = 50;
        expect(turmoil, fd_engine_select(turmoil->engine, &request, &answer, &fault));
    }
    return NULL;
}

/* The items of the table are scored as those that are in none. */
static void check_scores(fd_engine *engine) {
    size_t n = (size_t)TURMOIL_PROMPTS * RESPONSES;
    FD_FREE float *embeddings = calloc(n, DIMENSION * sizeof(float));
    assert_non_null(embeddings);
    fixture_embeddings(embeddings, n);
    for (size_t i = 0; i < n; i++) {
        fd_item_reference pair[2] = {
            {.embedding = embeddings + i * DIMENSION, .dimension = DIMENSION},
            {.id = fixture_item_id(i / RESPONSES, i % RESPONSES)},
        };
        fd_score scores[2];
        fd_fault fault = {0};
        uint64_t version;
        assert_int_equal(fd_engine_score(engine, pair, 2, scores, &version, &fault), 0);
        assert_true(fabs(scores[0].reward - scores[1].reward) < 1e-4);
    }
}

static void labels_items_trainings_versions_and_selections_may_come_at_once(void **state) {
    (void)state;
    for (int kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        fd_engine_options options = refit_options((fi_kind)kind);
        fd_store *store;
        assert_int_equal(fd_store_open_memory(&store), 0);
        struct turmoil turmoil = {.engine = fixture_open(&options, store)};
        fixture_add_items(turmoil.engine, PROMPTS, RESPONSES);
        assert_int_equal(
            fixture_label(turmoil.engine, TURMOIL_LABELS, "p0-r0", "p0-r1", FD_PREFER_A), 0);
        void *(*const runs[])(void *) = {add_labels, add_items, change_versions, select_pairs};
        pthread_t threads[FD_LENGTH(runs)];
        for (size_t i = 0; i < FD_LENGTH(runs); i++)
            assert_int_equal(pthread_create(&threads[i], NULL, runs[i], &turmoil), 0);
        for (size_t i = 0; i < FD_LENGTH(runs); i++) {
            if (i + 1 == FD_LENGTH(runs))
                atomic_store(&turmoil.over, true);
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
        fd_engine_wait_refitted(turmoil.engine);
        assert_int_equal(atomic_load(&turmoil.failures), 0);
        fd_model_info model = fixture_model(turmoil.engine);
        assert_int_equal(model.labels_fitted, TURMOIL_LABELS + 1);
        assert_int_equal(model.items, TURMOIL_PROMPTS * RESPONSES);
        assert_false(prints(turmoil.engine, "fisherd_store_failures_total"));
        check_scores(turmoil.engine);
        fd_engine_close(turmoil.engine);
    }
}

static void a_linear_model_knows_its_corrections_after_a_restart(void **state) {
    (void)state;
    FD_CLEANUP(desk_clear) struct desk desk;
    desk_prepare(&desk);
    desk.options = refit_options(FI_KIND_LINEAR);
    desk_start(&desk, PROMPTS, RESPONSES);
    struct known known = {0};
    double trained[ITEMS], before[ITEMS], after[ITEMS];
    answer_up_to(desk.engine, &known, 20, 0);
    train(desk.engine);
    all_scores(desk.engine, trained);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(
            fixture_revise(desk.engine, i, known.targets[i] > 0.5f ? FD_PREFER_B : FD_PREFER_A), 0);
    fd_engine_wait_refitted(desk.engine);
    all_scores(desk.engine, before);
    assert_false(is_close(trained, before, ITEMS, 1e-3));
    desk_reopen(&desk);
    fd_engine_wait_refitted(desk.engine);
    all_scores(desk.engine, after);
    assert_true(is_close(before, after, ITEMS, 1e-6));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_moves_the_rewards_of_its_items_without_a_training),
        cmocka_unit_test(a_linear_model_is_fitted_to_all_answers_that_are_not_held_out),
        cmocka_unit_test(its_prior_is_learned_again_and_the_information_follows_it),
        cmocka_unit_test(held_out_answers_are_counted_but_not_learned_from),
        cmocka_unit_test(a_correction_and_a_retraction_are_learned_at_once),
        cmocka_unit_test(a_network_that_learned_nothing_waits_for_its_training),
        cmocka_unit_test(what_a_network_was_trained_on_is_the_prior_of_the_fit_to_newer_answers),
        cmocka_unit_test(a_training_is_not_refitted_without_newer_answers),
        cmocka_unit_test(without_the_option_only_trainings_change_the_model),
        cmocka_unit_test(selections_follow_a_refit_at_once),
        cmocka_unit_test(items_that_come_after_a_refit_are_scored_by_it),
        cmocka_unit_test(a_model_made_anew_for_more_items_learns_the_answers_again),
        cmocka_unit_test(a_version_that_is_gone_back_to_is_refitted_from_its_own_training),
        cmocka_unit_test(versions_that_change_while_answers_come_are_refitted_in_the_end),
        cmocka_unit_test(a_refit_that_cannot_be_published_leaves_the_model_as_it_was),
        cmocka_unit_test(an_engine_can_be_closed_while_it_refits),
        cmocka_unit_test(the_same_rewards_serve_after_a_restart),
        cmocka_unit_test(answers_that_make_up_for_retracted_ones_are_fitted_after_a_restart_too),
        cmocka_unit_test(each_network_is_refitted_about_what_it_learned_itself),
        cmocka_unit_test(labels_items_trainings_versions_and_selections_may_come_at_once),
        cmocka_unit_test(a_linear_model_knows_its_corrections_after_a_restart),
    };
    return cmocka_run_group_tests_name("refit", tests, NULL, NULL);
}
