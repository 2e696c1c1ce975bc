/* Stores and applies the scores that a job sets. */
#include "score_changes.h"

#include <assert.h>
#include <errno.h>
#include <math.h>

#include "thread.h"

int fd_score_changes_new(fd_score_changes *changes, size_t capacity) {
    if (capacity == 0)
        return 0;
    changes->rows = calloc(capacity, sizeof(*changes->rows));
    changes->names = calloc(capacity, sizeof(*changes->names));
    changes->for_new_items = calloc(capacity, sizeof(*changes->for_new_items));
    changes->capacity = capacity;
    return changes->rows && changes->names && changes->for_new_items ? 0 : -ENOMEM;
}

void fd_score_changes_clear(fd_score_changes *changes) {
    free(changes->rows);
    free(changes->names);
    free(changes->for_new_items);
}

void fd_score_changes_begin(fd_score_changes *changes, const fd_pending *pending) {
    changes->n = 0;
    changes->name_count = pending->score_names;
}

int fd_score_changes_add(fd_score_changes *changes, fd_engine *engine, uint32_t item,
                         const fd_item_score *score) {
    fd_score_names *names = &engine->scores.names;
    size_t i = changes->n;
    assert(i < changes->capacity);
    /* Withdrawing what never was must not use up a name. */
    if (isnan(score->value) &&
        fd_score_names_find(names, changes->name_count, score->name, &changes->names[i]) < 0)
        return 0;
    /* Readers look at the names that are counted only, so the new ones need no lock. */
    int r = fd_score_names_take(names, &changes->name_count, score->name, &changes->names[i]);
    if (r < 0)
        return r;
    changes->rows[i] = (fd_score_row){.item = item,
                                      .name = score->name,
                                      .value = score->value,
                                      .set_ms = fd_engine_now_ms(engine)};
    changes->for_new_items[i] = score->for_new_items;
    changes->n++;
    return 0;
}

static int grow(fd_score_changes *changes) {
    size_t capacity = changes->capacity > 0 ? 2 * changes->capacity : 64;
    fd_score_row *rows = reallocarray(changes->rows, capacity, sizeof(*rows));
    changes->rows = rows ? rows : changes->rows;
    uint32_t *names = reallocarray(changes->names, capacity, sizeof(*names));
    changes->names = names ? names : changes->names;
    bool *flags = reallocarray(changes->for_new_items, capacity, sizeof(*flags));
    changes->for_new_items = flags ? flags : changes->for_new_items;
    if (!rows || !names || !flags)
        return -ENOMEM;
    changes->capacity = capacity;
    return 0;
}

int fd_score_changes_note(fd_score_changes *changes, fd_engine *engine, const fd_score_row *row) {
    const fd_item_score score = {.name = row->name, .value = row->value};
    size_t before = changes->n;
    int r = changes->n == changes->capacity ? grow(changes) : 0;
    if (r == 0)
        r = fd_score_changes_add(changes, engine, row->item, &score);
    if (r < 0 || changes->n == before)
        return r;
    FD_WRITE_LOCKED(&engine->state_lock);
    return fd_score_table_reserve(&engine->scores, changes->names[before], row->item);
}

void fd_score_changes_place(fd_score_changes *changes, const uint32_t *indices, size_t n,
                            uint32_t first_new) {
    size_t kept = 0, next = 0;
    for (size_t place = 0; place < n; place++) {
        bool is_new = indices[place] == first_new;
        first_new += is_new;
        for (; next < changes->n && changes->rows[next].item == place; next++) {
            if (changes->for_new_items[next] && !is_new)
                continue;
            changes->rows[kept] = changes->rows[next];
            changes->rows[kept].item = indices[place];
            changes->names[kept++] = changes->names[next];
        }
    }
    changes->n = kept;
}

static int reserve(const fd_score_changes *changes, fd_engine *engine) {
    int r = 0;
    FD_WRITE_LOCKED(&engine->state_lock);
    for (size_t i = 0; i < changes->n && r == 0; i++)
        r = fd_score_table_reserve(&engine->scores, changes->names[i], changes->rows[i].item);
    return r;
}

int fd_score_changes_store(fd_score_changes *changes, fd_engine *engine, fd_pending *pending,
                           size_t *ret_changed) {
    *ret_changed = 0;
    if (changes->n == 0)
        return 0;
    const fd_store_operations *store = engine->store->operations;
    int r = store->scores_add(engine->store, changes->rows, changes->n, ret_changed);
    if (r == 0)
        r = reserve(changes, engine);
    if (r == 0)
        pending->score_names = changes->name_count;
    if (r == 0) {
        changes->before = pending->scores;
        pending->scores = changes;
    }
    return r;
}

void fd_score_changes_overlay(const fd_score_changes *newest, fd_item_extras *extras) {
    if (!newest)
        return;
    fd_score_changes_overlay(newest->before, extras);
    for (size_t i = 0; i < newest->n; i++) {
        const fd_score_row *row = &newest->rows[i];
        if (row->item >= extras->first && row->item - extras->first < extras->n_items)
            fd_item_extras_set(extras, FD_EXTRA_SCORES + newest->names[i], row->item, row->value);
    }
}

/* Whether the snapshot of before the transaction has a copy of the score of the item that is wrong
 * now, or lacks the column. */
static bool is_change(const fd_snapshot *snapshot, uint32_t item, uint32_t name) {
    const fi_model *model = snapshot->served->model;
    const uint32_t *ids = fi_model_extra_ids(model);
    if (item < snapshot->items)
        return true;
    for (uint32_t j = 0; j < fi_model_shape(model)->extras; j++)
        if (ids[j] == FD_EXTRA_SCORES + name)
            return false;
    return true;
}

void fd_score_changes_apply(const fd_score_changes *changes, fd_engine *engine) {
    if (changes->n == 0)
        return;
    if (engine->scores.names.count < changes->name_count)
        engine->scores.names.count = changes->name_count;
    for (size_t i = 0; i < changes->n; i++) {
        const fd_score_row *row = &changes->rows[i];
        fd_score_table_set(&engine->scores, changes->names[i], row->item, row->value);
        if (!engine->snapshot || is_change(engine->snapshot, row->item, changes->names[i]))
            engine->extra_changes++;
    }
}
