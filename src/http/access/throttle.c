#include "throttle.h"

#include <assert.h>
#include <math.h>
#include <sodium.h>
#include <string.h>

enum { WAYS = 8 }; /* places that an address may be in */

static const double forgotten_per_second =
    (double)FD_THROTTLE_FAILURES_ALLOWED / FD_THROTTLE_SECONDS;

void fd_throttle_init(fd_throttle *failures) {
    memset(failures, 0, sizeof(*failures));
    (void)pthread_mutex_init(&failures->lock, NULL);
    randombytes_buf(failures->key, sizeof(failures->key));
}

void fd_throttle_clear(fd_throttle *failures) {
    (void)pthread_mutex_destroy(&failures->lock);
}

static double failures_at(const struct fd_throttle_slot *slot, double now) {
    double left = slot->failures - (now - slot->seconds) * forgotten_per_second;
    return left > 0.0 ? left : 0.0;
}

/* The slot of the address, or the one of its places that is missed least. */
static struct fd_throttle_slot *slot_of(fd_throttle *failures, const uint8_t address[static 16],
                                        double now) {
    uint64_t hash;
    static_assert(crypto_shorthash_BYTES == sizeof(hash), "a short hash");
    (void)crypto_shorthash((unsigned char *)&hash, address, 16, failures->key);
    struct fd_throttle_slot *ways = &failures->slots[hash % (FD_THROTTLE_SLOTS / WAYS) * WAYS];
    struct fd_throttle_slot *least = ways;
    for (size_t i = 0; i < WAYS; i++) {
        if (memcmp(ways[i].address, address, 16) == 0)
            return &ways[i];
        if (failures_at(&ways[i], now) < failures_at(least, now))
            least = &ways[i];
    }
    *least = (struct fd_throttle_slot){.seconds = now};
    memcpy(least->address, address, 16);
    return least;
}

unsigned fd_throttle_note_failure(fd_throttle *failures, const fd_address *address, double now) {
    uint8_t place[16];
    memcpy(place, address->bytes, sizeof(place));
    if (!fd_address_is_ipv4(address))
        memset(place + 8, 0, 8); /* whoever has a network has all of its addresses */
    (void)pthread_mutex_lock(&failures->lock);
    struct fd_throttle_slot *slot = slot_of(failures, place, now);
    double before = failures_at(slot, now);
    double wait = (before + 1.0 - FD_THROTTLE_FAILURES_ALLOWED) / forgotten_per_second;
    if (wait <= 0.0) {
        slot->failures = before + 1.0;
        slot->seconds = now;
    }
    (void)pthread_mutex_unlock(&failures->lock);
    return wait <= 0.0 ? 0 : (unsigned)ceil(wait);
}
