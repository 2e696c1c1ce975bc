/*
 * Failed attempts to authenticate, by the address that they come from: after some, the next ones
 * are told to wait. What is kept is bounded, so an address may be forgotten, in favour of those
 * that try more.
 */
#ifndef FD_FAILURES_H
#define FD_FAILURES_H

#include <pthread.h>
#include <stdint.h>

#include "client_address.h"

enum { FD_FAILURES_SLOTS = 1024, FD_FAILURES_ALLOWED = 10, FD_FAILURES_SECONDS = 60 };

typedef struct fd_failures {
    pthread_mutex_t lock;
    unsigned char key[16]; /* nobody chooses addresses that meet in one place */
    struct fd_failures_slot {
        uint8_t address[16]; /* of IPv6 the first half alone */
        double failures;     /* at `seconds`; they are forgotten at a steady rate */
        double seconds;
    } slots[FD_FAILURES_SLOTS];
} fd_failures;

void fd_failures_init(fd_failures *failures);
void fd_failures_clear(fd_failures *failures);

/* Notes one more at a monotonic time. 0, or the seconds until another is let through, at least 1.
 */
unsigned fd_failures_note(fd_failures *failures, const fd_address *address, double now);

#endif
