/*
 * Counts failed authentications per address. After ten within a minute the address must wait. The
 * table has a fixed size: an address may be forgotten in favour of one that fails more often.
 */
#ifndef FD_THROTTLE_H
#define FD_THROTTLE_H

#include <pthread.h>
#include <stdint.h>

#include "client_address.h"

enum { FD_THROTTLE_SLOTS = 1024, FD_THROTTLE_FAILURES_ALLOWED = 10, FD_THROTTLE_SECONDS = 60 };

typedef struct fd_throttle {
    pthread_mutex_t lock;
    unsigned char key[16]; /* of the hash, so that nobody can choose addresses that collide */
    struct fd_throttle_slot {
        uint8_t address[16]; /* of IPv6 the first 64 bits */
        double failures;     /* at `seconds`; they decay at a steady rate */
        double seconds;
    } slots[FD_THROTTLE_SLOTS];
} fd_throttle;

void fd_throttle_init(fd_throttle *throttle);
void fd_throttle_clear(fd_throttle *throttle);

/* Counts a failure at a monotonic time. 0, or the seconds, at least 1, that the address must
 * wait. */
unsigned fd_throttle_note_failure(fd_throttle *throttle, const fd_address *address, double now);

#endif
