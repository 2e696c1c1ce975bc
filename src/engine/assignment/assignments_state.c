/* Makes and frees the parts of the assignments. */
#include "assignments_state.h"

#include <errno.h>

#include "engine_state.h"

int fd_assignments_new(fd_engine *engine) {
    fd_assignments *assignments = calloc(1, sizeof(*assignments));
    if (!assignments)
        return -ENOMEM;
    (void)pthread_mutex_init(&assignments->lock, NULL);
    (void)pthread_mutex_init(&assignments->quick_choice, NULL);
    fd_pending_factor_init(&assignments->pending);
    fd_leases_init(&assignments->leases);
    fd_lease_journal_init(&assignments->journal);
    assignments->changes = 1;
    assignments->ready.records = &assignments->records;
    assignments->ready.options = &engine->options;
    engine->assignments = assignments;
    return 0;
}

void fd_assignments_free(fd_engine *engine) {
    fd_assignments *assignments = engine->assignments;
    if (!assignments)
        return;
    fd_pending_factor_clear(&assignments->pending);
    fd_leases_clear(&assignments->leases);
    fd_lease_journal_clear(&assignments->journal);
    fd_ready_queues_clear(&assignments->ready);
    fd_unfinished_pairs_clear(&assignments->unfinished);
    fd_pair_records_clear(&assignments->records);
    (void)pthread_mutex_destroy(&assignments->lock);
    (void)pthread_mutex_destroy(&assignments->quick_choice);
    free(assignments);
}
