/* Tests of principal components against an exact eigendecomposition, and with too few directions.
 */
#include <cblas.h>
#include <errno.h>
#include <fisher/model.h>
#include <lapacke.h>
#include <string.h>

#include "golden.h"
#include "rng.h"
#include "standardisation.h"

enum {
    FEW = 30,
    MANY = 300,
    COMPONENTS = 8,
    ITEMS = 2000
}; /* FEW columns are decomposed exactly */

/* Items [n x d] whose variances along orthogonal directions fall like 1 / i^2. */
static float *decaying_items(size_t n, size_t d) {
    fd_rng rng = fd_rng_seeded(3);
    float *items = calloc(n, d * sizeof(float));
    FD_FREE float *directions = calloc(d, d * sizeof(float));
    FD_FREE float *reflectors = calloc(d, sizeof(float));
    FD_FREE float *row = calloc(d, sizeof(float));
    assert_non_null(items);
    assert_non_null(directions);
    assert_non_null(reflectors);
    assert_non_null(row);
    for (size_t i = 0; i < d * d; i++)
        directions[i] = (float)fd_rng_normal(&rng);
    int width = (int)d;
    assert_int_equal(LAPACKE_sgeqrf(LAPACK_ROW_MAJOR, width, width, directions, width, reflectors),
                     0);
    assert_int_equal(
        LAPACKE_sorgqr(LAPACK_ROW_MAJOR, width, width, width, directions, width, reflectors), 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++)
            row[j] = (float)(fd_rng_normal(&rng) / (double)(j + 1));
        cblas_sgemv(CblasRowMajor, CblasTrans, width, width, 1.0f, directions, width, row, 1, 0.0f,
                    items + i * d, 1);
        items[i * d] += 20; /* means make no difference */
    }
    return items;
}

static fi_model *fitted(size_t n, size_t d, uint32_t components, const float *items) {
    fi_shape shape = {
        .inputs = (uint32_t)d, .components = components, .hidden_layers = 0, .hidden_width = 0};
    fi_model *model = NULL;
    assert_int_equal(fi_model_new(&shape, 1, &model), 0);
    assert_int_equal(fi_model_fit_inputs(model, n, items), 0);
    return model;
}

/* The correlation matrix [d x d] of all items in float64. */
static double *correlation_of(const fi_model *model, size_t n, const float *items) {
    size_t d = model->shape.inputs;
    FD_FREE float *standard = calloc(n, d * sizeof(float));
    FD_FREE double *rows = calloc(n, d * sizeof(double));
    double *correlation = calloc(d, d * sizeof(double));
    assert_non_null(standard);
    assert_non_null(rows);
    assert_non_null(correlation);
    fi_standardise(model, n, NULL, items, standard);
    for (size_t i = 0; i < n * d; i++)
        rows[i] = (double)standard[i];
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)d, (int)d, (int)n, 1.0 / (double)n,
                rows, (int)d, rows, (int)d, 0.0, correlation, (int)d);
    return correlation;
}

/* The rows of the projection, scaled to length 1. */
static double *directions_of(const fi_model *model) {
    int d = (int)model->shape.inputs;
    size_t count = model->shape.components * (size_t)d;
    double *rows = calloc(count, sizeof(double));
    assert_non_null(rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = (double)model->projection[i];
    for (uint32_t k = 0; k < model->shape.components; k++)
        cblas_dscal(d, 1.0 / cblas_dnrm2(d, rows + k * (size_t)d, 1), rows + k * (size_t)d, 1);
    return rows;
}

/* The variance along a direction. */
static double variance_along(size_t d, const double *correlation, const double *direction) {
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += direction[i] * cblas_ddot((int)d, correlation + i * d, 1, direction, 1);
    return sum;
}

/*
 * Checks that the components have at least `captured` of the variance of the exact ones, and
 * together contain `aligned` of the length of each of the leading half of those.
 */
static void assert_leading(const fi_model *model, size_t n, const float *items, double captured,
                           double aligned) {
    size_t d = model->shape.inputs, components = model->shape.components;
    FD_FREE double *correlation = correlation_of(model, n, items);
    FD_FREE double *vectors = calloc(d, d * sizeof(double));
    FD_FREE double *values = calloc(d, sizeof(double));
    FD_FREE double *rows = directions_of(model);
    assert_non_null(vectors);
    assert_non_null(values);
    memcpy(vectors, correlation, d * d * sizeof(double));
    assert_int_equal(LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', (int)d, vectors, (int)d, values),
                     0);
    double most = 0, held = 0;
    for (size_t k = 0; k < components; k++) {
        most += values[d - 1 - k];
        held += variance_along(d, correlation, rows + k * d);
    }
    assert_in_range((uintmax_t)(1e6 * held / most), (uintmax_t)(1e6 * captured), 1000001);
    for (size_t k = 0; k < components / 2; k++) {
        double square = 0;
        for (size_t l = 0; l < components; l++)
            square += pow(cblas_ddot((int)d, vectors + (d - 1 - k) * d, 1, rows + l * d, 1), 2);
        assert_in_range((uintmax_t)(1e6 * sqrt(square)), (uintmax_t)(1e6 * aligned), 1000001);
    }
}

/* Checks that the components are sorted and orthogonal, have a positive largest entry and one
 * common factor, and that the variance is 1 on average within a tolerance. */
static void assert_contract(const fi_model *model, size_t n, const float *items, double tolerance) {
    size_t d = model->shape.inputs, components = model->shape.components;
    FD_FREE double *correlation = correlation_of(model, n, items);
    FD_FREE double *rows = directions_of(model);
    double factor = (double)cblas_snrm2((int)d, model->projection, 1), total = 0, last = INFINITY;
    for (size_t k = 0; k < components; k++) {
        const float *row = model->projection + k * d;
        double variance = variance_along(d, correlation, rows + k * d);
        assert_true(variance < last * (1 + tolerance));
        assert_true(row[cblas_isamax((int)d, row, 1)] > 0);
        assert_near((double)cblas_snrm2((int)d, row, 1), factor, 1e-4 * factor);
        for (size_t l = 0; l < k; l++)
            assert_near(cblas_ddot((int)d, rows + k * d, 1, rows + l * d, 1), 0, 1e-5);
        total += factor * factor * variance;
        last = variance;
    }
    assert_near(total / (double)components, 1, tolerance);
}

static void the_components_of_a_few_columns_are_exact(void **state) {
    (void)state;
    FD_FREE float *items = decaying_items(ITEMS, FEW);
    FD_CLEANUP(fi_model_freep) fi_model *model = fitted(ITEMS, FEW, COMPONENTS, items);
    assert_leading(model, ITEMS, items, 0.99999, 0.99999);
    assert_contract(model, ITEMS, items, 1e-4);
}

static void the_components_of_many_columns_hold_as_much_as_the_exact_ones(void **state) {
    (void)state;
    FD_FREE float *items = decaying_items(ITEMS, MANY);
    FD_CLEANUP(fi_model_freep) fi_model *model = fitted(ITEMS, MANY, COMPONENTS, items);
    assert_leading(model, ITEMS, items, 0.999, 0.999);
    assert_contract(model, ITEMS, items, 1e-3);
}

static void a_sample_of_many_items_gives_the_components_of_all(void **state) {
    (void)state;
    enum { CROWD = 30000, COLUMNS = 120, KEPT = 4 };
    FD_FREE float *items = decaying_items(CROWD, COLUMNS);
    FD_CLEANUP(fi_model_freep) fi_model *model = fitted(CROWD, COLUMNS, KEPT, items);
    assert_leading(model, CROWD, items, 0.99, 0.995);
    assert_contract(model, CROWD, items, 0.05);
}

/* Half of the items vary along one half of the columns, the others along the other half. They
 * alternate, or come one after the other. */
static void no_order_of_the_items_hides_some_from_the_sample(void **state) {
    (void)state;
    enum { CROWD = 4 * 8192, COLUMNS = 120, KEPT = 2 };
    for (size_t run = 1; run < CROWD; run *= CROWD / 2) {
        fd_rng rng = fd_rng_seeded(4);
        FD_FREE float *items = calloc(CROWD, COLUMNS * sizeof(float));
        assert_non_null(items);
        for (size_t i = 0; i < CROWD; i++) {
            double common = fd_rng_normal(&rng);
            for (size_t j = i / run % 2; j < COLUMNS; j += 2)
                items[i * COLUMNS + j] = (float)(common + 0.3 * fd_rng_normal(&rng));
        }
        FD_CLEANUP(fi_model_freep) fi_model *model = fitted(CROWD, COLUMNS, KEPT, items);
        assert_leading(model, CROWD, items, 0.99, 0.99);
        assert_contract(model, CROWD, items, 0.05);
    }
}

static void the_same_items_give_the_same_projection(void **state) {
    (void)state;
    FD_FREE float *items = decaying_items(ITEMS, MANY);
    FD_CLEANUP(fi_model_freep) fi_model *one = fitted(ITEMS, MANY, COMPONENTS, items);
    FD_CLEANUP(fi_model_freep) fi_model *same = fitted(ITEMS, MANY, COMPONENTS, items);
    assert_memory_equal(one->projection, same->projection, COMPONENTS * MANY * sizeof(float));
}

/* Returns the number of leading rows that are not 0, and checks that the others are 0 and that all
 * numbers are finite. */
static size_t rank_of(const fi_model *model) {
    size_t d = model->shape.inputs, rank = 0;
    for (size_t k = 0; k < model->shape.components; k++) {
        double length = (double)cblas_snrm2((int)d, model->projection + k * d, 1);
        assert_true(isfinite(length));
        if (length > 0) {
            assert_int_equal(rank, k);
            rank++;
        }
    }
    return rank;
}

static void items_that_vary_in_few_directions_have_as_many_components(void **state) {
    (void)state;
    static const size_t widths[] = {FEW, MANY};
    static const size_t counts[] = {1, 2, 3, COMPONENTS, 500};
    for (size_t w = 0; w < FD_LENGTH(widths); w++)
        for (size_t c = 0; c < FD_LENGTH(counts); c++) {
            size_t d = widths[w], n = counts[c];
            FD_FREE float *items = decaying_items(n, d);
            FD_CLEANUP(fi_model_freep) fi_model *model = fitted(n, d, COMPONENTS, items);
            assert_int_equal(rank_of(model), n - 1 < COMPONENTS ? n - 1 : COMPONENTS);
        }
}

static void equal_items_have_no_component(void **state) {
    (void)state;
    static const size_t widths[] = {FEW, MANY};
    for (size_t w = 0; w < FD_LENGTH(widths); w++) {
        size_t d = widths[w];
        FD_FREE float *items = decaying_items(50, d);
        for (size_t i = 1; i < 50; i++)
            memcpy(items + i * d, items, d * sizeof(float));
        FD_CLEANUP(fi_model_freep) fi_model *model = fitted(50, d, COMPONENTS, items);
        assert_int_equal(rank_of(model), 0);
    }
}

/* Only a few columns vary. They have two numbers, and sums of these. */
static void constant_columns_have_no_weight_in_a_component(void **state) {
    (void)state;
    static const size_t widths[] = {FEW, MANY};
    for (size_t w = 0; w < FD_LENGTH(widths); w++) {
        size_t d = widths[w];
        fd_rng rng = fd_rng_seeded(6);
        FD_FREE float *items = calloc(ITEMS, d * sizeof(float));
        assert_non_null(items);
        for (size_t i = 0; i < ITEMS; i++) {
            float *row = items + i * d;
            float one = (float)fd_rng_normal(&rng), other = (float)fd_rng_normal(&rng);
            for (size_t j = 0; j < d; j++)
                row[j] = j % 7 == 3 ? one + (float)j * other : 5.0f;
        }
        FD_CLEANUP(fi_model_freep) fi_model *model = fitted(ITEMS, d, COMPONENTS, items);
        assert_int_equal(rank_of(model), 2);
        for (size_t i = 0; i < COMPONENTS * d; i++)
            if (i % d % 7 != 3)
                assert_near((double)model->projection[i], 0, 1e-6);
    }
}

static void named_rows_are_prepared_like_all_rows(void **state) {
    (void)state;
    enum { ROWS = 150 };
    FD_FREE float *items = decaying_items(ROWS, FEW);
    for (uint32_t components = 0; components <= COMPONENTS; components += COMPONENTS) {
        float all[ROWS * FEW], named[ROWS * FEW];
        uint32_t rows[ROWS];
        FD_CLEANUP(fi_model_freep) fi_model *model = fitted(ROWS, FEW, components, items);
        size_t width = fi_model_prepared_count(model);
        for (uint32_t i = 0; i < ROWS; i++)
            rows[i] = (7 * i + 3) % ROWS;
        assert_int_equal(fi_model_prepare(model, ROWS, items, all), 0);
        assert_int_equal(fi_prepare_rows(model, ROWS, rows, items, named), 0);
        for (size_t i = 0; i < ROWS; i++)
            for (size_t j = 0; j < width; j++)
                assert_near((double)named[i * width + j], (double)all[rows[i] * width + j], 1e-5);
    }
}

struct calls {
    size_t made, most;
};

static bool goes_on_for(void *context) {
    struct calls *calls = context;
    return ++calls->made <= calls->most;
}

/* After any number of calls; without an end it is the same as what cannot be ended. */
static void fitting_the_inputs_ends_when_it_shall_not_go_on(void **state) {
    (void)state;
    static const size_t columns[] = {FEW, MANY};
    for (size_t c = 0; c < FD_LENGTH(columns); c++) {
        size_t d = columns[c];
        FD_FREE float *items = decaying_items(ITEMS, d);
        fi_model *whole = fitted(ITEMS, d, COMPONENTS, items);
        fi_model *model = fitted(1, d, COMPONENTS, items);
        struct calls endless = {.most = SIZE_MAX};
        assert_int_equal(fi_model_fit_inputs_while(model, ITEMS, items, goes_on_for, &endless), 0);
        assert_memory_equal(model->projection, whole->projection, COMPONENTS * d * sizeof(float));
        assert_true(endless.made >= 4);
        for (size_t most = 0; most < endless.made; most++) {
            struct calls calls = {.most = most};
            assert_int_equal(fi_model_fit_inputs_while(model, ITEMS, items, goes_on_for, &calls),
                             -ECANCELED);
            assert_int_equal(calls.made, most + 1);
        }
        fi_model_free(model);
        fi_model_free(whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_components_of_a_few_columns_are_exact),
        cmocka_unit_test(the_components_of_many_columns_hold_as_much_as_the_exact_ones),
        cmocka_unit_test(a_sample_of_many_items_gives_the_components_of_all),
        cmocka_unit_test(no_order_of_the_items_hides_some_from_the_sample),
        cmocka_unit_test(the_same_items_give_the_same_projection),
        cmocka_unit_test(items_that_vary_in_few_directions_have_as_many_components),
        cmocka_unit_test(fitting_the_inputs_ends_when_it_shall_not_go_on),
        cmocka_unit_test(equal_items_have_no_component),
        cmocka_unit_test(constant_columns_have_no_weight_in_a_component),
        cmocka_unit_test(named_rows_are_prepared_like_all_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
