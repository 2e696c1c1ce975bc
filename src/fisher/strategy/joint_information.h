/*
 * The information that the answers to some picks share with the weights of the last layer, by
 * samples e_s of the whitened weights, s < S: given e_s the answers are independent and that to a
 * pair is 1 with probability p_s = sigmoid(d' beta + u' e_s), u = U^-T d.
 *
 * For every configuration c of the answers to the picks its share pi_c and the responsibilities
 * W_cs = P(s | c) are kept. By the chain rule the next pick adds (Kirsch, van Amersfoort and Gal,
 * NeurIPS 2019, arXiv 1906.08158)
 *
 *     I(y; e | picks) = sum_c pi_c (h(sum_s W_cs p_s) - sum_s W_cs h(p_s)).
 *
 * While 2^picks configurations fit they are enumerated. After that as many are drawn, one from each
 * sample, and every further pick adds a drawn answer to each. The second term is taken under the
 * same W rather than as the mean over s that it tends to: their noise cancels, and no term of the
 * sum is negative.
 */
#ifndef FI_JOINT_INFORMATION_H
#define FI_JOINT_INFORMATION_H

#include "strategy.h"

/* The joint information cannot exceed log S = 5.5 nats: enough for rounds of several picks. */
#define FI_JOINT_SAMPLES ((size_t)256)
/* One drawn from each sample; as many are enumerated, for 8 picks. */
#define FI_JOINT_CONFIGURATIONS FI_JOINT_SAMPLES
#define FI_JOINT_ENUMERATED ((size_t)8)
#define FI_JOINT_PICKS_MAX ((size_t)16)
#define FI_JOINT_BLOCK ((size_t)64)

typedef struct fi_joint_information {
    const fi_problem *problem;
    const float *whitened; /* [m x h] */
    float *samples;        /* [h x S] a column e_s each */
    float *differences;    /* [FI_JOINT_BLOCK x h] u of the candidates at hand */
    size_t picks;
    size_t configurations;
    double information; /* of the picks together */
    float shares[FI_JOINT_CONFIGURATIONS];
    float responsibilities[FI_JOINT_CONFIGURATIONS * FI_JOINT_SAMPLES]; /* W */
    float overall[FI_JOINT_SAMPLES];                                    /* sum_c pi_c W_cs */
    float picked[FI_JOINT_PICKS_MAX * FI_JOINT_SAMPLES];                /* p_s of each pick */
    float probabilities[FI_JOINT_BLOCK * FI_JOINT_SAMPLES];
    float mixed[FI_JOINT_BLOCK * FI_JOINT_CONFIGURATIONS]; /* sum_s W_cs p_s */
} fi_joint_information;

int fi_joint_information_new(const fi_problem *problem, const float *whitened,
                             fi_joint_information **ret) FD_MUST_CHECK;
void fi_joint_information_free(fi_joint_information *joint);
FD_DEFINE_CLEANUP(fi_joint_information, fi_joint_information_free)

/* Draws samples of N(0, M^-1) for M in whitened coordinates, and forgets the picks. */
int fi_joint_information_begin(fi_joint_information *joint, const fi_factor *factor) FD_MUST_CHECK;

/* What each of up to FI_JOINT_BLOCK candidates would add: gains [count], nats. */
void fi_joint_information_gains(fi_joint_information *joint, size_t count, const uint32_t *indices,
                                double *gains);

/* Adds one of up to FI_JOINT_PICKS_MAX picks. */
void fi_joint_information_add(fi_joint_information *joint, uint32_t index);

#endif
