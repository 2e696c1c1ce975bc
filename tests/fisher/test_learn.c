/* Tests of the choice of the kind, of folds, and of networks that continue. */
#include <errno.h>

#include "folds.h"
#include "learn_world.h"

/* ---- the choice of the kind ---- */

static void a_linear_truth_gets_a_linear_model(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        WORLD from = world_new(seed, 300, 12, 600, along_the_axes);
        fi_learn_options options = options_for(&from, FI_KIND_AUTO);
        LEARNED learned = learn(&from, &options);
        assert_false(is_network(&learned));
        assert_false(learned.went_on);
        assert_true(fresh_fit(&from, learned.model).loss < true_fit(&from).loss + 0.03);
        assert_true(learned.linear_loss < learned.network_loss + learned.loss_error);
    }
}

static void a_nonlinear_truth_gets_a_network(void **state) {
    (void)state;
    truth *const truths[] = {wave, exclusive_or};
    for (uint64_t i = 0; i < 4; i++) {
        WORLD from = world_new(i, 300, 2, 400, truths[i % 2]);
        fi_learn_options options = options_for(&from, FI_KIND_AUTO);
        options.train.learning_rate = 1e-2;
        LEARNED learned = learn(&from, &options);
        assert_true(is_network(&learned));
        assert_true(learned.iterations > 0);
        assert_true(learned.network_loss < learned.linear_loss - learned.loss_error);
        fi_fit fit = fresh_fit(&from, learned.model), best = true_fit(&from);
        assert_true(fit.loss < best.loss + 0.1);
        assert_true(fit.accuracy > best.accuracy - 0.06);
    }
}

static void few_answers_get_a_linear_model(void **state) {
    (void)state;
    for (size_t count = 1; count < 8; count++) {
        WORLD from = world_new(count, 20, 2, count, exclusive_or);
        fi_learn_options options = options_for(&from, FI_KIND_AUTO);
        LEARNED learned = learn(&from, &options);
        assert_false(is_network(&learned));
        assert_int_equal(learned.tried, 0);
        assert_true(isnan(learned.linear_loss) && isnan(learned.network_loss));
    }
}

static void a_network_that_diverges_loses(void **state) {
    (void)state;
    WORLD from = world_new(1, 100, 2, 400, exclusive_or);
    fi_learn_options options = options_for(&from, FI_KIND_AUTO);
    options.train.learning_rate = 1e6;
    LEARNED learned = learn(&from, &options);
    assert_false(is_network(&learned));
    assert_true(isnan(learned.network_loss));
    assert_true(learned.linear_loss > 0.0);
    assert_true(learned.tried >= 200);

    fi_learned untouched = {.iterations = 77};
    for (uint32_t patience = 0; patience < 2; patience++) {
        options.kind = FI_KIND_NETWORK;
        options.train.patience = patience;
        assert_int_equal(fi_learn(from.n_items, from.items, NULL, &from.answers, NULL, NULL,
                                  &options, &untouched),
                         -EDOM);
        assert_int_equal(untouched.iterations, 77);
    }
}

static void a_requested_kind_does_not_compete(void **state) {
    (void)state;
    WORLD bent = world_new(2, 100, 2, 300, exclusive_or);
    fi_learn_options options = options_for(&bent, FI_KIND_LINEAR);
    LEARNED linear = learn(&bent, &options);
    assert_false(is_network(&linear));
    assert_int_equal(linear.tried, 0);

    WORLD straight = world_new(2, 100, 4, 300, along_the_axes);
    options = options_for(&straight, FI_KIND_NETWORK);
    LEARNED network = learn(&straight, &options);
    assert_true(is_network(&network));
    assert_true(network.tried >= 200);
    assert_true(network.network_loss < 0.69);
    assert_true(isnan(network.linear_loss) && isnan(network.loss_error));
    assert_true(network.iterations < options.train.iterations);

    options.train.patience = 0;
    LEARNED patient = learn(&straight, &options);
    assert_int_equal(patient.tried, 0);
    assert_int_equal(patient.iterations, options.train.iterations);

    options.shape.hidden_layers = 0;
    LEARNED layerless = learn(&straight, &options);
    assert_false(is_network(&layerless));
}

static void a_network_that_competes_without_patience_takes_all_its_steps(void **state) {
    (void)state;
    WORLD from = world_new(5, 300, 2, 400, exclusive_or);
    fi_learn_options options = options_for(&from, FI_KIND_AUTO);
    options.train.learning_rate = 3e-2;
    options.train.iterations = 250;
    LEARNED stopped = learn(&from, &options);
    assert_true(stopped.iterations < 250);
    options.train.patience = 0;
    LEARNED learned = learn(&from, &options);
    assert_true(is_network(&learned));
    assert_int_equal(learned.iterations, 250);
    assert_true(learned.network_loss > stopped.network_loss);
}

static void a_given_precision_is_used(void **state) {
    (void)state;
    WORLD from = world_new(2, 100, 4, 60, along_the_axes);
    for (fi_kind kind = FI_KIND_AUTO; kind <= FI_KIND_NETWORK; kind++) {
        fi_learn_options options = options_for(&from, kind);
        options.prior_precision = 12.5;
        LEARNED learned = learn(&from, &options);
        assert_true(learned.prior_precision == 12.5);
    }
}

static void the_last_layer_of_a_network_is_fitted_like_that_of_a_linear_model(void **state) {
    (void)state;
    WORLD from = world_new(2, 100, 4, 300, along_the_axes);
    for (fi_kind kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        fi_learn_options options = options_for(&from, kind);
        LEARNED learned = learn(&from, &options);
        const fi_last_layer *kept = fi_model_last_layer(learned.model);
        FD_CLEANUP(fi_last_layer_freep)
        fi_last_layer *layer = refit_of(&from, learned.model, &options, NULL);
        fi_layer beta = fi_model_layer(learned.model, is_network(&learned));
        assert_non_null(kept);
        assert_near(learned.prior_precision, layer->precisions[0], 1e-4 * layer->precisions[0]);
        assert_near(kept->design_effect, layer->design_effect, 1e-6);
        for (size_t j = 0; j < beta.inputs; j++) {
            assert_near((double)beta.weights[j], layer->beta[j], 1e-4);
            assert_true(beta.weights[j] == (float)kept->beta[j]);
        }
    }
}

/* ---- folds ---- */

enum { PAIRS = 4000 };

static void a_pair_is_in_the_same_fold_whichever_side_comes_first(void **state) {
    (void)state;
    fd_rng rng = fd_rng_seeded(1);
    size_t sizes[FI_FOLDS] = {0};
    static fi_pair pairs[PAIRS], turned[PAIRS];
    uint8_t folds[PAIRS], turned_folds[PAIRS];
    for (size_t i = 0; i < PAIRS; i++) {
        pairs[i] =
            (fi_pair){(uint32_t)fd_rng_below(&rng, UINT32_MAX), (uint32_t)fd_rng_below(&rng, 1000)};
        turned[i] = (fi_pair){pairs[i].b, pairs[i].a};
    }
    assert_int_equal(fi_folds_assign(&(fi_answers){.count = PAIRS, .pairs = pairs}, folds), 0);
    assert_int_equal(fi_folds_assign(&(fi_answers){.count = PAIRS, .pairs = turned}, turned_folds),
                     0);
    assert_memory_equal(folds, turned_folds, sizeof(folds));
    for (size_t i = 0; i < PAIRS; i++) {
        assert_true(folds[i] < FI_FOLDS);
        sizes[folds[i]]++;
    }
    for (size_t i = 0; i < FI_FOLDS; i++)
        assert_near((double)sizes[i], (double)PAIRS / FI_FOLDS, 120.0);
}

/* Ten clusters are enough. With fewer, the pairs are the clusters. */
static void folds_keep_clusters_together_if_there_are_enough(void **state) {
    (void)state;
    WORLD from = world_new(1, 40, 1, 600, nothing);
    uint32_t clusters[600];
    uint8_t folds[600], by_pair[600];
    assert_int_equal(fi_folds_assign(&from.answers, by_pair), 0);
    from.answers.clusters = clusters;
    for (uint32_t n = 9; n <= 60; n++) {
        uint8_t of_cluster[60];
        size_t sizes[FI_FOLDS] = {0}, split = 0;
        for (size_t i = 0; i < 600; i++)
            clusters[i] = (uint32_t)(i % n) * 1000003u;
        assert_int_equal(fi_folds_assign(&from.answers, folds), 0);
        for (size_t i = 0; i < n; i++)
            of_cluster[i] = folds[i];
        for (size_t i = 0; i < 600; i++) {
            split += folds[i] != of_cluster[i % n];
            sizes[folds[i]]++;
        }
        assert_int_equal(split == 0, n >= 10);
        if (n == 9)
            assert_memory_equal(folds, by_pair, sizeof(folds));
        for (size_t i = 0; n == 60 && i < FI_FOLDS; i++)
            assert_true(sizes[i] > 0);
    }
}

static void a_fold_and_the_others_have_each_answer_once(void **state) {
    (void)state;
    WORLD from = world_new(1, 15, 1, 300, nothing);
    uint8_t folds[300];
    float sides[300], reliabilities[300];
    uint32_t clusters[300];
    assert_int_equal(fi_folds_assign(&from.answers, folds), 0);
    for (size_t i = 0; i < 300; i++) {
        from.targets[i] = (float)i / 300.0f; /* identifies the answer */
        sides[i] = (float)(i % 3) - 1.0f;
        reliabilities[i] = (float)i;
        clusters[i] = (uint32_t)i / 7;
    }
    fi_answers answers = from.answers;
    answers.sides = sides;
    answers.reliabilities = reliabilities;
    answers.clusters = clusters;
    for (uint8_t fold = 0; fold < FI_FOLDS; fold++) {
        bool seen[300] = {false};
        for (int inside = 0; inside < 2; inside++) {
            FD_CLEANUP(fi_part_clear) fi_part part = {0};
            assert_int_equal(fi_part_init(&part, &answers, folds, fold, inside), 0);
            for (size_t i = 0; i < part.answers.count; i++) {
                size_t which = (size_t)lrintf(part.answers.targets[i] * 300.0f);
                assert_false(seen[which]);
                seen[which] = true;
                assert_int_equal(part.indices[i], which);
                assert_memory_equal(&part.answers.pairs[i], &from.pairs[which], sizeof(fi_pair));
                assert_true(part.answers.sides[i] == sides[which]);
                assert_true(part.answers.reliabilities[i] == reliabilities[which]);
                assert_int_equal(part.answers.clusters[i], clusters[which]);
                assert_int_equal(folds[which] == fold, inside);
            }
        }
        for (size_t i = 0; i < 300; i++)
            assert_true(seen[i]);
    }
}

static void folds_are_tried_until_200_answers_were(void **state) {
    (void)state;
    const size_t counts[] = {8, 100, 230, 350, 500, 790, 1200};
    for (size_t c = 0; c < FD_LENGTH(counts); c++) {
        WORLD from = world_new(c, 400, 2, counts[c], along_the_axes);
        fi_learn_options options = options_for(&from, FI_KIND_AUTO);
        options.train.iterations = 3;
        size_t expected = 0;
        uint8_t folds[1200];
        assert_int_equal(fi_folds_assign(&from.answers, folds), 0);
        for (uint8_t fold = 0; fold < FI_FOLDS && expected < 200; fold++)
            for (size_t i = 0; i < counts[c]; i++)
                expected += folds[i] == fold;
        LEARNED learned = learn(&from, &options);
        assert_int_equal(learned.tried, expected);
    }
}

/* Only a model that saw the other answers to a pair can predict this one. */
static void no_answer_is_in_the_training_that_it_tests(void **state) {
    (void)state;
    WORLD from = world_new(8, 60, 8, 600, nothing);
    for (size_t i = 0; i < 600; i++) {
        uint32_t pair = (uint32_t)(i % 30);
        bool swapped = i % 60 < 30;
        from.pairs[i] = (fi_pair){2 * pair + swapped, 2 * pair + !swapped};
        from.targets[i] = (pair * 7 % 3 == 1) == swapped ? 1.0f : 0.0f;
    }
    fi_learn_options options = options_for(&from, FI_KIND_AUTO);
    options.train.learning_rate = 1e-2;
    LEARNED learned = learn(&from, &options);
    assert_true(learned.linear_loss > 0.6);
    assert_true(learned.network_loss > 0.6);
}

/* ---- networks that continue ---- */

/* A network from the first 300 of 400 answers. */
static fi_learned first_network(const world *from, const fi_learn_options *options) {
    world part = *from;
    part.answers.count = 300;
    return learn(&part, options);
}

static void what_a_network_continues_from_has_no_part_in_the_trials(void **state) {
    (void)state;
    WORLD from = world_new(4, 200, 2, 400, exclusive_or);
    fi_learn_options options = options_for(&from, FI_KIND_NETWORK);
    options.train.learning_rate = 3e-3;
    options.cross_fits = true;
    LEARNED start = first_network(&from, &options);
    LEARNED fresh = learn(&from, &options), learned = {0};
    assert_int_equal(fi_learn(from.n_items, from.items, NULL, &from.answers, NULL, start.model,
                              &options, &learned),
                     0);
    assert_true(learned.went_on && !fresh.went_on);
    assert_int_equal(learned.iterations, fresh.iterations);
    assert_int_equal(learned.tried, fresh.tried);
    assert_true(learned.network_loss == fresh.network_loss);
    assert_memory_equal(learned.cross_fitted, fresh.cross_fitted,
                        from.answers.count * sizeof(double));
}

static void a_network_that_continues_starts_halfway_to_fresh_weights(void **state) {
    (void)state;
    WORLD from = world_new(4, 200, 2, 400, exclusive_or);
    fi_learn_options options = options_for(&from, FI_KIND_NETWORK);
    LEARNED start = first_network(&from, &options);
    options.train.learning_rate = 0.0;
    options.train.patience = 0;
    options.train.iterations = 1;
    LEARNED fresh = learn(&from, &options);
    LEARNED learned = {0};
    assert_int_equal(fi_learn(from.n_items, from.items, NULL, &from.answers, NULL, start.model,
                              &options, &learned),
                     0);
    size_t count;
    const float *one = fi_model_parameters(start.model, &count);
    const float *other = fi_model_parameters(fresh.model, &count);
    const float *halfway = fi_model_parameters(learned.model, &count);
    count -= fi_model_feature_count(learned.model); /* the last layer is fitted */
    for (size_t i = 0; i < count; i++)
        assert_near((double)halfway[i], ((double)one[i] + (double)other[i]) / 2.0, 1e-7);
}

static void a_network_that_continues_keeps_its_inputs_and_competes(void **state) {
    (void)state;
    WORLD bent = world_new(4, 200, 2, 400, exclusive_or);
    WORLD straight = world_new(4, 200, 2, 400, along_the_axes);
    for (size_t i = 0; i < bent.n_items * 2; i++)
        bent.items[i] *= 1.5f;
    fi_learn_options options = options_for(&bent, FI_KIND_NETWORK);
    options.train.learning_rate = 1e-2;
    LEARNED start = first_network(&bent, &options);
    const world *worlds[] = {&bent, &straight};
    options.kind = FI_KIND_AUTO;
    for (size_t i = 0; i < 2; i++) {
        LEARNED learned = {0};
        assert_int_equal(fi_learn(200, worlds[i]->items, NULL, &worlds[i]->answers, NULL,
                                  start.model, &options, &learned),
                         0);
        assert_int_equal(is_network(&learned), i == 0);
        assert_int_equal(learned.went_on, i == 0);
        assert_memory_equal(fi_model_inputs(learned.model).mean, fi_model_inputs(start.model).mean,
                            2 * sizeof(double));
        if (is_network(&learned))
            continue;
        fi_learn_options linear = options_for(&straight, FI_KIND_LINEAR);
        LEARNED without = {0};
        assert_int_equal(fi_learn(200, straight.items, NULL, &straight.answers, start.model, NULL,
                                  &linear, &without),
                         0);
        assert_same_parameters(learned.model, without.model);
    }
}

static void no_network_continues_from_another_shape(void **state) {
    (void)state;
    WORLD from = world_new(4, 200, 2, 400, exclusive_or);
    fi_learn_options options = options_for(&from, FI_KIND_NETWORK);
    options.train.iterations = 30;
    LEARNED start = first_network(&from, &options);
    options.shape.hidden_width = 32;
    LEARNED narrow = {0};
    assert_int_equal(fi_learn(from.n_items, from.items, NULL, &from.answers, NULL, start.model,
                              &options, &narrow),
                     0);
    assert_false(narrow.went_on);
    LEARNED scratch = learn(&from, &options);
    assert_same_parameters(narrow.model, scratch.model);
}

/* ---- repeated results ---- */

static void given_inputs_are_copied_exactly(void **state) {
    (void)state;
    WORLD from = world_new(6, 100, 6, 200, along_the_axes);
    WORLD other = world_new(7, 50, 6, 1, nothing);
    fi_shape shape = {.inputs = 6, .components = 3, .hidden_layers = 0, .hidden_width = 0};
    FD_CLEANUP(fi_model_freep) fi_model *inputs = NULL;
    assert_int_equal(fi_model_new(&shape, 1, &inputs), 0);
    assert_int_equal(fi_model_fit_inputs(inputs, other.n_items, other.items), 0);
    for (fi_kind kind = FI_KIND_LINEAR; kind <= FI_KIND_NETWORK; kind++) {
        fi_learn_options options = options_for(&from, kind);
        options.train.iterations = 5;
        for (uint32_t components = 2; components <= 3; components++) {
            options.shape.components = components;
            LEARNED learned = {0};
            assert_int_equal(fi_learn(from.n_items, from.items, NULL, &from.answers, inputs, NULL,
                                      &options, &learned),
                             0);
            fi_inputs given = fi_model_inputs(inputs), taken = fi_model_inputs(learned.model);
            bool same = memcmp(given.mean, taken.mean, 6 * sizeof(double)) == 0 &&
                        memcmp(given.scale, taken.scale, 6 * sizeof(float)) == 0;
            assert_int_equal(same, components == 3);
            if (same)
                assert_memory_equal(given.projection, taken.projection, 18 * sizeof(float));
        }
    }
}

static void the_same_seed_gives_the_same_model(void **state) {
    (void)state;
    WORLD from = world_new(6, 200, 2, 400, exclusive_or);
    fi_learn_options options = options_for(&from, FI_KIND_AUTO);
    options.train.learning_rate = 1e-2;
    LEARNED one = learn(&from, &options);
    LEARNED same = learn(&from, &options);
    assert_true(is_network(&one));
    assert_same_parameters(one.model, same.model);
    assert_int_equal(one.iterations, same.iterations);
    assert_true(one.network_loss == same.network_loss);
    options.train.seed = 99;
    LEARNED still = learn(&from, &options);
    assert_same_parameters(one.model, still.model);
    options.seed++;
    LEARNED other = learn(&from, &options);
    assert_true(one.network_loss != other.network_loss);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_linear_truth_gets_a_linear_model),
        cmocka_unit_test(a_nonlinear_truth_gets_a_network),
        cmocka_unit_test(few_answers_get_a_linear_model),
        cmocka_unit_test(a_network_that_diverges_loses),
        cmocka_unit_test(a_requested_kind_does_not_compete),
        cmocka_unit_test(a_network_that_competes_without_patience_takes_all_its_steps),
        cmocka_unit_test(a_given_precision_is_used),
        cmocka_unit_test(the_last_layer_of_a_network_is_fitted_like_that_of_a_linear_model),
        cmocka_unit_test(a_pair_is_in_the_same_fold_whichever_side_comes_first),
        cmocka_unit_test(folds_keep_clusters_together_if_there_are_enough),
        cmocka_unit_test(a_fold_and_the_others_have_each_answer_once),
        cmocka_unit_test(folds_are_tried_until_200_answers_were),
        cmocka_unit_test(no_answer_is_in_the_training_that_it_tests),
        cmocka_unit_test(what_a_network_continues_from_has_no_part_in_the_trials),
        cmocka_unit_test(a_network_that_continues_starts_halfway_to_fresh_weights),
        cmocka_unit_test(a_network_that_continues_keeps_its_inputs_and_competes),
        cmocka_unit_test(no_network_continues_from_another_shape),
        cmocka_unit_test(given_inputs_are_copied_exactly),
        cmocka_unit_test(the_same_seed_gives_the_same_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
