/* The advice on progress: whether to stop labelling, and whether the choice of pairs does harm. */
#ifndef FD_STOP_ADVICE_H
#define FD_STOP_ADVICE_H

#include "learning_progress.h"

/* Sets the expectations, the recommendation and the warning, from the exam and from what choosing
 * taught. `below`: stop when twice the labels would lower the loss by less, nats. */
void fd_stop_advice_update(fd_progress *progress, double below);

#endif
