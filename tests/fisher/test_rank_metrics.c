/* Tests of rank correlation and best-of-N. */
#include <errno.h>
#include <fisher/rank_metrics.h>

#include "golden.h"
#include "rng.h"

static void ties_share_the_mean_of_their_ranks(void **state) {
    (void)state;
    /* ranks 1.5 1.5 3 4 against 1 2 3 4: 4.5 / sqrt(4.5 * 5) */
    const double x[] = {2, 2, 5, 9}, y[] = {1, 2, 3, 4};
    double correlation;
    assert_int_equal(fi_spearman(4, x, y, &correlation), 0);
    assert_near(correlation, 4.5 / sqrt(4.5 * 5), 1e-12);
}

static void a_monotone_map_does_not_change_spearman(void **state) {
    (void)state;
    fd_rng rng = fd_rng_seeded(3);
    double x[200], y[200], z[200], plain, mapped;
    for (size_t i = 0; i < 200; i++) {
        x[i] = floor(20 * fd_rng_uniform(&rng));
        y[i] = x[i] + 10 * fd_rng_normal(&rng);
        z[i] = exp(x[i]) - 7;
    }
    assert_int_equal(fi_spearman(200, x, y, &plain), 0);
    assert_int_equal(fi_spearman(200, z, y, &mapped), 0);
    assert_true(plain == mapped);
}

static void a_constant_side_or_one_item_has_no_correlation(void **state) {
    (void)state;
    const double x[] = {1, 1, 1}, y[] = {1, 2, 3};
    double correlation;
    assert_int_equal(fi_spearman(3, x, y, &correlation), -EDOM);
    assert_int_equal(fi_spearman(1, y, y, &correlation), -EDOM);
    assert_int_equal(fi_spearman(0, y, y, &correlation), -EDOM);
}

static void best_of_n_averages_over_every_subset(void **state) {
    (void)state;
    /* With ties. The 10 subsets of 3 of 5 are enumerated. */
    const double predicted[] = {1, 3, 3, 0, 2}, golden_reward[] = {5, 1, 9, 4, 2};
    double sum = 0, mean;
    int subsets = 0;
    for (unsigned mask = 0; mask < 32; mask++) {
        if (__builtin_popcount(mask) != 3)
            continue;
        double best = -1, total = 0;
        int ties = 0;
        for (size_t i = 0; i < 5; i++)
            if (mask >> i & 1)
                best = fmax(best, predicted[i]);
        for (size_t i = 0; i < 5; i++) {
            if ((mask >> i & 1) && predicted[i] == best) {
                total += golden_reward[i];
                ties++;
            }
        }
        sum += total / ties;
        subsets++;
    }
    assert_int_equal(fi_best_of_mean(5, 3, predicted, golden_reward, &mean), 0);
    assert_near(mean, sum / subsets, 1e-12);
    assert_int_equal(fi_best_of_mean(5, 5, predicted, golden_reward, &mean), 0);
    assert_near(mean, 5, 1e-12);
    assert_int_equal(fi_best_of_mean(5, 0, predicted, golden_reward, &mean), -EINVAL);
    assert_int_equal(fi_best_of_mean(5, 6, predicted, golden_reward, &mean), -EINVAL);
}

static void best_of_takes_the_first_item_of_a_tie(void **state) {
    (void)state;
    const double predicted[] = {1, 3, 3}, golden_reward[] = {10, 20, 30};
    const uint32_t subset[] = {2, 0, 1};
    assert_near(fi_best_of(3, subset, predicted, golden_reward), 30, 0);
}

static const char *metrics_folder(void) {
    static char folder[400];
    char probe[440];
    const char *shared = getenv("FISHERD_SHARED");
    (void)snprintf(folder, sizeof(folder), "%s/golden/metrics", shared ? shared : "");
    (void)snprintf(probe, sizeof(probe), "%s/metrics.json", folder);
    FILE *there = fopen(probe, "re");
    if (!there)
        return NULL;
    (void)fclose(there);
    return folder;
}

static void spearman_agrees_with_scipy(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double expected[6];
    } sets[] = {
        {"spearman_noties",
         {0.5553148932595731, 0.5777084228336914, 0.5678448633794535, 0.5735611102444409,
          0.6201078564314257, 0.5631812607250428}},
        {"spearman_ties",
         {0.5570202442719329, 0.5759427031926652, 0.5682649756936539, 0.5743755367285589,
          0.6188764162552718, 0.562785070042962}},
    };
    const char *folder = metrics_folder();
    if (!folder) {
        print_message("no golden metrics: skipped\n");
        skip();
    }
    for (size_t s = 0; s < FD_LENGTH(sets); s++) {
        char x_name[64], y_name[64];
        (void)snprintf(x_name, sizeof(x_name), "%s_x", sets[s].name);
        (void)snprintf(y_name, sizeof(y_name), "%s_y", sets[s].name);
        GOLDEN x = golden_load(folder, x_name);
        GOLDEN y = golden_load(folder, y_name);
        for (size_t i = 0; i < x.rows; i++) {
            double correlation;
            assert_int_equal(fi_spearman(x.columns, x.values + i * x.columns,
                                         y.values + i * x.columns, &correlation),
                             0);
            assert_near(correlation, sets[s].expected[i], 1e-7);
        }
    }
}

static void best_of_n_agrees_with_the_independent_implementation(void **state) {
    (void)state;
    static const size_t sizes[] = {5, 10, 30, 50, 100, 300, 500};
    const char *folder = metrics_folder();
    if (!folder) {
        print_message("no golden metrics: skipped\n");
        skip();
    }
    GOLDEN predicted = golden_load(folder, "bon_pred");
    GOLDEN truth = golden_load(folder, "bon_gold");
    GOLDEN orders = golden_load(folder, "bon_perms");
    GOLDEN expected = golden_load(folder, "bon_out");
    for (size_t s = 0; s < FD_LENGTH(sizes); s++) {
        double sum = 0;
        for (size_t p = 0; p < predicted.rows; p++) {
            uint32_t subset[500];
            const double *order = orders.values + (p * FD_LENGTH(sizes) + s) * predicted.columns;
            for (size_t i = 0; i < sizes[s]; i++)
                subset[i] = (uint32_t)order[i];
            sum += fi_best_of(sizes[s], subset, predicted.values + p * predicted.columns,
                              truth.values + p * predicted.columns);
        }
        assert_near(sum / (double)predicted.rows, expected.values[s], 1e-8);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_share_the_mean_of_their_ranks),
        cmocka_unit_test(a_monotone_map_does_not_change_spearman),
        cmocka_unit_test(a_constant_side_or_one_item_has_no_correlation),
        cmocka_unit_test(best_of_n_averages_over_every_subset),
        cmocka_unit_test(best_of_takes_the_first_item_of_a_tie),
        cmocka_unit_test(spearman_agrees_with_scipy),
        cmocka_unit_test(best_of_n_agrees_with_the_independent_implementation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
