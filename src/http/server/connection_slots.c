/* Decides which connections are served, and which are closed in favour of others. */
#include "connection_slots.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

/* How long a surplus connection has to send a request and to read the response, in seconds. */
static const double surplus_seconds = 2.0;

/* How long a connection may be idle before one of an address that holds as many may replace it, in
 * seconds. */
static const double grace_seconds = 1.0;

struct fd_slot_holder {
    fd_address address;
    unsigned taken; /* slots */
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

static struct fd_slot_holder *find_holder(const fd_connection_slots *slots,
                                          const fd_address *address) {
    struct fd_slot_holder *holder;
    HASH_FIND(hh, slots->holders, address, sizeof(*address), holder);
    return holder;
}

static unsigned taken_by(const fd_connection_slots *slots, const fd_address *address) {
    const struct fd_slot_holder *holder = find_holder(slots, address);
    return holder ? holder->taken : 0;
}

static bool give_slot(fd_connection_slots *slots, fd_connection_slot *slot) {
    struct fd_slot_holder *holder = find_holder(slots, &slot->address);
    if (!holder) {
        holder = calloc(1, sizeof(*holder));
        if (!holder)
            return false;
        holder->address = slot->address;
        HASH_ADD(hh, slots->holders, address, sizeof(holder->address), holder);
        if (!holder->hh.tbl) { /* without memory */
            free(holder);
            return false;
        }
    }
    holder->taken++;
    slots->taken++;
    slot->holder = holder;
    return true;
}

static void take_back(fd_connection_slots *slots, fd_connection_slot *slot) {
    struct fd_slot_holder *holder = slot->holder;
    slot->holder = NULL;
    slots->taken--;
    if (--holder->taken > 0)
        return;
    assert(slots->holders);
    HASH_DEL(slots->holders, holder);
    free(holder);
}

/* ---- which connection is replaced ---- */

static bool may_be_replaced(const fd_connection_slot *slot, unsigned taken_by_new, double now) {
    if (!slot->holder || slot->activity == FD_ACTIVITY_RUNNING || slot->is_streamed)
        return false;
    if (slot->is_trusted && slot->activity != FD_ACTIVITY_QUIET)
        return false;
    return slot->holder->taken > taken_by_new + 1 || now - slot->since >= grace_seconds;
}

static bool goes_before(const fd_connection_slot *one, const fd_connection_slot *other) {
    if (one->holder->taken != other->holder->taken)
        return one->holder->taken > other->holder->taken;
    return one->since < other->since;
}

static fd_connection_slot *find_replaceable(const fd_connection_slots *slots,
                                            const fd_connection_slot *arrived, double now) {
    unsigned taken_by_new = taken_by(slots, &arrived->address);
    fd_connection_slot *found = NULL, *slot;
    DL_FOREACH(slots->all, slot) {
        if (may_be_replaced(slot, taken_by_new, now) && (!found || goes_before(slot, found)))
            found = slot;
    }
    return found;
}

/* To be called only while there is one. */
static fd_connection_slot *oldest_surplus(const fd_connection_slots *slots) {
    fd_connection_slot *slot = slots->all;
    while (slot->holder || slot->is_cut_off)
        slot = slot->next;
    return slot;
}

static void cut_off(fd_connection_slots *slots, fd_connection_slot *slot, const char *reason) {
    if (slot->holder)
        take_back(slots, slot);
    else
        slots->surplus--;
    slot->is_cut_off = true;
    (void)shutdown(slot->fd, SHUT_RDWR);
    fd_metrics_add(slots->metrics, FD_METRIC_CONNECTIONS_CUT, reason, NULL, 1);
}

/* ---- opening and closing ---- */

static bool find_slot(fd_connection_slots *slots, fd_connection_slot *slot, double now) {
    if (slots->address_limit > 0 && !slot->is_trusted &&
        taken_by(slots, &slot->address) >= slots->address_limit)
        return false;
    if (slots->taken >= slots->limit) {
        fd_connection_slot *replaced = find_replaceable(slots, slot, now);
        if (!replaced)
            return false;
        cut_off(slots, replaced, "displaced");
    }
    return give_slot(slots, slot);
}

void fd_connection_slots_add(fd_connection_slots *slots, fd_connection_slot *slot,
                             const fd_address *address, double now) {
    slot->address = network_of(address);
    if (!find_slot(slots, slot, now)) {
        if (slots->surplus == FD_SURPLUS_MAX)
            cut_off(slots, oldest_surplus(slots), "surplus");
        slots->surplus++;
    }
    slot->deadline = now + surplus_seconds;
    fd_connection_slots_enter(slots, slot, FD_ACTIVITY_QUIET, now);
    DL_APPEND(slots->all, slot);
}

void fd_connection_slots_remove(fd_connection_slots *slots, fd_connection_slot *slot) {
    DL_DELETE(slots->all, slot);
    if (slot->holder)
        take_back(slots, slot);
    else if (!slot->is_cut_off)
        slots->surplus--;
}

bool fd_connection_slots_has(fd_connection_slots *slots, fd_connection_slot *slot) {
    if (!slot->holder && !slot->is_cut_off && find_slot(slots, slot, slot->since))
        slots->surplus--;
    return slot->holder != NULL;
}

void fd_connection_slots_enter(const fd_connection_slots *slots, fd_connection_slot *slot,
                               fd_activity activity, double now) {
    double deadline = now + slots->seconds_allowed[activity];
    if (activity == FD_ACTIVITY_STREAMING) {
        slot->credit = slot->is_streamed ? slot->credit : slots->seconds_allowed[activity];
        slot->is_streamed = true;
        deadline = now + slot->credit;
    } else if (activity != FD_ACTIVITY_RUNNING) {
        slot->is_streamed = false;
    }
    slot->activity = activity;
    slot->since = now;
    slot->deadline = slot->holder ? deadline : fmin(deadline, slot->deadline);
}

void fd_connection_slots_count_streamed(const fd_connection_slots *slots, fd_connection_slot *slot,
                                        size_t bytes, double now) {
    double credit = slot->credit - (now - slot->since) + (double)bytes / slots->stream_rate;
    slot->credit = fmax(0, fmin(credit, slots->seconds_allowed[FD_ACTIVITY_STREAMING]));
}

/* ---- ending them ---- */

/* Its thread waits for bytes, and now gets the end of them: it looks at `broken_off` then. */
static void break_off(fd_connection_slot *slot, unsigned status) {
    atomic_store(&slot->broken_off, status);
    (void)shutdown(slot->fd, SHUT_RD);
}

void fd_connection_slots_break_off_streams(fd_connection_slots *slots, unsigned status) {
    fd_connection_slot *slot;
    DL_FOREACH(slots->all, slot) {
        if (slot->is_streamed && !slot->is_cut_off)
            break_off(slot, status);
    }
}

void fd_connection_slots_close_overdue(fd_connection_slots *slots, double now) {
    static const char *const reasons[FD_ACTIVITY_COUNT] = {
        [FD_ACTIVITY_QUIET] = "quiet",         [FD_ACTIVITY_ARRIVING] = "arriving",
        [FD_ACTIVITY_RUNNING] = "running",     [FD_ACTIVITY_SENDING] = "sending",
        [FD_ACTIVITY_STREAMING] = "streaming",
    };
    fd_connection_slot *slot;
    DL_FOREACH(slots->all, slot) {
        if (now < slot->deadline || slot->is_cut_off)
            continue;
        if (slot->activity == FD_ACTIVITY_STREAMING && !isinf(now) &&
            atomic_load(&slot->broken_off) == 0) {
            break_off(slot, 408);
            slot->deadline = now + surplus_seconds;
        } else {
            cut_off(slots, slot, reasons[slot->activity]);
        }
    }
}
