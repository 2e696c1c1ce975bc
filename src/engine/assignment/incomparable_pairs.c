/* Tells the ready queues when items have texts, and remembers the counts of incomparable pairs. */
#include "incomparable_pairs.h"

#include "assignments_state.h"
#include "engine_state.h"
#include "thread.h"

/* The writer alone changes the table, so it reads it without the lock. */
void fd_incomparable_pairs_on_commit(fd_engine *engine) {
    fd_assignments *assignments = engine->assignments;
    if (engine->items.with_text == 0)
        return;
    FD_LOCKED(&assignments->lock);
    if (!assignments->ready.items_have_texts)
        fd_ready_queues_keep_comparable(&assignments->ready);
}

static size_t count_items(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return engine->items.count;
}

static bool remembers(fd_engine *engine, size_t items, fd_incomparable_counts *ret) {
    const fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&engine->assignments->lock);
    *ret = assignments->incomparable;
    return assignments->incomparable_items == items;
}

int fd_incomparable_pairs_count(fd_engine *engine, fd_incomparable_counts *ret) {
    fd_assignments *assignments = engine->assignments;
    size_t items = count_items(engine);
    if (remembers(engine, items, ret))
        return 0;
    int r = fd_incomparable_count(engine, ret);
    if (r < 0)
        return r;
    FD_LOCKED(&assignments->lock);
    assignments->incomparable = *ret;
    assignments->incomparable_items = items;
    return 0;
}
