/* Sets and reads the prior scores of items. */
#include "prior_scores.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine_state.h"
#include "score_changes.h"
#include "thread.h"
#include "writer.h"

struct set_scores_job {
    fd_job job;
    const fd_scores_of_item *items;
    size_t n;
    fd_fault *fault;
    fd_score_changes changes;
    size_t changed;
};

static int add_item(fd_engine *engine, struct set_scores_job *set, size_t place) {
    const fd_scores_of_item *item = &set->items[place];
    uint32_t index = fd_item_table_find(&engine->items, item->id);
    if (index == FD_NO_ROW)
        return fd_fault_set_at(set->fault, -ENOENT, "items", place, "id",
                               "item \"%s\" does not exist", item->id);
    for (size_t i = 0; i < item->n; i++) {
        int r = fd_score_changes_add(&set->changes, engine, index, &item->scores[i]);
        if (r == -ENOSPC)
            return fd_fault_set_at(set->fault, -EINVAL, "items", place, "scores",
                                   FD_SCORE_NAMES_FULL, item->scores[i].name);
        if (r < 0)
            return r;
    }
    return 0;
}

static int store_scores(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct set_scores_job *set = (struct set_scores_job *)job;
    int r = 0;
    fd_score_changes_begin(&set->changes, pending);
    for (size_t i = 0; i < set->n && r == 0; i++)
        r = add_item(engine, set, i);
    return r == 0 ? fd_score_changes_store(&set->changes, engine, pending, &set->changed) : r;
}

static void apply_scores(fd_engine *engine, fd_job *job) {
    fd_score_changes_apply(&((struct set_scores_job *)job)->changes, engine);
}

int fd_engine_scores_set(fd_engine *engine, const fd_scores_of_item *items, size_t n,
                         fd_scores_set *ret, fd_fault *fault) {
    struct set_scores_job set = {.job = {.store = store_scores, .apply = apply_scores},
                                 .items = items,
                                 .n = n,
                                 .fault = fault};
    size_t n_scores = 0;
    for (size_t i = 0; i < n; i++)
        n_scores += items[i].n;
    *ret = (fd_scores_set){0};
    int r = fd_score_changes_new(&set.changes, n_scores);
    if (r == 0 && n > 0)
        r = fd_writer_run(engine, &set.job);
    fd_score_changes_clear(&set.changes);
    if (r == 0)
        *ret = (fd_scores_set){set.changed, n_scores - set.changed};
    return r;
}

size_t fd_engine_item_scores(fd_engine *engine, uint32_t item,
                             fd_item_score ret[static FD_SCORE_NAMES_MAX]) {
    size_t n = 0;
    FD_READ_LOCKED(&engine->state_lock);
    const fd_score_names *names = &engine->scores.names;
    for (uint32_t i = 0; i < names->count; i++) {
        double value = fd_score_table_at(&engine->scores, i, item);
        if (!isnan(value))
            ret[n++] = (fd_item_score){.name = names->list[i], .value = value};
    }
    return n;
}

fd_score_counts fd_engine_score_counts(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    const fd_score_table *scores = &engine->scores;
    fd_score_counts counts = {.items = engine->items.count, .n = scores->names.count};
    for (size_t i = 0; i < counts.n; i++) {
        counts.names[i] = scores->names.list[i];
        counts.counts[i] = scores->columns[i].count;
    }
    return counts;
}
