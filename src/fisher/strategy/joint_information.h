/*
 * The information that the answers to some picks share with the weights of the last layer,
 * estimated by S samples e_s of the whitened weights. Given e_s, the answers are independent, and
 * the answer to a pair is 1 with probability p_s = sigmoid(d' beta + u' e_s), u = U^-T d.
 *
 * Each configuration c of the answers to the picks has a share pi_c and responsibilities
 * W_cs = P(s | c). By the chain rule, the next pick adds (Kirsch, van Amersfoort and Gal, NeurIPS
 * 2019, arXiv 1906.08158)
 *
 *     I(y; e | picks) = sum_c pi_c (h(sum_s W_cs p_s) - sum_s W_cs h(p_s)).
 *
 * As long as all 2^picks configurations fit, they are enumerated. After that, one configuration is
 * drawn from each sample, and each further pick adds a drawn answer to each. The second term also
 * uses W, not its limit, the mean over s: so the noise of the two terms cancels, and no term of the
 * sum is negative.
 */
#ifndef FI_JOINT_INFORMATION_H
#define FI_JOINT_INFORMATION_H

#include "strategy.h"

/* S. The joint information cannot exceed log S = 5.5 nats, which is enough for rounds of several
 * picks. */
#define FI_JOINT_SAMPLES ((size_t)256)
/* One is drawn from each sample. The same number is enumerated, for 8 picks. */
#define FI_JOINT_CONFIGURATIONS FI_JOINT_SAMPLES
#define FI_JOINT_ENUMERATED ((size_t)8)
#define FI_JOINT_PICKS_MAX ((size_t)16)
#define FI_JOINT_BLOCK ((size_t)64)

typedef struct fi_joint_information {
    const fi_problem *problem;
    const float *whitened; /* [m x h] */
    float *samples;        /* [h x S], columns e_s */
    float *differences;    /* [FI_JOINT_BLOCK x h] u of a block of candidates */
    size_t picks;
    size_t configurations;
    double information; /* of all picks, nats */
    float shares[FI_JOINT_CONFIGURATIONS];
    float responsibilities[FI_JOINT_CONFIGURATIONS * FI_JOINT_SAMPLES]; /* W */
    float overall[FI_JOINT_SAMPLES];                                    /* sum_c pi_c W_cs */
    float picked[FI_JOINT_PICKS_MAX * FI_JOINT_SAMPLES];                /* p_s of each pick */
    float probabilities[FI_JOINT_BLOCK * FI_JOINT_SAMPLES];
    float mixed[FI_JOINT_BLOCK * FI_JOINT_CONFIGURATIONS]; /* sum_s W_cs p_s */
} fi_joint_information;

/* `whitened` [m x h] stays the caller's. -ENOMEM. */
int fi_joint_information_new(const fi_problem *problem, const float *whitened,
                             fi_joint_information **ret) FD_MUST_CHECK;
void fi_joint_information_free(fi_joint_information *joint);
FD_DEFINE_CLEANUP(fi_joint_information, fi_joint_information_free)

/* Draws samples of N(0, M^-1), given the factor of M in whitened coordinates, and forgets the
 * picks. -ENOMEM. */
int fi_joint_information_begin(fi_joint_information *joint, const fi_factor *factor) FD_MUST_CHECK;

/* gains [count], nats: how much each of up to FI_JOINT_BLOCK candidates would add. */
void fi_joint_information_gains(fi_joint_information *joint, size_t count, const uint32_t *indices,
                                double *gains);

/* Adds a pick. There may be FI_JOINT_PICKS_MAX of them. */
void fi_joint_information_add(fi_joint_information *joint, uint32_t index);

#endif
