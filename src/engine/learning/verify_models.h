/* What the models of a store recorded, against what its items and labels give. */
#ifndef FD_VERIFY_MODELS_H
#define FD_VERIFY_MODELS_H

#include "store.h"

/* Looks whether the models of a store that nobody serves are sound, and whether the information
 * that each recorded when it was trained is that of the answers it knew. Each finding, in words for
 * people, goes to `visit`; none is 0 as well. */
int fd_engine_verify(fd_store *store, fd_finding_visit *visit, void *context) FD_MUST_CHECK;

#endif
