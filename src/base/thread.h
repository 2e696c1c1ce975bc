/*
 * Locks that are released at the end of a scope, and conditions that use the monotonic clock.
 *
 *     {
 *         FD_LOCKED(&queue->lock);
 *         queue->closed = true;
 *     }
 */
#ifndef FD_THREAD_H
#define FD_THREAD_H

#include <pthread.h>

#include "macros.h"

static inline pthread_mutex_t *fd_mutex_lock(pthread_mutex_t *mutex) {
    (void)pthread_mutex_lock(mutex);
    return mutex;
}

static inline void fd_mutex_unlockp(pthread_mutex_t **mutex) {
    (void)pthread_mutex_unlock(*mutex);
}

static inline pthread_rwlock_t *fd_rwlock_read(pthread_rwlock_t *lock) {
    (void)pthread_rwlock_rdlock(lock);
    return lock;
}

static inline pthread_rwlock_t *fd_rwlock_write(pthread_rwlock_t *lock) {
    (void)pthread_rwlock_wrlock(lock);
    return lock;
}

static inline void fd_rwlock_unlockp(pthread_rwlock_t **lock) {
    (void)pthread_rwlock_unlock(*lock);
}

#define FD_CONCATENATE_(a, b) a##b
#define FD_CONCATENATE(a, b) FD_CONCATENATE_(a, b)

/* Locks a mutex, or a read-write lock, from here to the end of the scope. */
#define FD_LOCKED(mutex)                                                                           \
    __attribute__((unused)) FD_CLEANUP(fd_mutex_unlockp) pthread_mutex_t *FD_CONCATENATE(          \
        locked_, __LINE__) = fd_mutex_lock(mutex)
#define FD_READ_LOCKED(lock)                                                                       \
    __attribute__((unused)) FD_CLEANUP(fd_rwlock_unlockp) pthread_rwlock_t *FD_CONCATENATE(        \
        locked_, __LINE__) = fd_rwlock_read(lock)
#define FD_WRITE_LOCKED(lock)                                                                      \
    __attribute__((unused)) FD_CLEANUP(fd_rwlock_unlockp) pthread_rwlock_t *FD_CONCATENATE(        \
        locked_, __LINE__) = fd_rwlock_write(lock)

/* Names the calling thread, for those who watch the process: 15 bytes at most. */
void fd_thread_name(const char *name);

/* Initialises a condition whose timed waits use the monotonic clock: setting the system's time does
 * not make them shorter or longer. */
void fd_condition_init(pthread_cond_t *condition);

/* Wait, with the mutex held, until the condition is signalled or the time is over: after `seconds`,
 * or at a time of fd_monotonic_seconds. As with every condition, a wait may also end early. */
void fd_condition_wait_for(pthread_cond_t *condition, pthread_mutex_t *mutex, double seconds);
void fd_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, double deadline);

#endif
