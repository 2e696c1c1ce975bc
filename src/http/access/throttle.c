/* Counts failed authentications per address. */
#include "throttle.h"

#include <assert.h>
#include <math.h>
#include <sodium.h>
#include <string.h>

#include "thread.h"

enum { WAYS = 8 }; /* slots that an address may be in */

static const double decay_per_second = (double)FD_THROTTLE_FAILURES_ALLOWED / FD_THROTTLE_SECONDS;

void fd_throttle_init(fd_throttle *throttle) {
    memset(throttle, 0, sizeof(*throttle));
    (void)pthread_mutex_init(&throttle->lock, NULL);
    randombytes_buf(throttle->key, sizeof(throttle->key));
}

void fd_throttle_clear(fd_throttle *throttle) {
    (void)pthread_mutex_destroy(&throttle->lock);
}

static double failures_at(const struct fd_throttle_slot *slot, double now) {
    double left = slot->failures - (now - slot->seconds) * decay_per_second;
    return left > 0.0 ? left : 0.0;
}

/* The slot of the address. A new address takes the slot, of those it may be in, with the fewest
 * failures. */
static struct fd_throttle_slot *slot_of(fd_throttle *throttle, const uint8_t address[static 16],
                                        double now) {
    uint64_t hash;
    static_assert(crypto_shorthash_BYTES == sizeof(hash), "a short hash");
    (void)crypto_shorthash((unsigned char *)&hash, address, 16, throttle->key);
    struct fd_throttle_slot *ways = &throttle->slots[hash % (FD_THROTTLE_SLOTS / WAYS) * WAYS];
    struct fd_throttle_slot *fewest = ways;
    for (size_t i = 0; i < WAYS; i++) {
        if (memcmp(ways[i].address, address, 16) == 0)
            return &ways[i];
        if (failures_at(&ways[i], now) < failures_at(fewest, now))
            fewest = &ways[i];
    }
    *fewest = (struct fd_throttle_slot){.seconds = now};
    memcpy(fewest->address, address, 16);
    return fewest;
}

unsigned fd_throttle_note_failure(fd_throttle *throttle, const fd_address *address, double now) {
    uint8_t key[16];
    memcpy(key, address->bytes, sizeof(key));
    if (!fd_address_is_ipv4(address))
        memset(key + 8, 0, 8); /* one client has a whole network */
    FD_LOCKED(&throttle->lock);
    struct fd_throttle_slot *slot = slot_of(throttle, key, now);
    double before = failures_at(slot, now);
    double wait = (before + 1.0 - FD_THROTTLE_FAILURES_ALLOWED) / decay_per_second;
    if (wait <= 0.0) {
        slot->failures = before + 1.0;
        slot->seconds = now;
    }
    return wait <= 0.0 ? 0 : (unsigned)ceil(wait);
}
