/*
 * Failed attempts to authenticate, by the address that they come from: after some, the next ones
 * are told to wait. What is kept is bounded, so an address may be forgotten, in favour of those
 * that try more.
 */
#ifndef FD_THROTTLE_H
#define FD_THROTTLE_H

#include <pthread.h>
#include <stdint.h>

#include "client_address.h"

enum { FD_THROTTLE_SLOTS = 1024, FD_THROTTLE_FAILURES_ALLOWED = 10, FD_THROTTLE_SECONDS = 60 };

typedef struct fd_throttle {
    pthread_mutex_t lock;
    unsigned char key[16]; /* nobody chooses addresses that meet in one place */
    struct fd_throttle_slot {
        uint8_t address[16]; /* of IPv6 the first half alone */
        double failures;     /* at `seconds`; they are forgotten at a steady rate */
        double seconds;
    } slots[FD_THROTTLE_SLOTS];
} fd_throttle;

void fd_throttle_init(fd_throttle *failures);
void fd_throttle_clear(fd_throttle *failures);

/* Notes one more at a monotonic time. 0, or the seconds until another is let through, at least 1.
 */
unsigned fd_throttle_note_failure(fd_throttle *failures, const fd_address *address, double now);

#endif
