/* The design effect of last_layer.h: how many answers carry what one independent answer would. */
#ifndef FI_DESIGN_EFFECT_H
#define FI_DESIGN_EFFECT_H

#include "posterior_mode.h"

/* D of the answers, with the errors and the factor that the mode has found. -ENOMEM. */
int fi_design_effect(const fi_posterior_mode *mode, const fi_answers *answers,
                     double *ret) FD_MUST_CHECK;

#endif
