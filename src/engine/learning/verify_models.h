/* Verifies the models of a store: recomputes from items and labels what each of them recorded. */
#ifndef FD_VERIFY_MODELS_H
#define FD_VERIFY_MODELS_H

#include "macros.h"
#include "store.h"

/* Checks that the models of a store, which no engine has open, can be decoded, and that the
 * information that each recorded when it was trained is that of the labels, items and scores it
 * knew. Each finding, in words for people, goes to `visit`, and each model that cannot be compared
 * to `unchecked`, with the reason; without any the result is 0 too. */
int fd_engine_verify(fd_store *store, fd_finding_visit *visit, fd_finding_visit *unchecked,
                     void *context) FD_MUST_CHECK;

#endif
