/* Leases: a ready pair that is assigned to an annotator, until it is answered or returned, or the
 * lease expires. Callers hold the lock of the assignments. */
#ifndef FD_LEASES_H
#define FD_LEASES_H

#include "assignment_id.h"
#include "hash.h"
#include "ready_pair.h"
#include "rng.h"

typedef struct fd_lease {
    char id[FD_ASSIGNMENT_ID_SIZE]; /* of the assignment */
    uint64_t number;                /* leases are numbered as they begin, from 1 */
    fd_ready_pair *ready_pair;
    uint32_t annotator;
    const char *name;      /* of the annotator */
    int64_t slot;          /* annotators that had the pair before */
    bool swapped;          /* b is shown on the left */
    bool is_in_store;      /* of a shared store: seen when its leases were read again */
    bool is_answered;      /* of a shared store: in the transaction that runs, with which it ends */
    int64_t expires_ms;    /* on the steady clock, or that of a shared store */
    uint64_t entry;        /* in the journal; 0: none */
    struct fd_lease *next; /* of the same annotator, in the order in which they began */
    UT_hash_handle hh;
} fd_lease;

typedef struct fd_leases {
    fd_rng rng;
    fd_lease *by_id;
    size_t annotator_capacity;
    fd_lease **by_annotator; /* [annotator_capacity] the first lease of each */
    int64_t next_expiry_ms;
    int64_t wall_offset_ms; /* of the wall clock from the steady clock */
    uint64_t last_number;
    uint32_t short_for; /* an annotator for whom little lies ready; FD_NOBODY: none */
} fd_leases;

void fd_leases_init(fd_leases *leases);
void fd_leases_clear(fd_leases *leases);

/* The first lease of an annotator, answered ones included; NULL without any. */
fd_lease *fd_leases_of(const fd_leases *leases, uint32_t annotator);

/* Begins a lease of a pair that lies ready, for `seconds` (0: the configured time). `name` is the
 * annotator's, and lives as long as the engine. -ENODATA if no pair lies ready for this annotator.
 */
int fd_lease_begin(fd_engine *engine, uint32_t annotator, const char *name, double seconds,
                   fd_lease **ret) FD_MUST_CHECK;

/* Before any thread runs, after the labels: a lease that was open at the last stop is so again,
 * unless its time is over or its pair was answered. */
int fd_lease_replay(fd_engine *engine, const fd_assignment_row *row) FD_MUST_CHECK;

/* NULL if no open lease has the id, or its answer is in the transaction that runs. */
fd_lease *fd_lease_find(fd_engine *engine, const char *id);

/* The lease lasts for `seconds` from now on (0: the configured time). */
void fd_lease_set_expiry(fd_engine *engine, fd_lease *lease, double seconds);

/* When the lease expires on the wall clock, as that is set now. */
int64_t fd_lease_expires_ms(fd_engine *engine, const fd_lease *lease);

/* Ends a lease, and hands its reference to the pair over. */
fd_ready_pair *fd_lease_end(fd_engine *engine, fd_lease *lease) FD_MUST_CHECK;

/* The same for a lease whose end is in the store. */
fd_ready_pair *fd_lease_forget(fd_engine *engine, fd_lease *lease) FD_MUST_CHECK;

/* Has the end of a lease stored with the transaction that runs, which has its answer. Until that is
 * committed it is open for nobody else. */
void fd_lease_note_answer(fd_engine *engine, fd_lease *lease);

/* Ends a lease without an answer; the pair may go to anyone, this annotator included. */
void fd_lease_give_back(fd_engine *engine, fd_lease *lease);

/* Gives back all leases whose time is over; those of a shared store only while this thread decides.
 */
void fd_leases_expire(fd_engine *engine);

/* A row that another replica stored: the lease began, was renewed or ended. Without the lock. */
int fd_lease_follow(fd_engine *engine, const fd_assignment_row *row) FD_MUST_CHECK;

/* Before a transaction of a shared store decides, once it has caught up. Without the lock. */
int fd_leases_begin_deciding(fd_engine *engine) FD_MUST_CHECK;

/* After each transaction: what the writer calls when changes were written behind. */
void fd_leases_settle(fd_engine *engine, bool committed);

#endif
