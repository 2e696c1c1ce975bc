/*
 * Knowledge gradients: how much better the best response of a prompt is expected to be once a
 * candidate is answered (Frazier, Powell and Dayanik, The knowledge-gradient policy for correlated
 * normal beliefs, INFORMS Journal on Computing 2009).
 *
 * An answer to a pair with difference d, weight v and leverage l = d' M^-1 d moves the reward of
 * item i by delta_i (1 - p) if a wins and by -delta_i p if b wins, where
 *
 *     delta_i = phi_i' M^-1 d / (1 + v l)    and    p = sigmoid(d' beta / sqrt(1 + pi l / 8)).
 *
 * The gain of the pair is the sum over the target groups of
 *
 *     p max_i (r_i + delta_i (1 - p)) + (1 - p) max_i (r_i - delta_i p) - max_i r_i.
 *
 * Rewards and deltas are counted from those of the best item, so the gain is never below zero, and
 * exactly zero where no answer changes which item is best.
 */
#ifndef FI_KNOWLEDGE_H
#define FI_KNOWLEDGE_H

#include "strategy.h"
#include "target_groups.h"

typedef struct fi_knowledge fi_knowledge;

/* For up to `room` candidates at a time. The problem and the groups stay the caller's. -ENOMEM. */
int fi_knowledge_new(const fi_problem *problem, const fi_target_groups *groups, size_t room,
                     fi_knowledge **ret) FD_MUST_CHECK;
void fi_knowledge_free(fi_knowledge *knowledge);
FD_DEFINE_CLEANUP(fi_knowledge, fi_knowledge_free)

/* Sets the gains [n] of some candidates, n <= room, whose indices stay the caller's. -EDOM for a
 * singular factor, -ENOMEM. */
int fi_knowledge_of(fi_knowledge *knowledge, size_t n, const uint32_t *indices,
                    double *gains) FD_MUST_CHECK;

/* Counts the candidate at a place, 0 to n - 1, as known, and sets the gains given that. */
int fi_knowledge_pick(fi_knowledge *knowledge, size_t place, double *gains) FD_MUST_CHECK;

#endif
