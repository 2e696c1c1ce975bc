/* A read-write lock whose writer does not starve. */
#ifndef FD_FAIR_LOCK_H
#define FD_FAIR_LOCK_H

#include <pthread.h>

/* A waiting writer goes before readers that arrive later: readers come in floods, and the writer
 * must not wait for a gap between them. Only glibc offers this; musl's lock lets readers pass. */
static inline void fd_fair_lock_init(pthread_rwlock_t *ret) {
    pthread_rwlockattr_t fair;
    (void)pthread_rwlockattr_init(&fair);
#ifdef __GLIBC__
    (void)pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    (void)pthread_rwlock_init(ret, &fair);
    (void)pthread_rwlockattr_destroy(&fair);
}

#endif
