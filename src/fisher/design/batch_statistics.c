/* Computes the statistics of a batch. */
#include "batch_statistics.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>

#include "target_clones.h"

enum { ROWS = 256 };

static int count_uses(const fi_distinct_items *distinct, size_t k, const fi_pair *pairs,
                      fi_batch_statistics *statistics) {
    FD_FREE uint32_t *uses = calloc(distinct->n_items + 1, sizeof(*uses));
    if (!uses)
        return -ENOMEM;
    for (size_t i = 0; i < k; i++) {
        uses[pairs[i].a]++;
        uses[pairs[i].b]++;
    }
    statistics->distinct_items = 0;
    statistics->max_uses = 0;
    for (size_t i = 0; i < distinct->n_items; i++) {
        statistics->distinct_items += uses[i] > 0;
        if (uses[i] > statistics->max_uses)
            statistics->max_uses = uses[i];
    }
    statistics->mean_uses = k > 0 ? 2.0 * (double)k / (double)statistics->distinct_items : 0.0;
    return 0;
}

static void spread_of_gaps(const fi_distinct_items *distinct, size_t k, const fi_pair *pairs,
                           fi_batch_statistics *statistics) {
    double sum = 0.0, squares = 0.0, weights = 0.0;
    for (size_t i = 0; i < k; i++) {
        double gap = fabs(fi_distinct_items_logit(distinct, pairs[i]));
        sum += gap;
        squares += gap * gap;
        weights += fi_weight(gap);
    }
    double count = k > 0 ? (double)k : 1.0;
    statistics->mean_weight = weights / count;
    statistics->mean_reward_gap = sum / count;
    statistics->sd_reward_gap = sqrt(fmax(squares / count - sum / count * (sum / count), 0.0));
}

/* rows [k x h] = differences scaled to length 1; a zero stays zero. */
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

/* Takes a block of cosines of the pairs first … first + rows - 1 with those from `first` on. Each
 * cosine counts for both pairs. */
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
                        fi_batch_statistics *statistics) {
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
    statistics->mean_nearest_cosine = n > 0 ? sum / (double)n : 0.0;
    return 0;
}

int fi_batch_statistics_of(const fi_distinct_items *distinct, size_t k, const fi_pair *pairs,
                           fi_batch_statistics *ret) {
    fi_batch_statistics statistics = {0};
    int r = count_uses(distinct, k, pairs, &statistics);
    if (r)
        return r;
    spread_of_gaps(distinct, k, pairs, &statistics);
    r = find_nearest(distinct, k, pairs, &statistics);
    if (r == 0)
        *ret = statistics;
    return r;
}
