/* The information of the targets, the pairs whose ranking matters. */
#ifndef FI_TARGET_INFORMATION_H
#define FI_TARGET_INFORMATION_H

#include "strategy.h"

/*
 * T = sum of a d d' over the targets, a = v / (1 + v d' M^-1 d): what an answer about a pair that
 * is little known tells about the pair itself, to first order (EPIG: Bickford Smith et al.,
 * Prediction-oriented Bayesian active learning, AISTATS 2023). Without targets the candidates are
 * the targets, as selection.h says. Where the model is too confident for any v, each v counts as 1.
 */
int fi_target_information_new(const fi_problem *problem, fi_information **ret) FD_MUST_CHECK;

#endif
