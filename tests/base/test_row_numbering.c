/* Tests of the numbering of rows that are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "row_numbering.h"

enum { ROWS = 10 };

static void rows_are_numbered_in_the_order_of_their_first_use(void **state) {
    (void)state;
    static const uint32_t named[] = {7, 2, 7, 9, 2};
    static const uint32_t numbers[] = {0, 1, 0, 2, 1};
    static const uint32_t rows[] = {7, 2, 9};
    fd_row_numbering numbering;
    assert_int_equal(fd_row_numbering_init(&numbering, ROWS, 3), 0);
    for (size_t i = 0; i < FD_LENGTH(named); i++)
        assert_int_equal(fd_row_numbering_add(&numbering, named[i]), numbers[i]);
    assert_int_equal(numbering.count, FD_LENGTH(rows));
    assert_memory_equal(numbering.rows, rows, sizeof(rows));
    fd_row_numbering_clear(&numbering);
}

static void sorted_numbers_follow_the_order_of_the_table(void **state) {
    (void)state;
    static const uint32_t rows[] = {2, 7, 9};
    fd_row_numbering numbering;
    assert_int_equal(fd_row_numbering_init(&numbering, ROWS, ROWS), 0);
    (void)fd_row_numbering_add(&numbering, 9);
    (void)fd_row_numbering_add(&numbering, 2);
    (void)fd_row_numbering_add(&numbering, 7);
    fd_row_numbering_sort(&numbering);
    assert_int_equal(numbering.count, FD_LENGTH(rows));
    assert_memory_equal(numbering.rows, rows, sizeof(rows));
    for (uint32_t i = 0; i < FD_LENGTH(rows); i++)
        assert_int_equal(numbering.numbers[rows[i]], i);
    assert_int_equal(numbering.numbers[0], FD_ROW_UNNAMED);
    fd_row_numbering_clear(&numbering);
}

static void a_reset_forgets_all_rows(void **state) {
    (void)state;
    fd_row_numbering numbering;
    assert_int_equal(fd_row_numbering_init(&numbering, ROWS, ROWS), 0);
    (void)fd_row_numbering_add(&numbering, 4);
    fd_row_numbering_reset(&numbering);
    assert_int_equal(numbering.count, 0);
    assert_int_equal(fd_row_numbering_add(&numbering, 6), 0);
    assert_int_equal(fd_row_numbering_add(&numbering, 4), 1);
    fd_row_numbering_clear(&numbering);
}

static void an_empty_table_has_no_numbers(void **state) {
    (void)state;
    fd_row_numbering numbering;
    assert_int_equal(fd_row_numbering_init(&numbering, 0, 0), 0);
    fd_row_numbering_sort(&numbering);
    assert_int_equal(numbering.count, 0);
    fd_row_numbering_clear(&numbering);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_numbered_in_the_order_of_their_first_use),
        cmocka_unit_test(sorted_numbers_follow_the_order_of_the_table),
        cmocka_unit_test(a_reset_forgets_all_rows),
        cmocka_unit_test(an_empty_table_has_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
