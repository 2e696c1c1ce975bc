/*
 * The journal of leases: what began, changed or ended and is not in the store yet. Leases are
 * written behind: no request waits for them, and the next transaction takes them along, or one of
 * their own within a second. Guarded by the lock of the assignments, but for what the writer took.
 */
#ifndef FD_LEASE_JOURNAL_H
#define FD_LEASE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assignment_id.h"
#include "engine_options.h"
#include "macros.h"

typedef struct fd_lease_entry {
    fd_assignment_row row; /* its texts but the id live as long as the engine */
    char id[FD_ASSIGNMENT_ID_SIZE];
} fd_lease_entry;

typedef struct fd_lease_entries {
    size_t count, capacity;
    fd_lease_entry *entries; /* [count] */
} fd_lease_entries;

typedef struct fd_lease_journal {
    fd_lease_entries waiting;
    uint64_t first;         /* the number of the first one that waits; from 1 */
    fd_lease_entries taken; /* by the transaction that runs; used by the writer only */
    bool is_lost; /* of a shared store: what was taken was not stored; the writer's, too */
} fd_lease_journal;

void fd_lease_journal_init(fd_lease_journal *journal);
void fd_lease_journal_clear(fd_lease_journal *journal);

/* Notes how an assignment is now. *entry, 0 at first, is the number of its latest entry: one that
 * still waits is overwritten. Without memory, or when the store has failed for long, entries are
 * lost; such a lease does not survive a restart, and its id still counts. */
void fd_lease_journal_note(fd_lease_journal *journal, const fd_assignment_row *row,
                           uint64_t *entry);

/* What the writer does, inside a transaction and after it. */
int fd_lease_journal_store(fd_engine *engine) FD_MUST_CHECK;
void fd_lease_journal_settle(fd_engine *engine, bool committed);

#endif
