/* Model versions in memory: lists that share rows, one committed and one of the transaction. */
#include "memory_models.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "thread.h"

struct fd_memory_model {
    atomic_size_t references;
    fd_model_row row; /* its bytes and reason lie behind it */
};

typedef struct fd_memory_model memory_model;
typedef fd_memory_model_list list;

/* ---- rows ---- */

/* A copy of a row, with another state and reason; NULL: out of memory. */
static memory_model *model_new(const fd_model_row *row, fd_model_state state, const char *reason) {
    size_t text = reason ? strlen(reason) + 1 : 0;
    memory_model *model = malloc(sizeof(*model) + row->size + text);
    if (!model)
        return NULL;
    uint8_t *bytes = (uint8_t *)(model + 1);
    atomic_init(&model->references, 1);
    model->row = *row;
    model->row.state = state;
    model->row.bytes = memcpy(bytes, row->bytes, row->size);
    model->row.reason = reason ? memcpy(bytes + row->size, reason, text) : NULL;
    return model;
}

static memory_model *reference(memory_model *model) {
    (void)atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
    return model;
}

static void release(memory_model *model) {
    if (atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) == 1)
        free(model);
}

/* ---- lists ---- */

static void list_clear(list *models) {
    for (size_t i = 0; i < models->count; i++)
        release(models->models[i]);
    free(models->models);
    *models = (list){0};
}

/* The copy has room for one more model. */
static int list_copy(const list *from, list *ret) {
    memory_model **models = calloc(from->count + 1, sizeof(memory_model *));
    if (!models)
        return -ENOMEM;
    for (size_t i = 0; i < from->count; i++)
        models[i] = reference(from->models[i]);
    *ret = (list){from->count, models};
    return 0;
}

/* The index of the first model above a version. */
static size_t index_above(const list *models, uint64_t version) {
    size_t index = models->count;
    while (index > 0 && models->models[index - 1]->row.version > version)
        index--;
    return index;
}

static memory_model *find(const list *models, uint64_t version) {
    size_t index = index_above(models, version);
    memory_model *model = index > 0 ? models->models[index - 1] : NULL;
    return model && model->row.version == version ? model : NULL;
}

/* ---- transactions ---- */

void fd_memory_models_init(fd_memory_models *models) {
    (void)pthread_mutex_init(&models->lock, NULL);
}

void fd_memory_models_clear(fd_memory_models *models) {
    list_clear(&models->committed);
    list_clear(&models->next);
    (void)pthread_mutex_destroy(&models->lock);
}

/* The list as the writer sees it. */
static const list *current(const fd_memory_models *models) {
    return models->changed ? &models->next : &models->committed;
}

/* Replaces the current list by one that was made from it. */
static void change(fd_memory_models *models, list changed) {
    list_clear(&models->next);
    models->next = changed;
    models->changed = true;
}

void fd_memory_models_commit(fd_memory_models *models) {
    if (!models->changed)
        return;
    list old = models->committed;
    {
        FD_LOCKED(&models->lock);
        models->committed = models->next;
    }
    list_clear(&old);
    models->next = (list){0};
    models->changed = false;
}

void fd_memory_models_rollback(fd_memory_models *models) {
    list_clear(&models->next);
    models->changed = false;
}

int fd_memory_model_add(fd_memory_models *models, const fd_model_row *row) {
    assert(row->state != FD_MODEL_ACTIVE);
    if (row->version == 0 || row->version > INT64_MAX || row->size == 0)
        return -EINVAL;
    if (find(current(models), row->version))
        return -EEXIST;
    list next;
    int r = list_copy(current(models), &next);
    if (r < 0)
        return r;
    memory_model *model = model_new(row, row->state, row->reason);
    if (!model) {
        list_clear(&next);
        return -ENOMEM;
    }
    size_t index = index_above(&next, row->version);
    memmove(&next.models[index + 1], &next.models[index],
            (next.count++ - index) * sizeof(memory_model *));
    next.models[index] = model;
    change(models, next);
    return 0;
}

int fd_memory_model_activate(fd_memory_models *models, uint64_t version) {
    if (!find(current(models), version))
        return -ENOENT;
    list next;
    int r = list_copy(current(models), &next);
    if (r < 0)
        return r;
    for (size_t i = 0; i < next.count && r == 0; i++) {
        memory_model *model = next.models[i];
        bool chosen = model->row.version == version;
        if (!chosen && model->row.state != FD_MODEL_ACTIVE)
            continue;
        next.models[i] = model_new(&model->row, chosen ? FD_MODEL_ACTIVE : FD_MODEL_STORED, NULL);
        if (next.models[i]) {
            release(model);
        } else {
            next.models[i] = model;
            r = -ENOMEM;
        }
    }
    if (r == 0)
        change(models, next);
    else
        list_clear(&next);
    return r;
}

int fd_memory_models_prune(fd_memory_models *models, size_t keep, uint64_t spare,
                           size_t *ret_deleted) {
    list next;
    int r = list_copy(current(models), &next);
    if (r < 0)
        return r;
    size_t before = next.count, kept = 0;
    for (size_t i = 0; i < before; i++) {
        memory_model *model = next.models[i];
        if (before - i <= keep || model->row.state == FD_MODEL_ACTIVE ||
            model->row.version == spare)
            next.models[kept++] = model;
        else
            release(model);
    }
    next.count = kept;
    *ret_deleted = before - kept;
    change(models, next);
    return 0;
}

/* ---- reading ---- */

size_t fd_memory_models_count(fd_memory_models *models) {
    FD_LOCKED(&models->lock);
    return models->committed.count;
}

static int copy_committed(fd_memory_models *models, list *ret) {
    FD_LOCKED(&models->lock);
    return list_copy(&models->committed, ret);
}

int fd_memory_models_read(fd_memory_models *models, uint64_t highest, size_t limit, bool bytes,
                          fd_model_visit *visit, void *context) {
    FD_CLEANUP(list_clear) list seen = {0};
    int r = copy_committed(models, &seen);
    for (size_t i = index_above(&seen, highest); i > 0 && limit > 0 && r == 0; i--, limit--) {
        fd_model_row row = seen.models[i - 1]->row;
        if (!bytes) {
            row.bytes = NULL;
            row.size = 0;
        }
        r = visit(context, &row);
    }
    return r;
}
