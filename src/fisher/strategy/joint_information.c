/* Estimates the information of joint answers with samples of the weights. */
#include "joint_information.h"

#include <assert.h>
#include <cblas.h>
#include <errno.h>
#include <lapacke.h>
#include <string.h>

#include "bald.h"
#include "float_entropy.h"
#include "target_clones.h"

enum { SAMPLES = (int)FI_JOINT_SAMPLES };

int fi_joint_information_new(const fi_problem *problem, const float *whitened,
                             fi_joint_information **ret) {
    size_t h = problem->distinct->n_features;
    FD_CLEANUP(fi_joint_information_freep) fi_joint_information *joint = calloc(1, sizeof(*joint));
    if (!joint)
        return -ENOMEM;
    joint->problem = problem;
    joint->whitened = whitened;
    joint->samples = calloc(h, FI_JOINT_SAMPLES * sizeof(float));
    joint->differences = calloc(h, FI_JOINT_BLOCK * sizeof(float));
    if (!joint->samples || !joint->differences)
        return -ENOMEM;
    *ret = FD_STEAL(joint);
    return 0;
}

void fi_joint_information_free(fi_joint_information *joint) {
    if (!joint)
        return;
    free(joint->samples);
    free(joint->differences);
    free(joint);
}

FI_CLONES static void centre(double *row) {
    double mean = 0.0;
#pragma omp simd reduction(+ : mean)
    for (size_t s = 0; s < FI_JOINT_SAMPLES; s++)
        mean += row[s] / (double)FI_JOINT_SAMPLES;
    for (size_t s = 0; s < FI_JOINT_SAMPLES; s++)
        row[s] -= mean;
}

/* drawn [h x S]: columns z ~ N(0, identity). If there are enough of them, their mean is made 0 and
 * their covariance the identity, so that the logits of each candidate have their true variance.
 * Only the noise of higher moments is left. */
static int draw_normal(size_t h, fd_rng *rng, double *drawn) {
    for (size_t i = 0; i < h * FI_JOINT_SAMPLES; i++)
        drawn[i] = fd_rng_normal(rng);
    if (h > FI_JOINT_SAMPLES / 2)
        return 0;
    FD_FREE double *factor = calloc(h, h * sizeof(*factor));
    if (!factor)
        return -ENOMEM;
    for (size_t i = 0; i < h; i++)
        centre(drawn + i * FI_JOINT_SAMPLES);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (int)h, SAMPLES, 1.0 / SAMPLES, drawn,
                SAMPLES, 0.0, factor, (int)h);
    /* The lower factor in column-major order is the upper factor in row-major order. */
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (int)h, factor, (int)h) == 0)
        cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, (int)h, SAMPLES,
                    1.0, factor, (int)h, drawn, SAMPLES);
    return 0;
}

/* With M = U'U and z ~ N(0, identity), U^-1 z ~ N(0, M^-1). */
int fi_joint_information_begin(fi_joint_information *joint, const fi_factor *factor) {
    size_t h = factor->n, size = h * FI_JOINT_SAMPLES;
    FD_FREE double *drawn = calloc(size, sizeof(*drawn));
    if (!drawn)
        return -ENOMEM;
    int r = draw_normal(h, joint->problem->rng, drawn);
    if (r)
        return r;
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasUpper, CblasNoTrans, CblasNonUnit, (int)h, SAMPLES,
                1.0, factor->upper, (int)h, drawn, SAMPLES);
    for (size_t i = 0; i < size; i++)
        joint->samples[i] = (float)drawn[i];
    joint->picks = 0;
    joint->information = 0.0;
    joint->configurations = 1;
    joint->shares[0] = 1.0f;
    for (size_t s = 0; s < FI_JOINT_SAMPLES; s++)
        joint->responsibilities[s] = joint->overall[s] = 1.0f / (float)FI_JOINT_SAMPLES;
    return 0;
}

/* ---- gains ---- */

FI_CLONES static void subtract(size_t h, const float *a, const float *b, float *restrict result) {
    for (size_t j = 0; j < h; j++)
        result[j] = a[j] - b[j];
}

/* Takes the difference so that the likelier answer is 0, because small probabilities are more
 * precise. Returns the logit. */
static float load_difference(fi_joint_information *joint, uint32_t index, float *difference) {
    size_t h = joint->problem->distinct->n_features;
    fi_pair pair = joint->problem->distinct->pairs[index];
    double logit = fi_bald_logit(joint->problem, index);
    const float *a = joint->whitened + (size_t)(logit > 0.0 ? pair.b : pair.a) * h;
    const float *b = joint->whitened + (size_t)(logit > 0.0 ? pair.a : pair.b) * h;
    subtract(h, a, b, difference);
    return (float)-fabs(logit);
}

/* Adds the mean to the logits [S], turns them into probabilities, and returns
 * sum_s overall_s h(p_s). */
FI_CLONES static float answer(const float *restrict overall, float mean, float *restrict row) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (size_t s = 0; s < FI_JOINT_SAMPLES; s++) {
        float probability;
        sum += overall[s] * fi_float_answer(row[s] + mean, &probability);
        row[s] = probability;
    }
    return sum;
}

FI_CLONES static float mean_entropy(size_t count, const float *restrict shares,
                                    const float *restrict mixed) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (size_t c = 0; c < count; c++)
        sum += shares[c] * fi_float_entropy(mixed[c]);
    return sum;
}

/* Always multiplies a full block, so that the rounding of a candidate does not depend on the
 * others. */
void fi_joint_information_gains(fi_joint_information *joint, size_t count, const uint32_t *indices,
                                double *gains) {
    enum { BLOCK = (int)FI_JOINT_BLOCK };
    int h = (int)joint->problem->distinct->n_features;
    int configurations = (int)joint->configurations;
    float means[FI_JOINT_BLOCK], given[FI_JOINT_BLOCK];
    assert(count <= FI_JOINT_BLOCK);
    for (size_t i = 0; i < count; i++)
        means[i] = load_difference(joint, indices[i], joint->differences + i * (size_t)h);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, BLOCK, SAMPLES, h, 1.0f,
                joint->differences, h, joint->samples, SAMPLES, 0.0f, joint->probabilities,
                SAMPLES);
    for (size_t i = 0; i < count; i++)
        given[i] = answer(joint->overall, means[i], joint->probabilities + i * FI_JOINT_SAMPLES);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, BLOCK, configurations, SAMPLES, 1.0f,
                joint->probabilities, SAMPLES, joint->responsibilities, SAMPLES, 0.0f, joint->mixed,
                configurations);
    for (size_t i = 0; i < count; i++)
        gains[i] = (double)(mean_entropy(joint->configurations, joint->shares,
                                         joint->mixed + i * joint->configurations) -
                            given[i]);
}

/* ---- picks ---- */

static float *responsibilities_of(fi_joint_information *joint, size_t configuration) {
    return joint->responsibilities + configuration * FI_JOINT_SAMPLES;
}

/* Sets `to` to W_cs given one more answer, and returns the probability of that answer given c. An
 * impossible answer leaves W unchanged. */
FI_CLONES static float condition(const float *restrict probabilities, int is_one, const float *from,
                                 float *to) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (size_t s = 0; s < FI_JOINT_SAMPLES; s++)
        sum += from[s] * (is_one ? probabilities[s] : 1.0f - probabilities[s]);
    if (!(sum > 1e-30f)) {
        memmove(to, from, FI_JOINT_SAMPLES * sizeof(*to));
        return 0.0f;
    }
    for (size_t s = 0; s < FI_JOINT_SAMPLES; s++)
        to[s] = from[s] * (is_one ? probabilities[s] : 1.0f - probabilities[s]) / sum;
    return sum;
}

/* Splits each configuration by the two answers to the last pick. */
static void branch(fi_joint_information *joint) {
    const float *probabilities = joint->picked + (joint->picks - 1) * FI_JOINT_SAMPLES;
    size_t before = joint->configurations;
    for (size_t c = 0; c < before; c++) {
        float *row = responsibilities_of(joint, c);
        float share = joint->shares[c];
        joint->shares[before + c] =
            share * condition(probabilities, 0, row, responsibilities_of(joint, before + c));
        joint->shares[c] = share * condition(probabilities, 1, row, row);
    }
    joint->configurations = 2 * before;
}

static void restart_drawn(fi_joint_information *joint) {
    joint->configurations = FI_JOINT_CONFIGURATIONS;
    for (size_t c = 0; c < FI_JOINT_CONFIGURATIONS; c++)
        joint->shares[c] = 1.0f / (float)FI_JOINT_CONFIGURATIONS;
    for (size_t i = 0; i < FI_JOINT_CONFIGURATIONS * FI_JOINT_SAMPLES; i++)
        joint->responsibilities[i] = 1.0f / (float)FI_JOINT_SAMPLES;
}

/* Draws an answer to the last pick from sample c for every c; the first time, to all picks. */
static void draw(fi_joint_information *joint) {
    size_t first = joint->picks - 1;
    if (first == FI_JOINT_ENUMERATED) {
        restart_drawn(joint);
        first = 0;
    }
    for (size_t pick = first; pick < joint->picks; pick++) {
        const float *probabilities = joint->picked + pick * FI_JOINT_SAMPLES;
        for (size_t c = 0; c < FI_JOINT_CONFIGURATIONS; c++) {
            int is_one = fd_rng_uniform(joint->problem->rng) < (double)probabilities[c];
            float *row = responsibilities_of(joint, c);
            condition(probabilities, is_one, row, row);
        }
    }
}

void fi_joint_information_add(fi_joint_information *joint, uint32_t index) {
    double gain;
    assert(joint->picks < FI_JOINT_PICKS_MAX);
    fi_joint_information_gains(joint, 1, &index, &gain);
    joint->information += gain;
    memcpy(joint->picked + joint->picks++ * FI_JOINT_SAMPLES, joint->probabilities,
           FI_JOINT_SAMPLES * sizeof(float));
    if (joint->picks <= FI_JOINT_ENUMERATED)
        branch(joint);
    else
        draw(joint);
    cblas_sgemv(CblasRowMajor, CblasTrans, (int)joint->configurations, SAMPLES, 1.0f,
                joint->responsibilities, SAMPLES, joint->shares, 1, 0.0f, joint->overall, 1);
}
