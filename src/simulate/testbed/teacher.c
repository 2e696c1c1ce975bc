/* The rewards of fixed random functions, the "teachers". */
#include "teacher.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "rng.h"

enum { HIDDEN = 32 };

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

/* outputs [HIDDEN] = gelu(inputs' weights); inputs [n], weights [n x HIDDEN]. */
static void layer(size_t n, const double *inputs, const double *weights, double *outputs) {
    memset(outputs, 0, HIDDEN * sizeof(*outputs));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < HIDDEN; j++)
            outputs[j] += inputs[i] * weights[i * HIDDEN + j];
    for (size_t j = 0; j < HIDDEN; j++)
        outputs[j] = gelu(outputs[j]);
}

/* Mean and inverse standard deviation of each column; the latter is 0 for a constant column. */
static void measure_columns(const fd_testbed *testbed, double *mean, double *inverse) {
    for (size_t i = 0; i < testbed->n_items; i++)
        for (size_t j = 0; j < testbed->dimension; j++)
            mean[j] +=
                (double)testbed->embeddings[i * testbed->dimension + j] / (double)testbed->n_items;
    for (size_t i = 0; i < testbed->n_items; i++)
        for (size_t j = 0; j < testbed->dimension; j++) {
            double d = (double)testbed->embeddings[i * testbed->dimension + j] - mean[j];
            inverse[j] += d * d / (double)testbed->n_items;
        }
    for (size_t j = 0; j < testbed->dimension; j++)
        inverse[j] = inverse[j] > 1e-18 ? 1 / sqrt(inverse[j]) : 0;
}

double fd_reward_spread(const fd_testbed *testbed, const double *rewards) {
    double deviations = 0, prompts = 0;
    for (size_t k = 0; k < testbed->n_prompts; k++) {
        double count = (double)(testbed->prompt_start[k + 1] - testbed->prompt_start[k]), sum = 0,
               squares = 0;
        double first = rewards[testbed->items_by_prompt[testbed->prompt_start[k]]];
        for (size_t m = testbed->prompt_start[k]; m < testbed->prompt_start[k + 1]; m++) {
            double reward = rewards[testbed->items_by_prompt[m]] - first;
            sum += reward;
            squares += reward * reward;
        }
        deviations += sqrt(fmax(0, squares / count - sum / count * (sum / count)));
        prompts += count > 1;
    }
    return prompts > 0 ? deviations / prompts : 0;
}

/* Centres the rewards and scales them to the wanted deviation within prompts. */
static void scale(const fd_testbed *testbed, double *rewards) {
    double mean = 0, spread = fd_reward_spread(testbed, rewards);
    for (size_t i = 0; i < testbed->n_items; i++)
        mean += rewards[i] / (double)testbed->n_items;
    double factor = spread > 0 ? wanted_deviation / spread : 1;
    for (size_t i = 0; i < testbed->n_items; i++)
        rewards[i] = factor * (rewards[i] - mean);
}

struct weights {
    double *first, *second, *last;
};

static void weights_clear(struct weights *weights) {
    free(weights->first);
    free(weights->second);
    free(weights->last);
}

static double network_reward(const struct weights *weights, size_t inputs, const double *row) {
    double hidden[2][HIDDEN], reward = 0;
    layer(inputs, row, weights->first, hidden[0]);
    layer(HIDDEN, hidden[0], weights->second, hidden[1]);
    for (size_t j = 0; j < HIDDEN; j++)
        reward += hidden[1][j] * weights->last[j];
    return reward;
}

static double linear_reward(const struct weights *weights, size_t inputs, const double *row) {
    double reward = 0;
    for (size_t j = 0; j < inputs; j++)
        reward += row[j] * weights->first[j];
    return reward;
}

static int draw_teacher(fd_teacher teacher, uint64_t seed, size_t inputs, struct weights *ret) {
    fd_rng rng = fd_rng_seeded(seed);
    bool is_network = teacher == FD_TEACHER_NETWORK;
    ret->first = draw_weights(&rng, inputs, is_network ? HIDDEN : 1);
    ret->second = draw_weights(&rng, HIDDEN, HIDDEN);
    ret->last = draw_weights(&rng, HIDDEN, 1);
    return ret->first && ret->second && ret->last ? 0 : -ENOMEM;
}

int fd_teacher_rewards(const fd_testbed *testbed, fd_teacher teacher, uint64_t seed,
                       double *rewards) {
    size_t inputs = testbed->dimension;
    FD_CLEANUP(weights_clear) struct weights weights = {0};
    FD_FREE double *mean = calloc(inputs + 1, sizeof(*mean));
    FD_FREE double *inverse = calloc(inputs + 1, sizeof(*inverse));
    FD_FREE double *row = calloc(inputs + 1, sizeof(*row));
    if (!mean || !inverse || !row || draw_teacher(teacher, seed, inputs, &weights) < 0)
        return -ENOMEM;
    measure_columns(testbed, mean, inverse);
    for (size_t i = 0; i < testbed->n_items; i++) {
        for (size_t j = 0; j < inputs; j++)
            row[j] = ((double)testbed->embeddings[i * inputs + j] - mean[j]) * inverse[j];
        rewards[i] = teacher == FD_TEACHER_NETWORK ? network_reward(&weights, inputs, row)
                                                   : linear_reward(&weights, inputs, row);
    }
    scale(testbed, rewards);
    return 0;
}
