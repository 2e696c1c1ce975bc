/* The information of a list of pairs, and arithmetic on information matrices. */
#include "information.h"

#include <assert.h>
#include <cblas.h>
#include <errno.h>
#include <math.h>

#include "component_information.h"
#include "target_clones.h"

double fi_weight(double logit) {
    double e = exp(-fabs(logit));
    return e / ((1.0 + e) * (1.0 + e));
}

double fi_probability(double logit) {
    double e = exp(-fabs(logit));
    return (logit >= 0.0 ? 1.0 : e) / (1.0 + e);
}

int fi_information_new(size_t n_features, fi_information **ret) {
    assert(n_features > 0 && n_features <= FI_WIDTH_MAX);
    fi_information *information =
        calloc(1, sizeof(*information) + n_features * n_features * sizeof(double));
    if (!information)
        return -ENOMEM;
    information->n = n_features;
    *ret = information;
    return 0;
}

int fi_information_copy(const fi_information *information, fi_information **ret) {
    int r = fi_information_new(information->n, ret);
    if (r)
        return r;
    fi_information_merge(*ret, information);
    return 0;
}

void fi_information_free(fi_information *information) {
    free(information);
}

size_t fi_information_size(const fi_information *information) {
    return information->n;
}

const double *fi_information_matrix(const fi_information *information) {
    return information->matrix;
}

void fi_information_scale(fi_information *information, double factor) {
    for (size_t i = 0; i < information->n * information->n; i++)
        information->matrix[i] *= factor;
}

void fi_information_merge(fi_information *information, const fi_information *other) {
    assert(information->n == other->n);
    for (size_t i = 0; i < information->n * information->n; i++)
        information->matrix[i] += other->matrix[i];
}

void fi_information_subtract(fi_information *information, const fi_information *other) {
    assert(information->n == other->n);
    for (size_t i = 0; i < information->n * information->n; i++)
        information->matrix[i] -= other->matrix[i];
}

int fi_information_add(fi_information *information, const fi_candidates *pairs) {
    return fi_information_add_reliable(information, pairs, NULL);
}

int fi_information_add_reliable(fi_information *information, const fi_candidates *pairs,
                                const float *reliabilities) {
    if (pairs->n_features != information->n)
        return -EINVAL;
    FD_CLEANUP(fi_distinct_items_freep) fi_distinct_items *distinct = NULL;
    int r = fi_distinct_items_new(pairs, &distinct);
    if (r)
        return r;
    FD_FREE double *weights = calloc(pairs->n_pairs + 1, sizeof(*weights));
    if (!weights)
        return -ENOMEM;
    for (size_t i = 0; i < pairs->n_pairs; i++) {
        fi_pair pair = pairs->pairs[i];
        double logit = (double)pairs->rewards[pair.a] - (double)pairs->rewards[pair.b];
        double x = reliabilities ? (double)reliabilities[i] : 1.0;
        weights[i] = x * x * fi_weight(x * logit);
    }
    return fi_information_add_weighted(information, distinct, weights);
}

int fi_information_add_weighted(fi_information *information, const fi_distinct_items *distinct,
                                const double *weights) {
    /* The Laplacian costs about 2 m h^2 and little per pair, the differences cost n_pairs h^2, and
     * small components less than m h^2 or n_pairs h^2. */
    int r = distinct->n_pairs > distinct->n_items / 2
                ? fi_information_add_components(information, distinct, weights)
                : 1;
    if (r <= 0)
        return r;
    if (distinct->n_pairs / 3 > distinct->n_items / 2)
        return fi_information_add_laplacian(information, distinct, weights);
    return fi_information_add_differences(information, distinct, weights);
}

int fi_information_add_differences(fi_information *information, const fi_distinct_items *distinct,
                                   const double *weights) {
    size_t h = distinct->n_features;
    FD_FREE double *block = calloc(FI_BLOCK_ROWS * h, sizeof(*block));
    FD_FREE double *sum = calloc(h * h, sizeof(*sum));
    if (!block || !sum)
        return -ENOMEM;
    for (size_t first = 0; first < distinct->n_pairs; first += FI_BLOCK_ROWS) {
        size_t left = distinct->n_pairs - first;
        size_t count = left < FI_BLOCK_ROWS ? left : FI_BLOCK_ROWS;
        for (size_t i = 0; i < count; i++)
            fi_distinct_items_difference(distinct, distinct->pairs[first + i],
                                         weights ? sqrt(weights[first + i]) : 1.0, block + i * h);
        cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)h, (int)count, 1.0, block, (int)h,
                    1.0, sum, (int)h);
    }
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < h; j++)
            information->matrix[i * h + j] += i <= j ? sum[i * h + j] : sum[j * h + i];
    return 0;
}

/* The pairs as the rows of a sparse matrix A. Item a has the entries start[a] … start[a + 1] - 1.
 */
typedef struct adjacency {
    size_t *start;     /* [m + 1] */
    uint32_t *columns; /* [n_pairs] item b */
    double *values;    /* [n_pairs] weight */
    double *degrees;   /* [m] sum of the weights of the pairs of each item */
} adjacency;

static void adjacency_free(adjacency *graph) {
    free(graph->start);
    free(graph->columns);
    free(graph->values);
    free(graph->degrees);
}

static int adjacency_init(adjacency *graph, const fi_distinct_items *distinct,
                          const double *weights) {
    size_t m = distinct->n_items;
    graph->start = calloc(m + 2, sizeof(*graph->start));
    graph->columns = calloc(distinct->n_pairs + 1, sizeof(*graph->columns));
    graph->values = calloc(distinct->n_pairs + 1, sizeof(*graph->values));
    graph->degrees = calloc(m + 1, sizeof(*graph->degrees));
    if (!graph->start || !graph->columns || !graph->values || !graph->degrees)
        return -ENOMEM;
    /* A counting sort. While it runs, start is shifted by two places. */
    for (size_t i = 0; i < distinct->n_pairs; i++)
        if (distinct->pairs[i].a + 2 <= m)
            graph->start[distinct->pairs[i].a + 2]++;
    for (size_t i = 2; i <= m; i++)
        graph->start[i] += graph->start[i - 1];
    for (size_t i = 0; i < distinct->n_pairs; i++) {
        fi_pair pair = distinct->pairs[i];
        double weight = weights ? weights[i] : 1.0;
        size_t at = graph->start[pair.a + 1]++;
        graph->columns[at] = pair.b;
        graph->values[at] = weight;
        graph->degrees[pair.a] += weight;
        graph->degrees[pair.b] += weight;
    }
    return 0;
}

static inline void subtract(size_t h, double scale, const float *row, const double *centre,
                            double *sum) {
#pragma omp simd
    for (size_t j = 0; j < h; j++)
        sum[j] -= scale * ((double)row[j] - centre[j]);
}

/* result [h] = degree / 2 own - sum over the entries of value (features[column] - centre) */
FI_CLONES static void laplacian_row(const adjacency *graph, size_t item,
                                    const fi_distinct_items *distinct, const double *own,
                                    double *result) {
    size_t h = distinct->n_features;
    double half_degree = graph->degrees[item] / 2.0;
    for (size_t j = 0; j < h; j++)
        result[j] = half_degree * own[j];
    for (size_t at = graph->start[item]; at < graph->start[item + 1]; at++)
        subtract(h, graph->values[at], distinct->features + distinct->rows[graph->columns[at]] * h,
                 distinct->centre, result);
}

/* sum of v (f_a - f_b)(f_a - f_b)' = F' (D - A - A') F = G + G' with G = F' (D / 2 - A) F. */
int fi_information_add_laplacian(fi_information *information, const fi_distinct_items *distinct,
                                 const double *weights) {
    size_t h = distinct->n_features;
    FD_CLEANUP(adjacency_free) adjacency graph = {0};
    int r = adjacency_init(&graph, distinct, weights);
    if (r)
        return r;
    FD_FREE double *own = calloc(FI_BLOCK_ROWS * h, sizeof(*own));
    FD_FREE double *rows = calloc(FI_BLOCK_ROWS * h, sizeof(*rows));
    FD_FREE double *half = calloc(h * h, sizeof(*half));
    if (!own || !rows || !half)
        return -ENOMEM;
    for (size_t first = 0; first < distinct->n_items; first += FI_BLOCK_ROWS) {
        size_t left = distinct->n_items - first;
        size_t count = left < FI_BLOCK_ROWS ? left : FI_BLOCK_ROWS;
        fi_distinct_items_block(distinct, first, count, own);
        for (size_t i = 0; i < count; i++)
            laplacian_row(&graph, first + i, distinct, own + i * h, rows + i * h);
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)h, (int)h, (int)count, 1.0, own,
                    (int)h, rows, (int)h, 1.0, half, (int)h);
    }
    for (size_t i = 0; i < h; i++)
        for (size_t j = 0; j < h; j++)
            information->matrix[i * h + j] += half[i * h + j] + half[j * h + i];
    return 0;
}
