/* Tests of the properties of every strategy. Slow and complex ones also have their own tests. */
#include "properties.h"

static void each_strategy(void check(const char *strategy)) {
    for (size_t i = 0; i < fi_strategy_count(); i++)
        check(fi_strategy_at(i)->name);
}

static void bad_states_give_a_full_batch_with_finite_statistics(void **state) {
    (void)state;
    each_strategy(check_bad_states);
}

static void no_item_and_no_group_is_in_more_pairs_than_the_limits_allow(void **state) {
    (void)state;
    each_strategy(check_limits);
}

static void copies_wait_until_no_other_pair_is_left(void **state) {
    (void)state;
    each_strategy(check_copies_wait);
}

static void the_same_seed_gives_the_same_batch_again(void **state) {
    (void)state;
    each_strategy(check_same_seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_states_give_a_full_batch_with_finite_statistics),
        cmocka_unit_test(no_item_and_no_group_is_in_more_pairs_than_the_limits_allow),
        cmocka_unit_test(copies_wait_until_no_other_pair_is_left),
        cmocka_unit_test(the_same_seed_gives_the_same_batch_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
