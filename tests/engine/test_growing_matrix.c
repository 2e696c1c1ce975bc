/* A growing matrix takes memory as it grows, and does not move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "growing_matrix.h"

/* Sanitizers reserve addresses and keep memory of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

enum { WIDTH = 96, AT_ONCE = 1000, ROWS = 40000 };

/* Appends rows in many steps; whether they all lie in one block. */
static bool fill(fd_growing_matrix **matrix) {
    const float *first = NULL;
    bool stays = true;
    for (size_t used = 0; used < ROWS; used += AT_ONCE) {
        assert_int_equal(fd_growing_matrix_reserve(matrix, used, AT_ONCE), 0);
        if (used == 0)
            first = (*matrix)->data;
        stays = stays && (*matrix)->data == first;
        for (size_t i = used; i < used + AT_ONCE; i++)
            for (size_t j = 0; j < WIDTH; j++)
                fd_growing_matrix_row(*matrix, i)[j] = (float)(i * WIDTH + j);
    }
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < WIDTH; j++)
            assert_true(fd_growing_matrix_row(*matrix, i)[j] == (float)(i * WIDTH + j));
    return stays;
}

#ifndef SANITIZED
static long resident_kilobytes(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    (void)fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}
#endif

static void growing_copies_no_row_and_takes_no_more_memory_than_its_rows(void **state) {
    (void)state;
    fd_growing_matrix *matrix;
#ifndef SANITIZED
    long before = resident_kilobytes();
#endif
    assert_int_equal(fd_growing_matrix_new(WIDTH, 10, &matrix), 0);
    assert_true(fill(&matrix));
#ifndef SANITIZED
    long rows = (long)ROWS * WIDTH * (long)sizeof(float) / 1024;
    assert_in_range(resident_kilobytes() - before, 0, rows + rows / 4);
#endif
    fd_growing_matrix_free(matrix);
}

static void a_reader_keeps_its_rows_while_the_matrix_grows(void **state) {
    (void)state;
    fd_growing_matrix *matrix;
    assert_int_equal(fd_growing_matrix_new(WIDTH, 1, &matrix), 0);
    fd_growing_matrix *shown = fd_growing_matrix_reference(matrix);
    fd_growing_matrix_row(matrix, 0)[5] = 7.0f;
    (void)fill(&matrix);
    assert_true(fd_growing_matrix_row(shown, 0)[5] == 5.0f); /* the same row, written again */
    fd_growing_matrix_free(matrix);
    assert_true(fd_growing_matrix_row(shown, 0)[5] == 5.0f);
    fd_growing_matrix_free(shown);
}

#ifndef SANITIZED
static void under_a_limit_of_addresses_it_copies_and_reserves_nothing(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {1u << 30, 1u << 30};
        fd_growing_matrix *matrix;
        if (setrlimit(RLIMIT_AS, &limit) < 0 || fd_growing_matrix_new(WIDTH, 10, &matrix) < 0)
            _exit(1);
        bool small = matrix->reserved < 1 << 20;
        (void)fill(&matrix);
        fd_growing_matrix_free(matrix);
        _exit(small ? 0 : 2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

static void more_rows_than_addresses_are_refused(void **state) {
    (void)state;
    fd_growing_matrix *matrix;
    assert_int_not_equal(fd_growing_matrix_new(SIZE_MAX / 8, 16, &matrix), 0);
    assert_int_not_equal(fd_growing_matrix_new(1 << 20, SIZE_MAX >> 24, &matrix), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growing_copies_no_row_and_takes_no_more_memory_than_its_rows),
        cmocka_unit_test(a_reader_keeps_its_rows_while_the_matrix_grows),
#ifndef SANITIZED
        cmocka_unit_test(under_a_limit_of_addresses_it_copies_and_reserves_nothing),
#endif
        cmocka_unit_test(more_rows_than_addresses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
