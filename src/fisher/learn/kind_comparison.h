/* Two models tried on answers that neither has seen. */
#ifndef FI_KIND_COMPARISON_H
#define FI_KIND_COMPARISON_H

#include <stdbool.h>

#include "data_set.h"

/* Sums over the answers, NaN of a model that is not there. */
typedef struct fi_kind_comparison {
    size_t count;
    double linear;
    double network;
    double difference; /* linear - network */
    double square;     /* of the difference */
} fi_kind_comparison;

/* Adds the losses of answers to a lesson's items; the models, which take them prepared, may be
 * NULL. -ENOMEM. */
int fi_kind_comparison_add(fi_kind_comparison *trial, const fi_data_set *lesson,
                           const fi_answers *answers, const fi_model *linear,
                           const fi_model *network) FD_MUST_CHECK;

/* The standard error of the mean difference. */
double fi_kind_comparison_error(const fi_kind_comparison *trial);

/* By more than two standard errors; not where a sum is NaN. */
bool fi_kind_comparison_network_wins(const fi_kind_comparison *trial);

#endif
