/* Two models tried on answers that neither has seen. */
#ifndef FI_TRIAL_H
#define FI_TRIAL_H

#include <stdbool.h>

#include "data_set.h"

/* Sums over the answers, NaN of a model that is not there. */
typedef struct fi_trial {
    size_t count;
    double linear;
    double network;
    double difference; /* linear - network */
    double square;     /* of the difference */
} fi_trial;

/* Adds the losses of answers to a lesson's items; the models, which take them prepared, may be
 * NULL. -ENOMEM. */
int fi_trial_add(fi_trial *trial, const fi_lesson *lesson, const fi_answers *answers,
                 const fi_model *linear, const fi_model *network) FD_MUST_CHECK;

/* The standard error of the mean difference. */
double fi_trial_error(const fi_trial *trial);

/* By more than two standard errors; not where a sum is NaN. */
bool fi_trial_network_wins(const fi_trial *trial);

#endif
