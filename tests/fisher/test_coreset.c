/* Tests of the strategy `coreset`: its clusters, sensitivities and draws. */
#include "coreset.h"

#include "draws.h"

/* point [h] = sign(logit) d */
static void plain_point(const fi_candidates *from, size_t pair, double *point) {
    problem_difference(from, pair, point);
    for (size_t j = 0; j < from->n_features; j++)
        point[j] *= problem_logit(from, pair) < 0.0 ? -1.0 : 1.0;
}

/* The distance of a point from the mean of a cluster without the member `without`. Returns the
 * number of members that are left.
 */
static size_t plain_distance(const fi_candidates *from, const uint8_t *clusters, size_t cluster,
                             size_t without, size_t pair, double *ret_distance) {
    size_t h = from->n_features, size = 0;
    double *mean = problem_memory(h, sizeof(double)), *point = problem_memory(h, sizeof(double));
    for (size_t i = 0; i < from->n_pairs; i++) {
        if (clusters[i] != cluster || i == without)
            continue;
        size++;
        plain_point(from, i, point);
        for (size_t j = 0; j < h; j++)
            mean[j] += point[j];
    }
    plain_point(from, pair, point);
    double sum = 0.0;
    for (size_t j = 0; j < h && size > 0; j++)
        sum += pow(mean[j] / (double)size - point[j], 2.0);
    *ret_distance = sqrt(sum);
    free(mean);
    free(point);
    return size;
}

static double plain_sensitivity(const fi_candidates *from, const fi_clusters *clusters,
                                double radius, size_t pair) {
    double sum = 1.0;
    for (size_t cluster = 0; cluster < clusters->count; cluster++) {
        double distance;
        size_t size = plain_distance(from, clusters->clusters, cluster, pair, pair, &distance);
        sum += (double)size * exp(-radius * distance);
    }
    return (double)from->n_pairs / sum;
}

static double plain_radius(const fi_candidates *from, const fi_clusters *clusters) {
    double squares = 0.0;
    for (size_t i = 0; i < from->n_pairs; i++) {
        double distance;
        plain_distance(from, clusters->clusters, clusters->clusters[i], SIZE_MAX, i, &distance);
        squares += distance * distance;
    }
    return 1.0 / sqrt(squares / (double)from->n_pairs);
}

/* The clusters of all candidates, and their sensitivities. */
typedef struct clustering {
    setting given;
    fi_clusters clusters;
    double *sensitivities; /* [n_pairs] */
} clustering;

static void clustering_init(clustering *found, const fi_candidates *from, uint64_t seed) {
    setting_init(&found->given, from, seed);
    assert_int_equal(fi_clusters_find(&found->given.problem, &found->clusters), 0);
    found->sensitivities = problem_memory(from->n_pairs, sizeof(double));
    assert_int_equal(
        fi_sensitivities(&found->given.problem, &found->clusters, found->sensitivities), 0);
}

static void clustering_clear(clustering *found) {
    free(found->sensitivities);
    fi_clusters_clear(&found->clusters);
    setting_clear(&found->given);
}

static void sensitivities_are_those_of_the_formula(void **state) {
    (void)state;
    enum { N = 150 };
    static const float scales[] = {1.0f, 1e-12f, 1e15f};
    for (uint64_t seed = 0; seed < 6; seed++) {
        problem made = problem_new(10 + seed, 40, 5, N, 3.0f, 1.0f);
        for (size_t i = 0; i < 40 * 5; i++)
            made.features[i] *= scales[seed % FD_LENGTH(scales)];
        clustering found;
        clustering_init(&found, &made.candidates, seed);
        assert_int_equal(found.clusters.count, FI_CORESET_CLUSTERS);
        double radius = plain_radius(&made.candidates, &found.clusters);
        for (size_t i = 0; i < N; i++) {
            assert_close(found.sensitivities[i],
                         plain_sensitivity(&made.candidates, &found.clusters, radius, i), 1e-9);
            assert_true(found.sensitivities[i] >= 1.0 && found.sensitivities[i] <= N);
        }
        clustering_clear(&found);
        problem_free(&made);
    }
}

static void the_clusters_partition_the_candidates_and_have_their_means(void **state) {
    (void)state;
    enum { N = 5000, WIDTH = 4 }; /* more than are used to find the centres */
    problem made = problem_new(20, 300, WIDTH, N, 0.0f, 1.0f);
    clustering found;
    clustering_init(&found, &made.candidates, 5);
    size_t sizes[FI_CORESET_CLUSTERS] = {0};
    double sums[FI_CORESET_CLUSTERS * WIDTH] = {0}, point[WIDTH];
    for (size_t i = 0; i < N; i++) {
        size_t cluster = found.clusters.clusters[i];
        assert_true(cluster < found.clusters.count);
        sizes[cluster]++;
        plain_point(&made.candidates, i, point);
        for (size_t j = 0; j < WIDTH; j++)
            sums[cluster * WIDTH + j] += point[j];
    }
    for (size_t i = 0; i < found.clusters.count; i++) {
        assert_int_equal(found.clusters.sizes[i], sizes[i]);
        for (size_t j = 0; j < WIDTH; j++)
            assert_close(found.clusters.means[i * WIDTH + j],
                         sums[i * WIDTH + j] / (double)sizes[i], 1e-10);
    }
    clustering_clear(&found);
    problem_free(&made);
}

/* Candidates with one number each: pairs of item i with an item at 0. */
static problem line_new(size_t n, const float *positions) {
    problem made = problem_new(1, n + 1, 1, n, 0.0f, 1.0f);
    made.features[n] = made.rewards[n] = 0.0f;
    for (size_t i = 0; i < n; i++) {
        made.features[i] = positions[i];
        made.rewards[i] = 1.0f;
        made.pairs[i] = (fi_pair){(uint32_t)i, (uint32_t)n};
    }
    return made;
}

static void equal_points_share_a_cluster_and_their_sensitivity(void **state) {
    (void)state;
    enum { N = 8 };
    static const float positions[N] = {1.0f, 7.0f, 7.0f, -20.0f, 7.0f, -20.0f, 7.0f, 7.0f};
    static const double sizes[N] = {1.0, 5.0, 5.0, 2.0, 5.0, 2.0, 5.0, 5.0};
    problem made = line_new(N, positions);
    for (uint64_t seed = 0; seed < 20; seed++) {
        clustering found;
        clustering_init(&found, &made.candidates, seed);
        assert_int_equal(found.clusters.count, 3);
        for (size_t i = 0; i < N; i++)
            assert_close(found.sensitivities[i], N / sizes[i], 1e-5);
        clustering_clear(&found);
    }
    problem_free(&made);
}

/* Sorted, so that the first candidates are all in one group. */
static void well_separated_groups_are_in_different_clusters(void **state) {
    (void)state;
    enum { GROUPS = 3, EACH = 2500, N = GROUPS * EACH };
    float *positions = problem_memory(N, sizeof(float));
    fd_rng rng = fd_rng_seeded(3);
    for (size_t i = 0; i < N; i++)
        positions[i] = 1000.0f * (float)(i / EACH) + (float)fd_rng_normal(&rng);
    problem made = line_new(N, positions);
    for (uint64_t seed = 0; seed < 10; seed++) {
        clustering found;
        clustering_init(&found, &made.candidates, seed);
        size_t groups[FI_CORESET_CLUSTERS];
        for (size_t i = 0; i < N; i++)
            groups[found.clusters.clusters[i]] = i / EACH;
        for (size_t i = 0; i < N; i++)
            assert_int_equal(groups[found.clusters.clusters[i]], i / EACH);
        clustering_clear(&found);
    }
    problem_free(&made);
    free(positions);
}

static void centres_are_seeded_by_their_squared_distance(void **state) {
    (void)state;
    enum { N = 3, DRAWS = 4000 };
    static const float positions[N] = {0.0f, 1.0f, 3.0f};
    problem made = line_new(N, positions);
    size_t first[N] = {0}, second[N] = {0};
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        clustering found;
        clustering_init(&found, &made.candidates, seed);
        first[found.clusters.clusters[0] == 0 ? 0 : found.clusters.clusters[1] == 0 ? 1 : 2]++;
        if (found.clusters.clusters[0] == 0)
            second[found.clusters.clusters[1] == 1 ? 1 : 2]++;
        clustering_clear(&found);
    }
    static const double thirds[N] = {1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0};
    static const double squares[N] = {0.0, 0.1, 0.9}; /* at distances 1 and 9 from the point at 0 */
    check_counts(N, first, thirds, DRAWS);
    check_counts(N, second, squares, (double)first[0]);
    problem_free(&made);
}

static void a_cluster_that_loses_its_members_counts_for_nothing(void **state) {
    (void)state;
    enum { ITEMS = 17, WIDTH = 3, N = 16 };
    size_t empty = 0;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        problem made = problem_new(seed, ITEMS, WIDTH, N, 0.0f, 1.0f);
        for (size_t i = 0; i < ITEMS * WIDTH; i++) /* heavy tails, which make it happen */
            made.features[i] *= made.features[i] * made.features[i];
        clustering found;
        clustering_init(&found, &made.candidates, seed);
        double radius = plain_radius(&made.candidates, &found.clusters);
        for (size_t i = 0; i < found.clusters.count; i++) {
            empty += found.clusters.sizes[i] == 0;
            for (size_t j = 0; j < WIDTH; j++)
                assert_true(isfinite(found.clusters.means[i * WIDTH + j]));
        }
        for (size_t i = 0; i < N; i++)
            assert_close(found.sensitivities[i],
                         plain_sensitivity(&made.candidates, &found.clusters, radius, i), 1e-9);
        clustering_clear(&found);
        problem_free(&made);
    }
    assert_true(empty > 0);
}

static void without_any_difference_every_sensitivity_is_one(void **state) {
    (void)state;
    enum { N = 30 };
    static const float positions[N] = {0.0f};
    problem made = line_new(N, positions);
    clustering found;
    clustering_init(&found, &made.candidates, 1);
    assert_int_equal(found.clusters.count, 1);
    for (size_t i = 0; i < N; i++)
        assert_close(found.sensitivities[i], 1.0, 1e-12);
    clustering_clear(&found);
    problem_free(&made);
}

static void an_outlier_has_a_larger_sensitivity_than_a_point_at_a_centre(void **state) {
    (void)state;
    enum { N = 200 };
    float positions[N];
    fd_rng rng = fd_rng_seeded(7);
    for (size_t i = 0; i < N; i++)
        positions[i] = (float)(10.0 * (double)(i % 4) + fd_rng_normal(&rng));
    positions[0] = 90.0f; /* far from all others */
    positions[1] = 10.0f; /* at the centre of a group */
    problem made = line_new(N, positions);
    for (uint64_t seed = 0; seed < 10; seed++) {
        clustering found;
        clustering_init(&found, &made.candidates, seed);
        assert_true(found.sensitivities[0] > 10.0 * found.sensitivities[1]);
        for (size_t i = 1; i < N; i++)
            assert_true(found.sensitivities[i] < found.sensitivities[0]);
        clustering_clear(&found);
    }
    problem_free(&made);
}

static void the_predicted_answer_sets_the_sign_of_the_point(void **state) {
    (void)state;
    enum { N = 120 };
    problem made = problem_new(30, 40, 3, N, 1.0f, 1.0f);
    for (uint64_t seed = 0; seed < 5; seed++) {
        fi_selection before = selected(&made.candidates, NULL, "coreset", 30, 1.0, seed);
        for (size_t i = seed; i < N; i += 3)
            made.pairs[i] = (fi_pair){made.pairs[i].b, made.pairs[i].a};
        fi_selection after = selected(&made.candidates, NULL, "coreset", 30, 1.0, seed);
        assert_memory_equal(before.pairs, after.pairs, 30 * sizeof(uint32_t));
        fi_selection_clear(&before);
        fi_selection_clear(&after);
    }
    problem_free(&made);
}

/* The clusters depend on the seed, so each draw has its own probabilities. */
static void coreset_draws_in_proportion_to_the_sensitivities(void **state) {
    (void)state;
    enum { N = 12, DRAWS = 4000, K = 3 };
    problem made = problem_new(31, 14, 2, N, 0.0f, 1.0f);
    made.features[0] = 9.0f;
    size_t counts[N] = {0};
    double expected[N] = {0};
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        clustering found;
        clustering_init(&found, &made.candidates, seed);
        double inclusion[N] = {0};
        bool taken[N] = {false};
        successive_sampling(N, found.sensitivities, K, 1.0, taken, inclusion);
        fi_selection got = selected(&made.candidates, NULL, "coreset", K, 1.0, seed);
        for (size_t i = 0; i < K; i++)
            counts[got.pairs[i]]++;
        for (size_t i = 0; i < N; i++)
            expected[i] += inclusion[i] / DRAWS;
        fi_selection_clear(&got);
        clustering_clear(&found);
    }
    double least = 1.0, most = 0.0;
    for (size_t i = 0; i < N; i++) {
        least = fmin(least, expected[i]);
        most = fmax(most, expected[i]);
    }
    assert_true(most > 1.3 * least); /* far from uniform, which would show little */
    check_counts(N, counts, expected, DRAWS);
    problem_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sensitivities_are_those_of_the_formula),
        cmocka_unit_test(the_clusters_partition_the_candidates_and_have_their_means),
        cmocka_unit_test(equal_points_share_a_cluster_and_their_sensitivity),
        cmocka_unit_test(well_separated_groups_are_in_different_clusters),
        cmocka_unit_test(centres_are_seeded_by_their_squared_distance),
        cmocka_unit_test(a_cluster_that_loses_its_members_counts_for_nothing),
        cmocka_unit_test(without_any_difference_every_sensitivity_is_one),
        cmocka_unit_test(an_outlier_has_a_larger_sensitivity_than_a_point_at_a_centre),
        cmocka_unit_test(the_predicted_answer_sets_the_sign_of_the_point),
        cmocka_unit_test(coreset_draws_in_proportion_to_the_sensitivities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
