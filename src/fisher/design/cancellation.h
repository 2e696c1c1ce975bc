/* How a caller ends a selection before it is done. */
#ifndef FI_CANCELLATION_H
#define FI_CANCELLATION_H

#include <errno.h>
#include <fisher/selection.h>

/* Tells the caller which share is done. 0, or -ECANCELED if the caller ends the selection. */
static inline int fi_go_on(const fi_selection_options *options, double share) {
    return !options->go_on || options->go_on(options->context, share) ? 0 : -ECANCELED;
}

#endif
