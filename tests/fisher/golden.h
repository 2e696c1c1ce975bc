/* Reads arrays of golden vectors as float64 and float32. */
#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "npy.h"

typedef struct golden {
    size_t rows;
    size_t columns;
    size_t count;
    double *values;
    float *floats;
} golden;

/* Reads "FOLDER/NAME.npy". The test fails if it cannot be read. */
static inline golden golden_load(const char *folder, const char *name) {
    char path[1024];
    fd_fault fault = {0};
    FD_CLEANUP(fd_npy_closep) fd_npy *npy = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s.npy", folder, name);
    if (fd_npy_open(path, &npy, &fault) < 0)
        fail_msg("%s", fault.detail);
    golden array = {.rows = fd_npy_rows(npy), .columns = fd_npy_columns(npy)};
    array.count = array.rows * array.columns;
    array.values = calloc(array.count + 1, sizeof(double));
    array.floats = calloc(array.count + 1, sizeof(float));
    assert_non_null(array.values);
    assert_non_null(array.floats);
    assert_int_equal(fd_npy_read(npy, array.rows, array.values), 0);
    for (size_t i = 0; i < array.count; i++)
        array.floats[i] = (float)array.values[i];
    return array;
}

static inline void golden_clear(golden *array) {
    free(array->values);
    free(array->floats);
}

#define GOLDEN FD_CLEANUP(golden_clear) golden

/* The comparison of cmocka is in float32. */
static inline void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g, expected %.17g", value, expected);
}

/* Compares within `tolerance` times the largest expected value. */
static inline void assert_close(const float *values, const double *expected, size_t count,
                                double tolerance) {
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)values[i] - expected[i]) <= tolerance * largest))
            fail_msg("value %zu is %.9g, expected %.9g", i, (double)values[i], expected[i]);
}

#endif
