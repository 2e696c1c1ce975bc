/* Keeps what is to be written behind, and hands it to the writer's transactions. */
#include "lease_journal.h"

#include <errno.h>
#include <string.h>

#include "array.h"
#include "assignments_state.h"
#include "engine_state.h"
#include "log.h"
#include "thread.h"

/* While the store fails no more entries than this wait. */
enum { WAITING_MAX = 65536 };

void fd_lease_journal_init(fd_lease_journal *journal) {
    journal->first = 1;
}

void fd_lease_journal_clear(fd_lease_journal *journal) {
    free(journal->waiting.entries);
    free(journal->taken.entries);
}

/* ---- noting ---- */

static void drop_older_half(fd_lease_journal *journal) {
    fd_lease_entries *waiting = &journal->waiting;
    size_t dropped = waiting->count / 2;
    waiting->count -= dropped;
    memmove(waiting->entries, waiting->entries + dropped,
            waiting->count * sizeof(*waiting->entries));
    journal->first += dropped;
    fd_log(FD_LOG_WARNING, "leases-not-stored", FD_INT("count", dropped));
}

void fd_lease_journal_note(fd_lease_journal *journal, const fd_assignment_row *row,
                           uint64_t *entry) {
    fd_lease_entries *waiting = &journal->waiting;
    fd_lease_entry *at = NULL;
    if (*entry >= journal->first) {
        at = &waiting->entries[*entry - journal->first];
    } else {
        if (waiting->count == WAITING_MAX)
            drop_older_half(journal);
        if (fd_array_reserve(&waiting->entries, &waiting->capacity, waiting->count + 1,
                             sizeof(*waiting->entries)) < 0)
            return;
        at = &waiting->entries[waiting->count++];
        *entry = journal->first + waiting->count - 1;
    }
    at->row = *row;
    (void)strncpy(at->id, row->id, sizeof(at->id) - 1);
    at->id[sizeof(at->id) - 1] = '\0';
}

/* ---- writing ---- */

static void take(fd_engine *engine) {
    fd_lease_journal *journal = &engine->assignments->journal;
    FD_LOCKED(&engine->assignments->lock);
    fd_lease_entries empty = journal->taken;
    journal->taken = journal->waiting;
    journal->waiting = empty;
    journal->first += journal->taken.count;
}

int fd_lease_journal_store(fd_engine *engine) {
    fd_lease_entries *taken = &engine->assignments->journal.taken;
    take(engine);
    FD_FREE fd_assignment_row *rows = calloc(taken->count + 1, sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    for (size_t i = 0; i < taken->count; i++) {
        rows[i] = taken->entries[i].row;
        rows[i].id = taken->entries[i].id;
    }
    int r = taken->count == 0
                ? 0
                : engine->store->operations->assignments_write(engine->store, rows, taken->count);
    if (r != -EINVAL)
        return r;
    /* Leases are only of items and by rules that the store has accepted. If it refuses one all the
     * same, that must not fail the answers of the transaction. */
    fd_log(FD_LOG_ERROR, "leases-not-stored", FD_INT("count", taken->count));
    return 0;
}

/* Puts those that were taken before those that wait. */
static void put_back(fd_lease_journal *journal) {
    fd_lease_entries *taken = &journal->taken, *waiting = &journal->waiting;
    if (fd_array_reserve(&waiting->entries, &waiting->capacity, waiting->count + taken->count,
                         sizeof(*waiting->entries)) < 0)
        return;
    memmove(waiting->entries + taken->count, waiting->entries,
            waiting->count * sizeof(*waiting->entries));
    memcpy(waiting->entries, taken->entries, taken->count * sizeof(*taken->entries));
    waiting->count += taken->count;
    journal->first -= taken->count;
}

/* What a shared store has instead is read again, since others may have decided meanwhile. */
static void lose(fd_lease_journal *journal) {
    journal->is_lost |= journal->taken.count + journal->waiting.count > 0;
    journal->first += journal->waiting.count;
    journal->waiting.count = 0;
}

void fd_lease_journal_settle(fd_engine *engine, bool committed) {
    fd_lease_journal *journal = &engine->assignments->journal;
    bool is_shared = engine->store->replicas != NULL;
    if (journal->taken.count == 0 && !is_shared)
        return;
    FD_LOCKED(&engine->assignments->lock);
    if (is_shared && !committed)
        lose(journal);
    else if (!committed)
        put_back(journal);
    journal->taken.count = 0;
}
