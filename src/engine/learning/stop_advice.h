/* The advice on progress: whether to stop labelling, and whether the choice of pairs does harm. */
#ifndef FD_STOP_ADVICE_H
#define FD_STOP_ADVICE_H

#include "learning_progress.h"

/* Sets the expectations, the recommendation and the warning, from the curve and the arms. `below`:
 * stop when twice the labels would lower the held-out loss by less, nats. */
void fd_stop_advice_update(fd_progress *progress, double below);

#endif
