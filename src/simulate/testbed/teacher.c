#include <errno.h>
#include <math.h>
#include <string.h>

#include "rng.h"
#include "testbed.h"

enum { HIDDEN = 32, TEACHER_SEED = 1 };

static const double weight_scale = 1.5;
static const double wanted_deviation = 4;

static double gelu(double x) {
    return 0.5 * x * (1 + erf(x * M_SQRT1_2));
}

static double *draw_weights(fd_rng *rng, size_t inputs, size_t outputs) {
    double *weights = calloc(inputs * outputs + 1, sizeof(*weights));
    for (size_t i = 0; weights && i < inputs * outputs; i++)
        weights[i] = weight_scale / sqrt((double)inputs) * fd_rng_normal(rng);
    return weights;
}

/* outputs [HIDDEN] = gelu(inputs' weights), weights [n x HIDDEN] */
static void layer(size_t n, const double *inputs, const double *weights, double *outputs) {
    memset(outputs, 0, HIDDEN * sizeof(*outputs));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < HIDDEN; j++)
            outputs[j] += inputs[i] * weights[i * HIDDEN + j];
    for (size_t j = 0; j < HIDDEN; j++)
        outputs[j] = gelu(outputs[j]);
}

/* Of each column; a column that does not vary gets an inverse deviation of zero. */
static void measure_columns(const fd_testbed *data, double *mean, double *inverse) {
    for (size_t i = 0; i < data->n_items; i++)
        for (size_t j = 0; j < data->dimension; j++)
            mean[j] += (double)data->embeddings[i * data->dimension + j] / (double)data->n_items;
    for (size_t i = 0; i < data->n_items; i++)
        for (size_t j = 0; j < data->dimension; j++) {
            double d = (double)data->embeddings[i * data->dimension + j] - mean[j];
            inverse[j] += d * d / (double)data->n_items;
        }
    for (size_t j = 0; j < data->dimension; j++)
        inverse[j] = inverse[j] > 1e-18 ? 1 / sqrt(inverse[j]) : 0;
}

static void scale(const fd_testbed *data, double *rewards) {
    double mean = 0, deviations = 0;
    for (size_t i = 0; i < data->n_items; i++)
        mean += rewards[i] / (double)data->n_items;
    for (size_t k = 0; k < data->n_prompts; k++) {
        double count = (double)(data->first[k + 1] - data->first[k]), sum = 0, squares = 0;
        for (size_t m = data->first[k]; m < data->first[k + 1]; m++) {
            double reward = rewards[data->members[m]] - mean;
            sum += reward;
            squares += reward * reward;
        }
        deviations += sqrt(fmax(0, squares / count - sum / count * (sum / count)));
    }
    double factor = deviations > 0 ? wanted_deviation * (double)data->n_prompts / deviations : 1;
    for (size_t i = 0; i < data->n_items; i++)
        rewards[i] = factor * (rewards[i] - mean);
}

int fd_teacher_rewards(const fd_testbed *data, double *rewards) {
    size_t inputs = data->dimension;
    fd_rng rng = fd_rng_seeded(TEACHER_SEED);
    FD_FREE double *first = draw_weights(&rng, inputs, HIDDEN);
    FD_FREE double *second = draw_weights(&rng, HIDDEN, HIDDEN);
    FD_FREE double *last = draw_weights(&rng, HIDDEN, 1);
    FD_FREE double *mean = calloc(inputs + 1, sizeof(*mean));
    FD_FREE double *inverse = calloc(inputs + 1, sizeof(*inverse));
    FD_FREE double *row = calloc(inputs + 1, sizeof(*row));
    if (!first || !second || !last || !mean || !inverse || !row)
        return -ENOMEM;
    measure_columns(data, mean, inverse);
    for (size_t i = 0; i < data->n_items; i++) {
        double hidden[2][HIDDEN];
        for (size_t j = 0; j < inputs; j++)
            row[j] = ((double)data->embeddings[i * inputs + j] - mean[j]) * inverse[j];
        layer(inputs, row, first, hidden[0]);
        layer(HIDDEN, hidden[0], second, hidden[1]);
        rewards[i] = 0;
        for (size_t j = 0; j < HIDDEN; j++)
            rewards[i] += hidden[1][j] * last[j];
    }
    scale(data, rewards);
    return 0;
}
