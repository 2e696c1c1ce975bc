/* The inside of fi_reliabilities. */
#ifndef FI_FITTED_RELIABILITIES_H
#define FI_FITTED_RELIABILITIES_H

#include <fisher/reliability.h>

#include "macros.h"

FD_DEFINE_CLEANUP(fi_reliabilities, fi_reliabilities_free)

/* A bound on the chance that one of all annotators, who are alike, has a slope that seems as low as
 * this one's; infinite if theirs is not known. */
double fi_reliability_chance(const fi_reliabilities *reliabilities, size_t annotator);

#endif
