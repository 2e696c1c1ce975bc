#include <errno.h>
#include <string.h>

#include "engine_private.h"
#include "score.h"

int fd_engine_snapshot(fd_engine *engine, fd_snapshot **ret, fd_fault *fault) {
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    fd_snapshot *snapshot = engine->snapshot ? fd_snapshot_reference(engine->snapshot) : NULL;
    (void)pthread_rwlock_unlock(&engine->state_lock);
    if (!snapshot)
        return fd_fault_set(fault, -EAGAIN, "", "there are no items yet: add some first");
    *ret = snapshot;
    return 0;
}

/* The rows of the references with an id; one without gets the row after all items and those before.
 */
static int find_rows(fd_engine *engine, const fd_snapshot *snapshot, const char *list,
                     const char *const *names, size_t members, const fd_item_reference *references,
                     size_t n, fd_item_rows *resolved, fd_fault *fault) {
    size_t dimension = fi_model_shape(snapshot->served->model)->inputs;
    int r = 0;
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    for (size_t i = 0; i < n && r == 0; i++) {
        const char *name = names ? names[i % members] : NULL;
        if (references[i].id) {
            const fd_item_entry *entry = fd_item_table_find(&engine->items, references[i].id);
            /* The snapshot may be a moment older than the table. */
            if (entry && entry->index < snapshot->items)
                resolved->rows[i] = entry->index;
            else
                r = fd_fault_set_at(fault, -EINVAL, list, i / members, name,
                                    "there is no item \"%s\"", references[i].id);
        } else if (references[i].dimension != dimension) {
            r = fd_fault_set_at(fault, -EINVAL, list, i / members, name,
                                "the embedding has %zu numbers; the items of this daemon have %zu",
                                references[i].dimension, dimension);
        } else {
            resolved->rows[i] = (uint32_t)(snapshot->items + resolved->n_extra++);
        }
    }
    (void)pthread_rwlock_unlock(&engine->state_lock);
    return r;
}

static int copy_extra(const fd_snapshot *snapshot, const fd_item_reference *references, size_t n,
                      fd_item_rows *resolved) {
    size_t dimension = fi_model_shape(snapshot->served->model)->inputs;
    if (resolved->n_extra == 0)
        return 0;
    resolved->extra = reallocarray(NULL, resolved->n_extra, dimension * sizeof(float));
    if (!resolved->extra)
        return -ENOMEM;
    float *next = resolved->extra;
    for (size_t i = 0; i < n; i++) {
        if (references[i].id)
            continue;
        memcpy(next, references[i].embedding, dimension * sizeof(float));
        next += dimension;
    }
    return 0;
}

int fd_item_lookup(fd_engine *engine, const fd_snapshot *snapshot, const char *list,
                   const char *const *names, size_t members, const fd_item_reference *references,
                   size_t n, fd_item_rows *ret, fd_fault *fault) {
    FD_CLEANUP(fd_item_rows_clear) fd_item_rows resolved = {0};
    resolved.rows = calloc(n ? n : 1, sizeof(*resolved.rows));
    if (!resolved.rows)
        return -ENOMEM;
    int r = find_rows(engine, snapshot, list, names, members, references, n, &resolved, fault);
    if (r < 0)
        return r;
    r = copy_extra(snapshot, references, n, &resolved);
    if (r < 0)
        return r;
    *ret = resolved;
    memset(&resolved, 0, sizeof(resolved));
    return 0;
}

void fd_item_rows_clear(fd_item_rows *resolved) {
    free(resolved->rows);
    free(resolved->extra);
    memset(resolved, 0, sizeof(*resolved));
}
