/* The engine's defaults are the same on the command line and in fd_engine_defaults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine.h"
#include "options_for_engine.h"

static fd_options read_options(int argc, char **argv) {
    fd_options options = {0};
    fd_fault fault = {0};
    assert_int_equal(fd_options_read(argc, argv, &options, &fault), 0);
    return options;
}

static void assert_same_training(const fi_train_options *one, const fi_train_options *other) {
    assert_true(one->learning_rate == other->learning_rate);
    assert_true(one->weight_decay == other->weight_decay);
    assert_int_equal(one->iterations, other->iterations);
    assert_int_equal(one->batch_size, other->batch_size);
    assert_int_equal(one->patience, other->patience);
}

static void an_engine_without_options_has_the_defaults_of_the_command_line(void **state) {
    (void)state;
    FD_CLEANUP(fd_options_clear) fd_options options = read_options(0, NULL);
    fd_engine_options read = fd_options_engine(&options), defaults = fd_engine_defaults();
    assert_int_equal(read.kind, defaults.kind);
    assert_int_equal(read.components, defaults.components);
    assert_int_equal(read.text_features, defaults.text_features);
    assert_int_equal(read.prompt_dimension, defaults.prompt_dimension);
    assert_int_equal(read.hidden_layers, defaults.hidden_layers);
    assert_int_equal(read.hidden_width, defaults.hidden_width);
    assert_true(read.prior_precision == defaults.prior_precision);
    assert_string_equal(read.strategy, defaults.strategy);
    assert_int_equal(read.style, defaults.style);
    assert_int_equal(read.max_per_item, defaults.max_per_item);
    assert_int_equal(read.max_per_prompt, defaults.max_per_prompt);
    assert_true(read.copy_distance == defaults.copy_distance);
    assert_int_equal(read.candidates.scope, defaults.candidates.scope);
    assert_int_equal(read.candidates.per_pair, defaults.candidates.per_pair);
    assert_true(read.candidates.contested == defaults.candidates.contested);
    assert_int_equal(read.ready, defaults.ready);
    assert_int_equal(read.redundancy, defaults.redundancy);
    assert_true(read.redundancy_share == defaults.redundancy_share);
    assert_true(read.control_fraction == defaults.control_fraction);
    assert_int_equal(read.max_skips, defaults.max_skips);
    assert_true(read.lease_seconds == defaults.lease_seconds);
    assert_int_equal(read.models_kept, defaults.models_kept);
    assert_int_equal(read.refit, defaults.refit);
    assert_int_equal(read.retrain, defaults.retrain);
    assert_int_equal(read.retrain_labels, defaults.retrain_labels);
    assert_true(read.retrain_seconds == defaults.retrain_seconds);
    assert_true(read.stuck_seconds == defaults.stuck_seconds);
    assert_true(read.stop_below == defaults.stop_below);
    assert_int_equal(read.seed, defaults.seed);
    assert_same_training(&read.train, &defaults.train);
}

static void each_name_of_a_scope_is_an_option_value(void **state) {
    (void)state;
    for (size_t i = 0; fi_scope_names[i]; i++) {
        char name[] = "--candidates";
        char *argv[] = {name, (char *)fi_scope_names[i]};
        FD_CLEANUP(fd_options_clear) fd_options options = read_options(2, argv);
        assert_int_equal(fd_options_engine(&options).candidates.scope, i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_without_options_has_the_defaults_of_the_command_line),
        cmocka_unit_test(each_name_of_a_scope_is_an_option_value),
    };
    return cmocka_run_group_tests_name("engine options", tests, NULL, NULL);
}
