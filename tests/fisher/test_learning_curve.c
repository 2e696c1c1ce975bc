/* Tests of learning curves and of slopes of logarithms. */
#include <errno.h>
#include <fisher/learning_curve.h>

#include "golden.h"
#include "rng.h"

enum { POINTS = 12 };

/* 100, 200, … labels, a tenth of which is held out. */
static void fill(fi_curve_point *points, size_t n, double floor, double scale, double exponent) {
    for (size_t i = 0; i < n; i++) {
        double labels = 100.0 * (double)(i + 1);
        points[i] = (fi_curve_point){labels, floor + scale * pow(labels, -exponent),
                                     10.0 * (double)(i + 1)};
    }
}

static fi_curve fit(const fi_curve_point *points, size_t n, double labels) {
    fi_curve curve;
    assert_int_equal(fi_curve_fit(n, points, labels, &curve), 0);
    return curve;
}

static void exact_points_give_the_power_law_that_made_them(void **state) {
    (void)state;
    fi_curve_point points[POINTS];
    const double laws[][3] = {{0.3, 2, 0.5}, {0, 1.5, 0.1}, {0.55, 40, 1.5}, {0.1, 0.7, 0.35}};
    for (size_t i = 0; i < 4; i++) {
        fill(points, POINTS, laws[i][0], laws[i][1], laws[i][2]);
        fi_curve curve = fit(points, POINTS, 1200);
        assert_near(curve.floor, laws[i][0], 1e-9);
        assert_near(curve.scale, laws[i][1], 1e-9 * laws[i][1]);
        assert_near(curve.exponent, laws[i][2], 1e-9);
        assert_near(curve.fall_high, curve.fall, 1e-6);
    }
}

static void the_fall_is_that_of_the_law_from_the_labels_asked_for_to_twice_as_many(void **state) {
    (void)state;
    fi_curve_point points[POINTS];
    fill(points, POINTS, 0.3, 2, 0.5);
    fi_curve curve = fit(points, POINTS, 1600);
    assert_near(curve.loss_now, 0.3 + 2 / sqrt(1600), 1e-9);
    assert_near(curve.loss_double, 0.3 + 2 / sqrt(3200), 1e-9);
    assert_near(curve.fall, 2 / sqrt(1600) - 2 / sqrt(3200), 1e-9);
}

static void an_exponent_between_the_steps_extrapolates_well(void **state) {
    (void)state;
    fi_curve_point points[POINTS];
    fill(points, POINTS, 0.35, 3, 0.4123);
    fi_curve curve = fit(points, POINTS, 1200);
    assert_near(curve.exponent, 0.4123, 0.05);
    assert_near(curve.loss_double, 0.35 + 3 * pow(2400, -0.4123), 1e-3);
}

static void the_interval_covers_the_fall_in_spite_of_noise(void **state) {
    (void)state;
    fd_rng rng = fd_rng_seeded(5);
    const double truth = 2 / sqrt(2000) - 2 / sqrt(4000);
    enum { CURVES = 400, LONG = 20 };
    fi_curve_point points[LONG];
    double mean = 0, below = 0;
    for (size_t i = 0; i < CURVES; i++) {
        fill(points, LONG, 0.3, 2, 0.5);
        for (size_t j = 0; j < LONG; j++)
            points[j].loss += 0.05 * fd_rng_normal(&rng) / sqrt(points[j].weight);
        fi_curve curve = fit(points, LONG, 2000);
        mean += curve.fall / CURVES;
        below += (curve.fall_high >= truth) / (double)CURVES;
    }
    assert_near(mean, truth, 0.15 * truth);
    assert_near(below, 0.84, 0.08); /* one standard error, on one side */
}

static void a_point_counts_in_proportion_to_its_weight(void **state) {
    (void)state;
    fi_curve_point points[POINTS];
    fill(points, POINTS, 0.3, 2, 0.5);
    points[0].loss = 3;
    double light, heavy;
    points[0].weight = 1e-6;
    fi_curve curve = fit(points, POINTS, 1200);
    light = fabs(curve.floor - 0.3);
    points[0].weight = 10;
    curve = fit(points, POINTS, 1200);
    heavy = fabs(curve.floor - 0.3);
    assert_true(light < 1e-3 && heavy > 0.02);
}

static void a_constant_loss_has_nothing_left_to_fall(void **state) {
    (void)state;
    fi_curve_point points[POINTS];
    fill(points, POINTS, 0.5, 0, 0.5);
    fi_curve curve = fit(points, POINTS, 1200);
    assert_near(curve.fall, 0, 1e-12);
    assert_near(curve.fall_high, 0, 1e-9);
    assert_near(curve.loss_double, 0.5, 1e-12);
}

static void a_rising_loss_has_no_fall(void **state) {
    (void)state;
    fi_curve_point points[POINTS];
    fill(points, POINTS, 0.5, -1, 0.5);
    fi_curve curve = fit(points, POINTS, 1200);
    assert_true(curve.scale == 0 && curve.fall == 0);
    assert_true(curve.fall_high > 0);
}

static void the_floor_is_never_below_zero(void **state) {
    (void)state;
    fi_curve_point points[POINTS];
    fill(points, POINTS, -0.05, 1, 0.1);
    fi_curve curve = fit(points, POINTS, 600);
    assert_true(curve.floor >= 0);
    assert_near(curve.loss_now, -0.05 + pow(600, -0.1), 0.01);
}

static void four_label_counts_are_needed(void **state) {
    (void)state;
    fi_curve_point points[6];
    fi_curve curve;
    fill(points, 6, 0.3, 2, 0.5);
    assert_int_equal(fi_curve_fit(0, points, 1200, &curve), -ENODATA);
    assert_int_equal(fi_curve_fit(3, points, 1200, &curve), -ENODATA);
    assert_int_equal(fi_curve_fit(4, points, 1200, &curve), 0);
    points[3] = points[4] = points[5] = points[2];
    assert_int_equal(fi_curve_fit(6, points, 1200, &curve), -ENODATA);
}

static void unusable_points_are_ignored(void **state) {
    (void)state;
    fi_curve_point points[POINTS + 4];
    fill(points, POINTS, 0.3, 2, 0.5);
    points[POINTS] = (fi_curve_point){1300, NAN, 100};
    points[POINTS + 1] = (fi_curve_point){0, 0.7, 100};
    points[POINTS + 2] = (fi_curve_point){1400, 0.1, 0};
    points[POINTS + 3] = (fi_curve_point){1500, INFINITY, 100};
    fi_curve curve = fit(points, POINTS + 4, 1200);
    assert_near(curve.floor, 0.3, 1e-9);
    for (size_t i = 3; i < POINTS; i++)
        points[i].loss = NAN;
    assert_int_equal(fi_curve_fit(POINTS + 4, points, 1200, &curve), -ENODATA);
}

static void numbers_that_overflow_have_no_curve(void **state) {
    (void)state;
    fi_curve_point points[POINTS];
    fi_curve curve;
    fill(points, POINTS, 0, 1e200, 0.1);
    assert_int_equal(fi_curve_fit(POINTS, points, 1200, &curve), -EDOM);
}

static void the_slope_of_logarithms_is_the_exponent(void **state) {
    (void)state;
    double x[] = {100, 120, 300, 500}, y[4];
    for (size_t i = 0; i < 4; i++)
        y[i] = 7 * pow(x[i], -1.25);
    assert_near(fi_power_slope(4, x, y), -1.25, 1e-9);
}

static void a_slope_takes_three_points_at_different_places(void **state) {
    (void)state;
    const double x[] = {1, 2, 4, 8}, y[] = {8, 4, 2, 1}, same[] = {3, 3, 3, 3};
    const double gaps[] = {8, NAN, 0, 1};
    assert_true(isnan(fi_power_slope(2, x, y)));
    assert_near(fi_power_slope(3, x, y), -1, 1e-12);
    assert_true(isnan(fi_power_slope(4, same, y)));
    assert_true(isnan(fi_power_slope(4, x, gaps)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_points_give_the_power_law_that_made_them),
        cmocka_unit_test(the_fall_is_that_of_the_law_from_the_labels_asked_for_to_twice_as_many),
        cmocka_unit_test(an_exponent_between_the_steps_extrapolates_well),
        cmocka_unit_test(the_interval_covers_the_fall_in_spite_of_noise),
        cmocka_unit_test(a_point_counts_in_proportion_to_its_weight),
        cmocka_unit_test(a_constant_loss_has_nothing_left_to_fall),
        cmocka_unit_test(a_rising_loss_has_no_fall),
        cmocka_unit_test(the_floor_is_never_below_zero),
        cmocka_unit_test(four_label_counts_are_needed),
        cmocka_unit_test(unusable_points_are_ignored),
        cmocka_unit_test(numbers_that_overflow_have_no_curve),
        cmocka_unit_test(the_slope_of_logarithms_is_the_exponent),
        cmocka_unit_test(a_slope_takes_three_points_at_different_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
