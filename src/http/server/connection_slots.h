/*
 * The slots for connections. While some are free, each new connection gets one, up to the limit of
 * its address. When all are taken, a new connection replaces the longest-idle one of the address
 * that holds the most; running requests are never cut off. So an address that takes all slots loses
 * them first.
 *
 * A connection without a slot is surplus: it may ask about health, and every other request is
 * refused with "try again".
 */
#ifndef FD_CONNECTION_SLOTS_H
#define FD_CONNECTION_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "client_address.h"
#include "macros.h"
#include "metrics.h"

/* Most surplus connections; when more come, the oldest ones are closed. */
enum { FD_SURPLUS_MAX = 32 };

/* What a connection waits for. */
typedef enum fd_activity {
    FD_ACTIVITY_QUIET,     /* the client, to begin a request */
    FD_ACTIVITY_ARRIVING,  /* the client, to send the rest of a request */
    FD_ACTIVITY_RUNNING,   /* the daemon */
    FD_ACTIVITY_SENDING,   /* the client, to read the response */
    FD_ACTIVITY_STREAMING, /* the client, to send the next piece of a streamed body */
    FD_ACTIVITY_COUNT
} fd_activity;

/* One connection, with a slot or without. All times are monotonic seconds. */
typedef struct fd_connection_slot {
    struct fd_slot_holder *holder; /* the address; NULL: surplus, or cut off */
    bool is_trusted;               /* a proxy, which speaks for many clients */
    bool is_cut_off;               /* closed here, though libmicrohttpd may not know it yet */
    int fd;
    fd_activity activity;
    bool is_streamed;       /* its request has a streamed body */
    double credit;          /* seconds for which its client may still send nothing */
    atomic_uint broken_off; /* status with which its streamed request ends early; 0: it goes on.
                               Its own thread reads this without the lock */
    double since;           /* when the activity began */
    double deadline;        /* when the connection is closed unless the activity ends */
    fd_address address;     /* of IPv6 the first 64 bits, since one client has a whole network */
    struct fd_connection_slot *prev, *next;
} fd_connection_slot;

/* The caller holds a lock over all of these functions. */
typedef struct fd_connection_slots {
    unsigned limit;
    unsigned address_limit;                    /* slots of one address; 0: any number */
    double seconds_allowed[FD_ACTIVITY_COUNT]; /* for each activity, until its deadline */
    double stream_rate;                        /* bytes a second that keep a stream's credit */
    unsigned taken, surplus;
    fd_connection_slot *all; /* the oldest first */
    struct fd_slot_holder *holders;
    fd_metrics *metrics;
} fd_connection_slots;

/* Adds a connection from `address`, its peer. It is linked until fd_connection_slots_remove. */
void fd_connection_slots_add(fd_connection_slots *slots, fd_connection_slot *slot,
                             const fd_address *address, double now);
void fd_connection_slots_remove(fd_connection_slots *slots, fd_connection_slot *slot);

/* Whether the connection has a slot, or gets a free one now. */
bool fd_connection_slots_has(fd_connection_slots *slots, fd_connection_slot *slot) FD_MUST_CHECK;

/* The connection begins an activity, which sets its deadline. */
void fd_connection_slots_enter(const fd_connection_slots *slots, fd_connection_slot *slot,
                               fd_activity activity, double now);

/* `bytes` of a streamed body have arrived. They earn credit for the time that they take at the
 * least rate, up to the seconds allowed for streaming; waiting for them has used it up. The credit
 * is the deadline of the next wait, so that only a client's own time counts. */
void fd_connection_slots_count_streamed(const fd_connection_slots *slots, fd_connection_slot *slot,
                                        size_t bytes, double now);

/* Ends the requests with streamed bodies early, by their own threads: see `broken_off`. */
void fd_connection_slots_break_off_streams(fd_connection_slots *slots, unsigned status);

/* Closes the connections whose deadline has passed. A stream is broken off first, with 408. */
void fd_connection_slots_close_overdue(fd_connection_slots *slots, double now);

#endif
