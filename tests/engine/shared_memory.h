/*
 * Stores of several replicas in one process: all of them show one store in memory, whose clock
 * stands still until a test moves it. What goes wrong between replicas and a database a test can
 * order.
 */
#ifndef ENGINE_SHARED_MEMORY_H
#define ENGINE_SHARED_MEMORY_H

#include "store.h"

typedef struct shared_memory shared_memory;

shared_memory *shared_memory_new(void);
void shared_memory_free(shared_memory *shared); /* once all stores are closed */

/* Another replica's store. */
fd_store *shared_memory_open(shared_memory *shared);

/* Moves the clock that the replicas share. */
void shared_memory_pass(shared_memory *shared, double seconds);

/* The same whenever labels are added: in the middle of a transaction. */
void shared_memory_pass_at_labels(shared_memory *shared, double seconds);

/* The next commit of a store that writes something gives -EAGAIN; it did `commit` all the same, or
 * not. Then the store cannot say what became of it, `unsure` times. */
void shared_memory_lose_answer(fd_store *store, bool commits, int unsure);

/* While it is apart a store reaches nothing. */
void shared_memory_set_apart(fd_store *store, bool is_apart);

/* All stores that are open have seen rows that are lost now: their history is another one. */
void shared_memory_lose_history(shared_memory *shared);

/* Holds the writers of all replicas up, until a call with false. */
void shared_memory_hold(shared_memory *shared, bool holds);
bool shared_memory_waits(fd_store *store); /* whether a writer is held up */

/* A change of a lease, as one transaction wrote it, or a label. */
typedef struct shared_change {
    uint64_t tick;
    const fd_store *writer;
    bool is_label;
    char id[64];
    uint64_t pair; /* the same for both orders of its items */
    char annotator[32];
    bool is_open, is_over;    /* of a lease, which may have ended after its time */
    fd_preference preference; /* of a label */
} shared_change;

/* All of them so far; they are valid until something is written. */
size_t shared_memory_changes(shared_memory *shared, const shared_change **ret);

#endif
