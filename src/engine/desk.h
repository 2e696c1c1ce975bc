/*
 * The desk: which pairs are out to whom, and which lie ready to go out next. Everything is guarded
 * by one mutex, held over look-ups alone, within which only those of metrics are taken.
 */
#ifndef FD_DESK_H
#define FD_DESK_H

#include <pthread.h>
#include <stdatomic.h>

#include "private.h"
#include "rng.h"

enum { FD_LEASE_ID_SIZE = 32 };

#define FD_NOBODY UINT32_MAX /* no annotator's number */

typedef enum fd_arm { FD_ARM_ACTIVE, FD_ARM_CONTROL, FD_ARM_COUNT } fd_arm;

/* A pair to go out, with all that is told of it; immutable and shared. */
typedef struct fd_offer {
    atomic_size_t references;
    fi_pair pair;
    fd_shown a, b; /* strings in `text` */
    fd_arm arm;
    const char *strategy; /* static text */
    double gain;
    double p; /* that a is preferred */
    uint64_t model_version;
    char text[];
} fd_offer;

fd_offer *fd_offer_reference(fd_offer *offer);
void fd_offer_free(fd_offer *offer); /* drops one reference */
FD_DEFINE_CLEANUP(fd_offer, fd_offer_free)

/* What is known of a pair that was ever ready, out or answered. */
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
    fd_offer *offer;
    uint32_t annotator;
    bool swapped; /* b is shown on the left */
    int64_t expires_ms;
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
    fd_offer **offers; /* [count], the next one first */
} fd_ready_queue;

struct fd_desk {
    pthread_mutex_t lock;
    fi_rng rng; /* guarded by lock, as is all below */
    size_t annotator_count, annotator_capacity;
    fd_annotator **annotators; /* [annotator_count] by number */
    fd_annotator *by_name;
    fd_pair_record *records;
    fd_lease *leases; /* by id */
    int64_t next_expiry_ms;
    fd_ready_queue ready[FD_ARM_COUNT];
    uint64_t fills;    /* times that offers were put into a queue */
    size_t given_out;  /* leases since the last fill began */
    size_t candidates; /* of the last batch that was chosen */
    size_t demand;     /* what fills expect to go out, besides what the leases tell */
    size_t n_unfinished, unfinished_capacity;
    uint64_t *unfinished; /* pairs that were begun and not finished, to be offered again */

    size_t n_batches;                      /* ever */
    fd_batch_note batches[FD_BATCHES_MAX]; /* batch i in place i mod FD_BATCHES_MAX */

    pthread_mutex_t filling; /* one refill at a time; taken before `lock` */
    double figured; /* guarded by filling: monotonic seconds of the last batch with figures */
    pthread_cond_t wanted; /* with `lock` */
    bool refill_wanted, rebuild_wanted, stopping;
    uint32_t hungry; /* for whom little of what lies ready is left; FD_NOBODY: for none */
    pthread_t thread;
};

/* All with the lock held. */
fd_pair_record *fd_desk_record(fd_desk *desk, fi_pair pair); /* NULL without memory */
bool fd_desk_had(const fd_pair_record *record, uint32_t annotator);
size_t fd_desk_room(const fd_engine *engine, const fd_pair_record *record);
int fd_desk_put(fd_engine *engine, fd_offer *offer, bool first);         /* takes a reference */
void fd_desk_note_unfinished(fd_engine *engine, fd_pair_record *record); /* record may be NULL */
void fd_desk_expire(fd_engine *engine, int64_t now_ms);

#endif
