/*
 * Who has one of the places for connections. While there are free ones, everyone gets one, up to
 * the limit of an address. When all are taken, a newcomer gets the place of the connection that
 * waits longest for its peer among those of the address that has most: whoever takes all places
 * loses them first. A newcomer without a place is surplus: it may ask how the daemon is, and is
 * told to come again.
 */
#ifndef FD_CONNECTION_SLOTS_H
#define FD_CONNECTION_SLOTS_H

#include <stdbool.h>

#include "client_address.h"
#include "macros.h"
#include "metrics.h"

/* Most connections without a place; of more, those that came first are closed. */
enum { FD_SURPLUS_MAX = 32 };

/* What a connection waits for. */
typedef enum fd_activity {
    FD_ACTIVITY_QUIET,    /* the peer, to begin a request */
    FD_ACTIVITY_ARRIVING, /* the peer, to send the rest of one */
    FD_ACTIVITY_RUNNING,  /* ourselves */
    FD_ACTIVITY_SENDING,  /* the peer, to take the answer */
    FD_ACTIVITY_COUNT
} fd_activity;

typedef struct fd_connection_slot {
    struct fd_holder *holder; /* the address; NULL: surplus, or closed */
    bool is_trusted;          /* a proxy, which speaks for many */
    bool is_over;             /* closed, though libmicrohttpd may not have noticed yet */
    int fd;
    fd_activity activity;
    double since;       /* of that, in monotonic seconds, as all times here */
    double deadline;    /* when the connection is closed over it */
    fd_address address; /* of IPv6 the network alone, which one peer has to itself */
    struct fd_connection_slot *prev, *next;
} fd_connection_slot;

/* All that is here is guarded by the server's lock. */
typedef struct fd_connection_slots {
    unsigned limit, address_limit;      /* address_limit 0: none */
    double patience[FD_ACTIVITY_COUNT]; /* seconds */
    unsigned taken, surplus;
    fd_connection_slot *all; /* from the oldest on */
    struct fd_holder *holders;
    fd_metrics *metrics;
} fd_connection_slots;

/* `address` is the peer's. The place is linked until fd_connection_slots_remove. */
void fd_connection_slots_add(fd_connection_slots *places, fd_connection_slot *place,
                             const fd_address *address, double now);
void fd_connection_slots_remove(fd_connection_slots *places, fd_connection_slot *place);

/* Whether it has a place, or gets one now. */
bool fd_connection_slots_has(fd_connection_slots *places, fd_connection_slot *place) FD_MUST_CHECK;

void fd_connection_slots_enter(const fd_connection_slots *places, fd_connection_slot *place,
                               fd_activity activity, double now);

/* Closes those whose deadline has passed. */
void fd_connection_slots_next_deadline(fd_connection_slots *places, double now);

#endif
