#include "batch_statistics.h"

#include <cblas.h>
#include <math.h>

enum { ROWS = 256 };

static int count_uses(const fi_distinct_items *distinct, size_t k, const fi_pair *pairs,
                      fi_batch_statistics *figures) {
    FD_FREE uint32_t *uses = calloc(distinct->n_items + 1, sizeof(*uses));
    if (!uses)
        return -ENOMEM;
    for (size_t i = 0; i < k; i++) {
        uses[pairs[i].a]++;
        uses[pairs[i].b]++;
    }
    figures->distinct_items = 0;
    figures->max_uses = 0;
    for (size_t i = 0; i < distinct->n_items; i++) {
        figures->distinct_items += uses[i] > 0;
        if (uses[i] > figures->max_uses)
            figures->max_uses = uses[i];
    }
    figures->mean_uses = k > 0 ? 2.0 * (double)k / (double)figures->distinct_items : 0.0;
    return 0;
}

static void spread_of_gaps(const fi_distinct_items *distinct, size_t k, const fi_pair *pairs,
                           fi_batch_statistics *figures) {
    double sum = 0.0, squares = 0.0, weights = 0.0;
    for (size_t i = 0; i < k; i++) {
        double gap = fabs(fi_distinct_items_logit(distinct, pairs[i]));
        sum += gap;
        squares += gap * gap;
        weights += fi_weight(gap);
    }
    double count = k > 0 ? (double)k : 1.0;
    figures->mean_weight = weights / count;
    figures->mean_reward_gap = sum / count;
    figures->sd_reward_gap = sqrt(fmax(squares / count - sum / count * (sum / count), 0.0));
}

/* Differences of length 1, [k x h]; 0 stays 0. */
static void normalise(const fi_distinct_items *distinct, size_t k, const fi_pair *pairs,
                      double *difference, float *rows) {
    size_t h = distinct->n_features;
    for (size_t i = 0; i < k; i++) {
        fi_distinct_items_difference(distinct, pairs[i], 1.0, difference);
        double length = cblas_dnrm2((int)h, difference, 1);
        for (size_t j = 0; j < h; j++)
            rows[i * h + j] = length > 0.0 ? (float)(difference[j] / length) : 0.0f;
    }
}

static inline float larger(float x, float y) {
    return x > y ? x : y;
}

/* Of a block of cosines of rows first … with columns from first on: each counts for both. */
FI_CLONES static void note_nearest(size_t first, size_t rows, size_t columns,
                                   const float *restrict cosines, float *restrict nearest) {
    for (size_t i = 0; i < rows; i++) {
        float most = nearest[first + i];
#pragma omp simd reduction(max : most)
        for (size_t j = i + 1; j < columns; j++) {
            float cosine = fabsf(cosines[i * columns + j]);
            most = larger(cosine, most);
            nearest[first + j] = larger(cosine, nearest[first + j]);
        }
        nearest[first + i] = most;
    }
}

static int find_nearest(const fi_distinct_items *distinct, size_t k, const fi_pair *pairs,
                        fi_batch_statistics *figures) {
    size_t h = distinct->n_features;
    size_t n = k < FI_BATCH_STATISTICS_PAIRS_MAX ? k : FI_BATCH_STATISTICS_PAIRS_MAX;
    FD_FREE double *difference = calloc(h, sizeof(*difference));
    FD_FREE float *rows = calloc(n + 1, h * sizeof(*rows));
    FD_FREE float *cosines = calloc(n + 1, ROWS * sizeof(*cosines));
    FD_FREE float *nearest = calloc(n + 1, sizeof(*nearest));
    if (!difference || !rows || !cosines || !nearest)
        return -ENOMEM;
    normalise(distinct, n, pairs, difference, rows);
    for (size_t first = 0; first < n; first += ROWS) {
        size_t columns = n - first, count = columns < ROWS ? columns : ROWS;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, (int)columns, (int)h, 1.0f,
                    rows + first * h, (int)h, rows + first * h, (int)h, 0.0f, cosines,
                    (int)columns);
        note_nearest(first, count, columns, cosines, nearest);
    }
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += fmin((double)nearest[i], 1.0);
    figures->mean_nearest_cosine = n > 0 ? sum / (double)n : 0.0;
    return 0;
}

int fi_batch_statistics_of(const fi_distinct_items *distinct, size_t k, const fi_pair *pairs,
                           fi_batch_statistics *ret) {
    fi_batch_statistics figures = {0};
    int r = count_uses(distinct, k, pairs, &figures);
    if (r)
        return r;
    spread_of_gaps(distinct, k, pairs, &figures);
    r = find_nearest(distinct, k, pairs, &figures);
    if (r == 0)
        *ret = figures;
    return r;
}
