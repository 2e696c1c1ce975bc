/*
 * The strategy `coreset`: a coreset for logistic regression (Huggins, Campbell and Broderick, NIPS
 * 2016, algorithm 1). Each candidate is the point z = sign(logit) d. The predicted answer sets its
 * sign, so (a, b) and (b, a) are one point. The sensitivity of a point is the largest share of the
 * log likelihood that it can have, for any parameters in a ball of radius R. With a clustering
 * G_1, … of the N points it is at most (lemma 3.1)
 *
 *     m_n = N / (1 + sum over i of |G_i without n| exp(-R |zbar_i without n - z_n|))
 *
 * where zbar_i is the mean of G_i. It is large for a point with few others near it. The batch is
 * drawn without replacement with probability proportional to m.
 *
 * R is 1 / (root mean square distance of the points from the mean of their own cluster). Parameters
 * of that length change the log odds by one across a typical cluster, whatever the units of the
 * features are.
 */
#include "coreset.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "cancellation.h"
#include "random_draw.h"
#include "target_clones.h"
#include "weighted_draw.h"

/* At most this many candidates are used to find the centres, which is enough for a few clusters.
 * Then all candidates are assigned to them. */
#define SAMPLE_MAX ((size_t)2048)

/* The bound holds for any clustering, and the first iterations improve it most. */
#define LLOYD_ITERATIONS 4

/* A cluster that is narrower than this share of the length of its points is one point, up to
 * rounding. */
#define WIDTH_FLOOR 1e-6

/* z of one candidate */
static void point_of(const fi_problem *problem, size_t index, double *point) {
    fi_distinct_items_difference(problem->distinct, problem->distinct->pairs[index],
                                 problem->logits[index] < 0.0 ? -1.0 : 1.0, point);
}

FI_CLONES static void squared_distances(size_t h, size_t count, const double *centres,
                                        const double *point, double *squares) {
    for (size_t i = 0; i < count; i++) {
        const double *centre = centres + i * h;
        double sum = 0.0;
#pragma omp simd reduction(+ : sum)
        for (size_t j = 0; j < h; j++)
            sum += (point[j] - centre[j]) * (point[j] - centre[j]);
        squares[i] = sum;
    }
}

/* ---- clusters ---- */

void fi_clusters_clear(fi_clusters *clusters) {
    free(clusters->sizes);
    free(clusters->means);
    free(clusters->clusters);
    *clusters = (fi_clusters){0};
}

/* The state of the search for clusters. */
typedef struct search {
    const fi_problem *problem;
    size_t n_sample;
    uint32_t *order; /* [n] the sample first */
    double *nearest; /* [n_sample] squared distance to the nearest centre so far */
    double *point;   /* [h] */
    double *sums;    /* [FI_CORESET_CLUSTERS x h] */
} search;

static void search_free(search *work) {
    free(work->order);
    free(work->nearest);
    free(work->point);
    free(work->sums);
}

static int search_init(search *work, fi_clusters *clusters) {
    size_t n = work->problem->distinct->n_pairs, h = work->problem->distinct->n_features;
    work->n_sample = n < SAMPLE_MAX ? n : SAMPLE_MAX;
    work->order = calloc(n, sizeof(*work->order));
    work->nearest = calloc(work->n_sample, sizeof(*work->nearest));
    work->point = calloc(h, sizeof(*work->point));
    work->sums = calloc(FI_CORESET_CLUSTERS, h * sizeof(*work->sums));
    clusters->sizes = calloc(FI_CORESET_CLUSTERS, sizeof(*clusters->sizes));
    clusters->means = calloc(FI_CORESET_CLUSTERS, h * sizeof(*clusters->means));
    clusters->clusters = calloc(n, sizeof(*clusters->clusters));
    if (!work->order || !work->nearest || !work->point || !work->sums || !clusters->sizes ||
        !clusters->means || !clusters->clusters)
        return -ENOMEM;
    fi_shuffle_front(work->problem->rng, n, work->n_sample, work->order);
    return 0;
}

/* Updates `nearest` with the latest centre, and returns its sum. */
static double update_nearest(const search *work, const fi_clusters *clusters) {
    size_t h = work->problem->distinct->n_features;
    const double *latest = clusters->means + (clusters->count - 1) * h;
    double total = 0.0;
    for (size_t i = 0; i < work->n_sample; i++) {
        double square;
        point_of(work->problem, work->order[i], work->point);
        squared_distances(h, 1, latest, work->point, &square);
        if (clusters->count == 1 || square < work->nearest[i])
            work->nearest[i] = square;
        total += work->nearest[i];
    }
    return total;
}

/* A point of the sample with probability proportional to `nearest`, whose sum is `total`. */
static size_t draw_far(const search *work, double total) {
    double left = fd_rng_uniform(work->problem->rng) * total;
    size_t drawn = 0;
    for (size_t i = 0; i < work->n_sample && left >= 0.0; i++) {
        drawn = i;
        left -= work->nearest[i];
    }
    return drawn;
}

/* k-means++ (Arthur and Vassilvitskii 2007). Ends early if each point of the sample is a centre. */
static void seed_centres(const search *work, fi_clusters *clusters) {
    size_t h = work->problem->distinct->n_features, drawn = 0;
    double total;
    do {
        point_of(work->problem, work->order[drawn], clusters->means + clusters->count++ * h);
        total = update_nearest(work, clusters);
        drawn = draw_far(work, total);
    } while (clusters->count < FI_CORESET_CLUSTERS && total > 0.0);
}

static uint8_t nearest_centre(size_t h, const fi_clusters *clusters, const double *point) {
    double squares[FI_CORESET_CLUSTERS];
    squared_distances(h, clusters->count, clusters->means, point, squares);
    uint8_t nearest = 0;
    for (uint8_t i = 1; i < clusters->count; i++)
        if (squares[i] < squares[nearest])
            nearest = i;
    return nearest;
}

FI_CLONES static void add(size_t h, const double *restrict point, double *restrict sum) {
    for (size_t j = 0; j < h; j++)
        sum[j] += point[j];
}

/* Assigns candidates to their nearest centres, and moves each centre to the mean of its members.
 * `indices` [count]; NULL means the first `count` candidates. */
static int iterate(const search *work, const uint32_t *indices, size_t count,
                   fi_clusters *clusters) {
    size_t h = work->problem->distinct->n_features;
    memset(work->sums, 0, FI_CORESET_CLUSTERS * h * sizeof(*work->sums));
    memset(clusters->sizes, 0, FI_CORESET_CLUSTERS * sizeof(*clusters->sizes));
    for (size_t i = 0; i < count; i++) {
        if (i % FI_BLOCK_ROWS == 0 && fi_go_on(work->problem->options, 0.1))
            return -ECANCELED;
        size_t index = indices ? indices[i] : i;
        point_of(work->problem, index, work->point);
        uint8_t nearest = nearest_centre(h, clusters, work->point);
        add(h, work->point, work->sums + nearest * h);
        clusters->sizes[nearest]++;
        clusters->clusters[index] = nearest;
    }
    for (size_t i = 0; i < clusters->count; i++)
        for (size_t j = 0; j < h && clusters->sizes[i] > 0; j++)
            clusters->means[i * h + j] = work->sums[i * h + j] / (double)clusters->sizes[i];
    return 0;
}

int fi_clusters_find(const fi_problem *problem, fi_clusters *ret) {
    FD_CLEANUP(search_free) search work = {.problem = problem};
    FD_CLEANUP(fi_clusters_clear) fi_clusters clusters = {0};
    int r = search_init(&work, &clusters);
    if (r)
        return r;
    seed_centres(&work, &clusters);
    for (int i = 0; r == 0 && i < LLOYD_ITERATIONS; i++)
        r = iterate(&work, work.order, work.n_sample, &clusters);
    if (r == 0)
        r = iterate(&work, NULL, problem->distinct->n_pairs, &clusters);
    if (r)
        return r;
    *ret = clusters;
    clusters = (fi_clusters){0};
    return 0;
}

/* ---- sensitivities ---- */

/* Sets distances [n x count] of each point from each mean, and R. */
static int measure(const fi_problem *problem, const fi_clusters *clusters, double *distances,
                   double *ret_radius) {
    size_t n = problem->distinct->n_pairs, h = problem->distinct->n_features;
    FD_FREE double *point = calloc(2 * h, sizeof(*point));
    if (!point)
        return -ENOMEM;
    const double *origin = point + h;
    double lengths = 0.0, widths = 0.0, square;
    for (size_t i = 0; i < n; i++) {
        if (i % FI_BLOCK_ROWS == 0 && fi_go_on(problem->options, 0.5))
            return -ECANCELED;
        double *row = distances + i * clusters->count;
        point_of(problem, i, point);
        squared_distances(h, 1, origin, point, &square);
        squared_distances(h, clusters->count, clusters->means, point, row);
        lengths += square;
        widths += row[clusters->clusters[i]];
        for (size_t j = 0; j < clusters->count; j++)
            row[j] = sqrt(row[j]);
    }
    double width = sqrt(fmax(widths, WIDTH_FLOOR * WIDTH_FLOOR * lengths) / (double)n);
    *ret_radius = width > 0.0 ? 1.0 / width : 0.0;
    return 0;
}

/* |G| exp(-R |zbar - z|) of a cluster. If it is the point's own cluster, the point is left out:
 * then the mean is (|G| zbar - z) / (|G| - 1), which is |G| / (|G| - 1) times as far from z. */
static double neighbours(size_t size, bool own, double radius, double distance) {
    if (size <= own)
        return 0.0;
    double others = (double)(size - own);
    return others * exp(-radius * distance * (double)size / others);
}

int fi_sensitivities(const fi_problem *problem, const fi_clusters *clusters,
                     double *sensitivities) {
    size_t n = problem->distinct->n_pairs;
    FD_FREE double *distances = calloc(n, clusters->count * sizeof(*distances));
    if (!distances)
        return -ENOMEM;
    double radius;
    int r = measure(problem, clusters, distances, &radius);
    for (size_t i = 0; r == 0 && i < n; i++) {
        double sum = 1.0;
        for (size_t j = 0; j < clusters->count; j++)
            sum += neighbours(clusters->sizes[j], j == clusters->clusters[i], radius,
                              distances[i * clusters->count + j]);
        sensitivities[i] = (double)n / sum;
    }
    return r;
}

int fi_choose_coreset(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    FD_CLEANUP(fi_clusters_clear) fi_clusters clusters = {0};
    FD_FREE double *sensitivities = calloc(problem->distinct->n_pairs, sizeof(*sensitivities));
    if (!sensitivities)
        return -ENOMEM;
    int r = fi_clusters_find(problem, &clusters);
    if (r == 0)
        r = fi_sensitivities(problem, &clusters, sensitivities);
    return r ? r : fi_weighted_draw(problem, sensitivities, k, batch, count);
}
