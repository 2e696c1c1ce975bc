#include "connection_slots.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

/* For one without a place to send a request and to read the answer, in seconds. */
static const double surplus_patience = 2.0;

/* How long the peers of a connection may keep it waiting before others of their address count more,
 * in seconds. */
static const double respite = 1.0;

struct fd_holder {
    fd_address address;
    unsigned places;
    UT_hash_handle hh;
};

/* ---- by address ---- */

static fd_address network_of(const fd_address *address) {
    static const uint8_t ipv4[12] = {[10] = 0xff, [11] = 0xff};
    fd_address network = *address;
    if (memcmp(network.bytes, ipv4, sizeof(ipv4)) != 0)
        memset(network.bytes + 8, 0, 8);
    return network;
}

static struct fd_holder *find_holder(const fd_connection_slots *places, const fd_address *address) {
    struct fd_holder *holder;
    HASH_FIND(hh, places->holders, address, sizeof(*address), holder);
    return holder;
}

static unsigned places_of(const fd_connection_slots *places, const fd_address *address) {
    const struct fd_holder *holder = find_holder(places, address);
    return holder ? holder->places : 0;
}

static bool give(fd_connection_slots *places, fd_connection_slot *place) {
    struct fd_holder *holder = find_holder(places, &place->address);
    if (!holder) {
        holder = calloc(1, sizeof(*holder));
        if (!holder)
            return false;
        holder->address = place->address;
        HASH_ADD(hh, places->holders, address, sizeof(holder->address), holder);
        if (!holder->hh.tbl) { /* no memory for it */
            free(holder);
            return false;
        }
    }
    holder->places++;
    places->taken++;
    place->holder = holder;
    return true;
}

static void take_back(fd_connection_slots *places, fd_connection_slot *place) {
    struct fd_holder *holder = place->holder;
    place->holder = NULL;
    places->taken--;
    if (--holder->places > 0)
        return;
    assert(places->holders);
    HASH_DEL(places->holders, holder);
    free(holder);
}

/* ---- who must make room ---- */

static bool may_be_displaced(const fd_connection_slot *place, unsigned newcomers, double now) {
    if (!place->holder || place->activity == FD_ACTIVITY_RUNNING)
        return false;
    if (place->is_trusted && place->activity != FD_ACTIVITY_QUIET)
        return false;
    return place->holder->places > newcomers + 1 || now - place->since >= respite;
}

static bool goes_before(const fd_connection_slot *one, const fd_connection_slot *other) {
    if (one->holder->places != other->holder->places)
        return one->holder->places > other->holder->places;
    return one->since < other->since;
}

static fd_connection_slot *find_displaced(const fd_connection_slots *places,
                                          const fd_connection_slot *newcomer, double now) {
    unsigned newcomers = places_of(places, &newcomer->address);
    fd_connection_slot *found = NULL, *place;
    DL_FOREACH(places->all, place) {
        if (may_be_displaced(place, newcomers, now) && (!found || goes_before(place, found)))
            found = place;
    }
    return found;
}

/* There is one. */
static fd_connection_slot *oldest_surplus(const fd_connection_slots *places) {
    fd_connection_slot *place = places->all;
    while (place->holder || place->is_over)
        place = place->next;
    return place;
}

static void cut(fd_connection_slots *places, fd_connection_slot *place, const char *why) {
    if (place->holder)
        take_back(places, place);
    else
        places->surplus--;
    place->is_over = true;
    (void)shutdown(place->fd, SHUT_RDWR);
    fd_metrics_add(places->metrics, FD_METRIC_CONNECTIONS_CUT, why, NULL, 1);
}

/* ---- coming and going ---- */

static bool find_place(fd_connection_slots *places, fd_connection_slot *place, double now) {
    if (places->address_limit > 0 && !place->is_trusted &&
        places_of(places, &place->address) >= places->address_limit)
        return false;
    if (places->taken >= places->limit) {
        fd_connection_slot *displaced = find_displaced(places, place, now);
        if (!displaced)
            return false;
        cut(places, displaced, "displaced");
    }
    return give(places, place);
}

void fd_connection_slots_add(fd_connection_slots *places, fd_connection_slot *place,
                             const fd_address *address, double now) {
    place->address = network_of(address);
    if (!find_place(places, place, now)) {
        if (places->surplus == FD_SURPLUS_MAX)
            cut(places, oldest_surplus(places), "surplus");
        places->surplus++;
    }
    place->deadline = now + surplus_patience;
    fd_connection_slots_enter(places, place, FD_ACTIVITY_QUIET, now);
    DL_APPEND(places->all, place);
}

void fd_connection_slots_remove(fd_connection_slots *places, fd_connection_slot *place) {
    DL_DELETE(places->all, place);
    if (place->holder)
        take_back(places, place);
    else if (!place->is_over)
        places->surplus--;
}

bool fd_connection_slots_has(fd_connection_slots *places, fd_connection_slot *place) {
    if (!place->holder && !place->is_over && find_place(places, place, place->since))
        places->surplus--;
    return place->holder != NULL;
}

void fd_connection_slots_enter(const fd_connection_slots *places, fd_connection_slot *place,
                               fd_activity activity, double now) {
    double deadline = now + places->patience[activity];
    place->activity = activity;
    place->since = now;
    place->deadline = place->holder ? deadline : fmin(deadline, place->deadline);
}

void fd_connection_slots_next_deadline(fd_connection_slots *places, double now) {
    static const char *const why[FD_ACTIVITY_COUNT] = {
        [FD_ACTIVITY_QUIET] = "quiet",
        [FD_ACTIVITY_ARRIVING] = "arriving",
        [FD_ACTIVITY_RUNNING] = "running",
        [FD_ACTIVITY_SENDING] = "sending",
    };
    fd_connection_slot *place;
    DL_FOREACH(places->all, place) {
        if (now >= place->deadline && !place->is_over)
            cut(places, place, why[place->activity]);
    }
}
