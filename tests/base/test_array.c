/* Arrays that grow. */
#include "array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void an_array_keeps_its_elements_when_it_grows(void **state) {
    (void)state;
    FD_FREE uint32_t *numbers = NULL;
    size_t capacity = 0, moves = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        size_t before = capacity;
        assert_int_equal(fd_array_reserve(&numbers, &capacity, i + 1, sizeof(*numbers)), 0);
        assert_true(capacity > i);
        moves += capacity != before;
        numbers[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], i);
    assert_true(moves < 12); /* it doubles */
}

static void a_large_capacity_is_reserved_at_once(void **state) {
    (void)state;
    FD_FREE uint64_t *numbers = NULL;
    size_t capacity = 0;
    assert_int_equal(fd_array_reserve(&numbers, &capacity, 100, sizeof(*numbers)), 0);
    assert_int_equal(capacity, 100);
    memset(numbers, 1, 100 * sizeof(*numbers));
    assert_int_equal(fd_array_reserve(&numbers, &capacity, 90, sizeof(*numbers)), 0);
    assert_int_equal(capacity, 100);
}

static void an_array_stays_the_same_when_memory_runs_out(void **state) {
    (void)state;
    FD_FREE uint64_t *numbers = NULL;
    size_t capacity = 0;
    assert_int_equal(fd_array_reserve(&numbers, &capacity, 10, sizeof(*numbers)), 0);
    const uint64_t *before = numbers;
    /* In bytes, this number wraps around to a small one. volatile hides that from the compiler. */
    volatile size_t many = SIZE_MAX / sizeof(*numbers) + 2;
    assert_int_equal(fd_array_reserve(&numbers, &capacity, many, sizeof(*numbers)), -ENOMEM);
    assert_ptr_equal(numbers, before);
    assert_int_equal(capacity, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_keeps_its_elements_when_it_grows),
        cmocka_unit_test(a_large_capacity_is_reserved_at_once),
        cmocka_unit_test(an_array_stays_the_same_when_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
