/* Tests of models: activation, features and shapes. */
#include <errno.h>
#include <fisher/model.h>
#include <string.h>

#include "golden.h"
#include "network.h"
#include "rng.h"

static const fi_shape shapes[] = {
    {6, 0, 0, 0, 0}, {6, 2, 0, 0, 0}, {6, 0, 1, 4, 0}, {6, 3, 3, 5, 0}, {6, 0, 2, 4, 0}};

static fi_model *fitted(const fi_shape *shape, size_t n, float *items) {
    fd_rng rng = fd_rng_seeded(11);
    for (size_t i = 0; i < n * shape->inputs; i++)
        items[i] = (float)(5 + 3 * fd_rng_normal(&rng));
    fi_model *model = NULL;
    assert_int_equal(fi_model_new(shape, 1, &model), 0);
    assert_int_equal(fi_model_fit_inputs(model, n, items), 0);
    return model;
}

static void gelu_and_its_slope_are_exact_to_float32(void **state) {
    (void)state;
    for (double z = -30; z <= 30; z += 0.0007) {
        float slope = (float)z, value;
        double x = (double)slope, phi = 0.5 * erfc(-x / sqrt(2));
        fi_gelu(1, &slope, &value);
        double expected = x * phi;
        double expected_slope = phi + x * exp(-x * x / 2) / sqrt(2 * acos(-1));
        double tolerance = fabs(z) < 3 ? 1e-6 : 5e-6; /* relative, also far in the tail */
        assert_near((double)value, expected, tolerance * fabs(expected) + 1e-37);
        assert_near((double)slope, expected_slope, 4e-7);
    }
}

static void a_shape_out_of_bounds_is_refused(void **state) {
    (void)state;
    static const fi_shape wrong[] = {
        {0, 0, 0, 0, 0},
        {4, 5, 0, 0, 0},
        {4, 0, 4, 8, 0},
        {4, 0, 1, 0, 0},
        {4, 0, 1, 5000, 0},
        {FI_INPUTS_MAX + 1, 0, 1, 8, 0},
        {5000, 0, 0, 0, 0},
        {4, 0, 0, 0, FI_EXTRAS_MAX + 1},
        {FI_WIDTH_MAX, 0, 0, 0, 1},
    };
    for (size_t i = 0; i < FD_LENGTH(wrong); i++) {
        fi_model *model;
        assert_int_equal(fi_model_new(&wrong[i], 1, &model), -EINVAL);
    }
}

static void the_same_seed_gives_the_same_model(void **state) {
    (void)state;
    fi_shape shape = {.inputs = 3, .components = 0, .hidden_layers = 1, .hidden_width = 4};
    FD_CLEANUP(fi_model_freep) fi_model *one = NULL;
    FD_CLEANUP(fi_model_freep) fi_model *same = NULL;
    FD_CLEANUP(fi_model_freep) fi_model *other = NULL;
    size_t count;
    assert_int_equal(fi_model_new(&shape, 1, &one), 0);
    assert_int_equal(fi_model_new(&shape, 1, &same), 0);
    assert_int_equal(fi_model_new(&shape, 2, &other), 0);
    size_t size = sizeof(float) * (3 * 4 + 4 + 4);
    assert_memory_equal(fi_model_parameters(one, &count), fi_model_parameters(same, &count), size);
    assert_int_equal(count * sizeof(float), size);
    assert_memory_not_equal(fi_model_parameters(one, &count), fi_model_parameters(other, &count),
                            size);
}

static void standardised_inputs_have_mean_0_and_deviation_1_even_far_from_0(void **state) {
    (void)state;
    fd_rng rng = fd_rng_seeded(5);
    fi_shape shape = {.inputs = 3, .components = 0, .hidden_layers = 0, .hidden_width = 0};
    float items[500 * 3], prepared[500 * 3];
    for (size_t i = 0; i < 500; i++) {
        items[i * 3] = (float)(1e5 + 50 * fd_rng_normal(&rng));
        items[i * 3 + 1] = (float)(1e-6 * fd_rng_normal(&rng));
        items[i * 3 + 2] = 7;
    }
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    assert_int_equal(fi_model_new(&shape, 1, &model), 0);
    assert_int_equal(fi_model_fit_inputs(model, 500, items), 0);
    assert_int_equal(fi_model_prepare(model, 500, items, prepared), 0);
    for (size_t j = 0; j < 3; j++) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < 500; i++) {
            mean += (double)prepared[i * 3 + j] / 500;
            square += (double)prepared[i * 3 + j] * (double)prepared[i * 3 + j] / 500;
        }
        assert_near(mean, 0, 1e-5);
        assert_near(square, j == 2 ? 0 : 1, 1e-4);
    }
}

static void the_largest_numbers_stay_finite_in_an_input_that_hardly_varied(void **state) {
    (void)state;
    static const double deviations[] = {1e-36, 1e-20, 1e-10, 1e-8};
    const fi_shape kinds[] = {{.inputs = 2}, {.inputs = 2, .hidden_layers = 3, .hidden_width = 8}};
    for (size_t d = 0; d < FD_LENGTH(deviations); d++)
        for (size_t s = 0; s < FD_LENGTH(kinds); s++) {
            fd_rng rng = fd_rng_seeded(5);
            float items[50 * 2], features[8] = {0};
            for (size_t i = 0; i < 50; i++) {
                items[2 * i] = (float)(deviations[d] * fd_rng_normal(&rng));
                items[2 * i + 1] = (float)fd_rng_normal(&rng);
            }
            FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
            assert_int_equal(fi_model_new(&kinds[s], 1, &model), 0);
            assert_int_equal(fi_model_fit_inputs(model, 50, items), 0);
            const float largest[] = {FI_EMBEDDING_MAX, -FI_EMBEDDING_MAX};
            assert_int_equal(fi_model_features(model, 1, largest, NULL, features), 0);
            for (size_t j = 0; j < fi_model_feature_count(model); j++)
                assert_true(fabsf(features[j]) < 1e19f); /* the square is finite too */
        }
}

static void features_do_not_depend_on_the_other_items(void **state) {
    (void)state;
    for (size_t s = 0; s < FD_LENGTH(shapes); s++) {
        float items[150 * 6], together[150 * 6], alone[6];
        FD_CLEANUP(fi_model_freep) fi_model *model = fitted(&shapes[s], 150, items);
        size_t width = fi_model_feature_count(model);
        assert_int_equal(fi_model_features(model, 150, items, NULL, together), 0);
        for (size_t i = 0; i < 150; i++) {
            assert_int_equal(fi_model_features(model, 1, items + i * 6, NULL, alone), 0);
            for (size_t j = 0; j < width; j++)
                assert_near((double)alone[j], (double)together[i * width + j], 1e-5);
        }
    }
}

/* More items than a block, with means near 0, and far away. */
static void features_are_those_that_training_computes(void **state) {
    (void)state;
    enum { ITEMS = 1100 };
    static float items[ITEMS * 6], prepared[ITEMS * 6], features[ITEMS * 6];
    for (size_t s = 0; s < 2 * FD_LENGTH(shapes); s++) {
        FD_CLEANUP(fi_model_freep) fi_model *model = fitted(&shapes[s / 2], ITEMS, items);
        FD_CLEANUP(fi_pass_clear) fi_pass pass = {0};
        for (size_t i = 0; s % 2 == 1 && i < FD_LENGTH(items); i++)
            items[i] += 1000;
        assert_int_equal(fi_model_fit_inputs(model, ITEMS, items), 0);
        assert_int_equal(fi_model_prepare(model, ITEMS, items, prepared), 0);
        assert_int_equal(fi_pass_init(model, ITEMS, &pass), 0);
        const float *expected = fi_forward(model, ITEMS, prepared, &pass);
        assert_int_equal(fi_model_features(model, ITEMS, items, NULL, features), 0);
        for (size_t i = 0; i < ITEMS * fi_model_feature_count(model); i++)
            assert_near((double)features[i], (double)expected[i], 1e-5);
    }
}

/* More items than a block; the rows of prepared inputs may have other numbers behind them. */
static void features_of_prepared_inputs_are_those_of_embeddings_bit_for_bit(void **state) {
    (void)state;
    enum { ITEMS = 1100, STRIDE = 9 };
    static float items[ITEMS * 6], prepared[ITEMS * 6], apart[ITEMS * STRIDE], extras[ITEMS * 2];
    static float expected[ITEMS * 8], features[ITEMS * 8];
    for (size_t i = 0; i < FD_LENGTH(extras); i++)
        extras[i] = (float)i;
    for (size_t s = 0; s < 4 * FD_LENGTH(shapes); s++) {
        fi_shape shape = shapes[s / 4];
        shape.extras = s % 2 == 0 ? 0 : 2;
        const float *placed = s % 4 < 2 ? extras : NULL;
        FD_CLEANUP(fi_model_freep) fi_model *model = fitted(&shape, ITEMS, items);
        size_t p = fi_model_prepared_count(model), width = fi_model_feature_count(model);
        assert_int_equal(fi_model_prepare(model, ITEMS, items, prepared), 0);
        for (size_t i = 0; i < ITEMS; i++)
            memcpy(apart + i * STRIDE, prepared + i * p, p * sizeof(float));
        assert_int_equal(fi_model_features(model, ITEMS, items, placed, expected), 0);
        assert_int_equal(fi_model_features_of_prepared(model, ITEMS, prepared, p, placed, features),
                         0);
        assert_memory_equal(features, expected, ITEMS * width * sizeof(float));
        memset(features, 0, sizeof(features));
        assert_int_equal(
            fi_model_features_of_prepared(model, ITEMS, apart, STRIDE, placed, features), 0);
        assert_memory_equal(features, expected, ITEMS * width * sizeof(float));
    }
}

static void inputs_that_are_taken_over_prepare_the_same(void **state) {
    (void)state;
    float items[50 * 6], expected[50 * 6], prepared[50 * 6];
    for (size_t s = 0; s < FD_LENGTH(shapes); s++) {
        FD_CLEANUP(fi_model_freep) fi_model *from = fitted(&shapes[s], 50, items);
        FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
        FD_CLEANUP(fi_model_freep) fi_model *other = NULL;
        fi_shape shape = shapes[s], narrower = shapes[s];
        shape.hidden_layers = shape.hidden_width = 1;
        narrower.inputs = 5;
        assert_int_equal(fi_model_new(&shape, 2, &model), 0);
        assert_int_equal(fi_model_new(&narrower, 2, &other), 0);
        assert_int_equal(fi_model_take_inputs(model, from), 0);
        assert_int_equal(fi_model_take_inputs(other, from), -EINVAL);
        assert_int_equal(fi_model_prepare(from, 50, items, expected), 0);
        assert_int_equal(fi_model_prepare(model, 50, items, prepared), 0);
        assert_memory_equal(prepared, expected,
                            50 * fi_model_prepared_count(model) * sizeof(float));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gelu_and_its_slope_are_exact_to_float32),
        cmocka_unit_test(a_shape_out_of_bounds_is_refused),
        cmocka_unit_test(the_same_seed_gives_the_same_model),
        cmocka_unit_test(standardised_inputs_have_mean_0_and_deviation_1_even_far_from_0),
        cmocka_unit_test(the_largest_numbers_stay_finite_in_an_input_that_hardly_varied),
        cmocka_unit_test(features_do_not_depend_on_the_other_items),
        cmocka_unit_test(features_are_those_that_training_computes),
        cmocka_unit_test(features_of_prepared_inputs_are_those_of_embeddings_bit_for_bit),
        cmocka_unit_test(inputs_that_are_taken_over_prepare_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
