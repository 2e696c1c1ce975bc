/*
 * The desk: which pairs are out to whom, and which lie ready to go out next. Everything is guarded
 * by one mutex, held over look-ups alone, within which only those of metrics are taken.
 */
#ifndef FD_ASSIGNMENT_PRIVATE_H
#define FD_ASSIGNMENT_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "assignments.h"
#include "engine_private.h"
#include "label_statistics.h"
#include "rng.h"
#include "select.h"

enum { FD_LEASE_ID_SIZE = 32 };

#define FD_NOBODY UINT32_MAX /* no annotator's number */

typedef enum fd_arm { FD_ARM_ACTIVE, FD_ARM_CONTROL, FD_ARM_COUNT } fd_arm;

/* A pair to go out, with all that is told of it; immutable and shared. */
typedef struct fd_ready_pair {
    atomic_size_t references;
    fi_pair pair;
    fd_shown_item a, b; /* strings in `text` */
    fd_arm arm;
    const char *strategy; /* static text */
    double gain;
    double p; /* that a is preferred */
    uint64_t model_version;
    char text[];
} fd_ready_pair;

/* ---- offer.c ---- */

/* Without the lock: reads both items from the store. -EBADMSG if one is not there. */
int fd_ready_pair_new(fd_engine *engine, fi_pair pair, fd_arm arm, const char *strategy,
                      const fd_selected_pair *selected, uint64_t model_version,
                      fd_ready_pair **ret) FD_MUST_CHECK;
fd_ready_pair *fd_ready_pair_reference(fd_ready_pair *offer);
void fd_ready_pair_free(fd_ready_pair *offer); /* drops one reference */
FD_DEFINE_CLEANUP(fd_ready_pair, fd_ready_pair_free)

/* What is known of a pair that lies ready, or was ever out or answered. */
typedef struct fd_pair_record {
    uint64_t key; /* fd_pair_key */
    uint32_t answered;
    uint32_t skipped;
    uint32_t open;   /* leases */
    bool ready;      /* lies in a queue */
    bool unfinished; /* lies in the list of pairs to be looked at again */
    size_t n_people;
    uint32_t *people; /* [n_people] annotators that had it or have it */
    UT_hash_handle hh;
} fd_pair_record;

typedef struct fd_lease {
    char id[FD_LEASE_ID_SIZE];
    fd_ready_pair *offer;
    uint32_t annotator;
    bool swapped;          /* b is shown on the left */
    int64_t expires_ms;    /* of the steady clock, as the desk's */
    struct fd_lease *next; /* of the same annotator, in the order in which they went out */
    UT_hash_handle hh;
} fd_lease;

typedef struct fd_annotator {
    uint32_t number;
    fd_lease *leases;
    UT_hash_handle hh;
    char name[];
} fd_annotator;

typedef struct fd_ready_queue {
    size_t count, capacity;
    fd_ready_pair **offers; /* [count], the next one first */
} fd_ready_queue;

struct fd_assignments {
    pthread_mutex_t lock;
    fd_rng rng; /* guarded by lock, as is all below */
    size_t annotator_count, annotator_capacity;
    fd_annotator **annotators; /* [annotator_count] by number */
    fd_annotator *by_name;
    fd_pair_record *records;
    fd_lease *leases; /* by id */
    int64_t next_expiry_ms;
    int64_t wall_offset_ms; /* of the wall clock from the steady one */
    fd_ready_queue ready[FD_ARM_COUNT];
    uint64_t fills;    /* times that offers were put into a queue */
    size_t given_out;  /* leases since the last fill began */
    size_t candidates; /* that are left; more than any number where the last sample came in full */
    size_t demand;     /* what fills expect to go out, besides what the leases tell */
    size_t n_unfinished, unfinished_capacity;
    uint64_t *unfinished; /* pairs that were begun and not finished, to be offered again */

    size_t n_batches;                        /* ever */
    fd_batch_record batches[FD_BATCHES_MAX]; /* batch i in place i mod FD_BATCHES_MAX */

    pthread_mutex_t filling; /* one refill at a time; taken before `lock` */
    double figured; /* guarded by filling: monotonic seconds of the last batch with figures */
    pthread_cond_t wanted; /* with `lock` */
    bool refill_wanted, rebuild_wanted, stopping;
    uint32_t hungry; /* for whom little of what lies ready is left; FD_NOBODY: for none */
    pthread_t thread;
};

/* What follows is called with the lock held. */

/* ---- desk.c ---- */

int fd_annotator_get_or_add(fd_assignments *desk, const char *annotator,
                            uint32_t *ret) FD_MUST_CHECK;
fd_pair_record *fd_pair_record_get_or_add(fd_assignments *desk,
                                          fi_pair pair); /* NULL without memory */
/* Frees a record that knows nothing (any more). */
void fd_pair_record_free_if_unused(fd_assignments *desk, fd_pair_record *record);
bool fd_pair_record_has_annotator(const fd_pair_record *record, uint32_t annotator);
int fd_pair_record_add_annotator(fd_pair_record *record, uint32_t annotator); /* -ENOMEM */
void fd_pair_record_remove_annotator(fd_pair_record *record, uint32_t annotator);

/* Annotators that a pair still goes to: a share of pairs, by their key, goes to several. */
size_t fd_pair_record_annotators_wanted(const fd_engine *engine, const fd_pair_record *record);

/* Puts an offer, of which it takes a reference, to the front or the end of its queue, unless it is
 * there already or nobody else may have the pair. -ENOMEM. */
int fd_ready_queue_put(fd_engine *engine, fd_ready_pair *offer, bool first) FD_MUST_CHECK;

/* A pair that nobody else may have leaves the queues. */
void fd_ready_queue_remove(fd_engine *engine, fd_pair_record *record);

/* A pair that was begun and has room again, but of which no offer is at hand. `record` may be NULL.
 */
void fd_unfinished_pairs_add(fd_engine *engine, fd_pair_record *record);

/* ---- lease.c ---- */

/* Leases one of the offers that lie ready. -ENODATA where none does for this annotator, -ENOMEM. */
int fd_lease_take(fd_engine *engine, uint32_t annotator, double seconds,
                  fd_lease **ret) FD_MUST_CHECK;
fd_lease *fd_lease_find(fd_engine *engine, const char *id); /* NULL if none of this id is open */
void fd_lease_set_expiry(fd_engine *engine, fd_lease *lease, double seconds);
/* On the wall clock, as that stands now. */
int64_t fd_lease_expires_ms(fd_engine *engine, const fd_lease *lease);

/* Frees a lease and hands its reference of the offer over. */
fd_ready_pair *fd_lease_end(fd_assignments *desk, fd_lease *lease) FD_MUST_CHECK;

/* Ends a lease without an answer. */
void fd_lease_give_back(fd_engine *engine, fd_lease *lease);
void fd_lease_expire(fd_engine *engine); /* gives those back that are over */

#endif
