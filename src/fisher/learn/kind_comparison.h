/* Compares the two kinds of model on answers that neither was trained on. */
#ifndef FI_KIND_COMPARISON_H
#define FI_KIND_COMPARISON_H

#include <stdbool.h>

#include <fisher/train.h>

#include "macros.h"

/* Sums over the answers; NaN if a model is missing. Answers of one cluster are alike, so the error
 * of the mean difference takes each cluster of n answers, with the sum s of their differences, as
 * one. */
typedef struct fi_kind_comparison {
    size_t count;
    double linear;
    double network;
    double difference; /* linear - network */
    double square;     /* sum of s^2 */
    double product;    /* sum of n s */
    double size;       /* sum of n^2 */
} fi_kind_comparison;

/* Adds the losses on answers, which count by their reliabilities, given the rewards that each model
 * has for their items; NULL means that a model is missing. No cluster may be in two calls. -ENOMEM.
 */
int fi_kind_comparison_add(fi_kind_comparison *comparison, const fi_answers *answers,
                           const float *linear, const float *network) FD_MUST_CHECK;

/* The standard error of the mean difference. */
double fi_kind_comparison_error(const fi_kind_comparison *comparison);

/* Whether the network's loss is lower by more than two standard errors. false if a sum is NaN. */
bool fi_kind_comparison_network_wins(const fi_kind_comparison *comparison);

#endif
