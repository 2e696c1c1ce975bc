/*
 * The pending factor: the factor of M with all pairs that are out or lie ready, so that a quick
 * choice counts them as known. A refit or another model makes a new one; in between, pairs are
 * added, and those that were given back stay in it. It has a lock of its own.
 */
#ifndef FD_PENDING_FACTOR_H
#define FD_PENDING_FACTOR_H

#include <pthread.h>

#include "engine_options.h"
#include "macros.h"
#include "snapshot.h"

typedef struct fd_pending_factor {
    pthread_mutex_t lock;
    fi_factor *factor;            /* NULL: there is none yet */
    const fd_served_model *model; /* whose features it is of, as it was trained; only compared */
    size_t width;                 /* of those features */
    uint64_t changes;
} fd_pending_factor;

void fd_pending_factor_init(fd_pending_factor *pending);
void fd_pending_factor_clear(fd_pending_factor *pending);

/* A copy for the features of the snapshot: without pending pairs if there is none for them.
 * *ret_changes is for the next function. -ENOMEM. */
int fd_pending_factor_copy(fd_pending_factor *pending, const fd_snapshot *snapshot, fi_factor **ret,
                           uint64_t *ret_changes) FD_MUST_CHECK;

/* Replaces it by *factor, which it takes over; false, and nothing happens, if it has changed since
 * the copy. */
bool fd_pending_factor_replace(fd_pending_factor *pending, const fd_snapshot *snapshot,
                               fi_factor **factor, uint64_t changes);

/* Adds pairs; with `fresh` to a new one rather than to what is there. Where others change it all
 * the time, the pairs are left out. -ENOMEM. */
int fd_pending_factor_add(fd_pending_factor *pending, const fd_snapshot *snapshot, bool fresh,
                          const fi_pair *pairs, size_t n) FD_MUST_CHECK;

#endif
