/*
 * Computes the target of i-opt, and keeps it with the model as it was trained: it depends on the
 * features alone, so refits share it. New items only change the share of their own prompts.
 */
#include "i_opt_target.h"

#include <errno.h>

#include "item_lookup.h"
#include "thread.h"

FD_DEFINE_CLEANUP(fi_information, fi_information_free)

static int copy_kept(fd_served_model *model, size_t width, size_t *ret_items,
                     fi_information **ret) {
    FD_LOCKED(&model->target_lock);
    *ret_items = model->target_items;
    return model->target ? fi_information_copy(model->target, ret) : fi_information_new(width, ret);
}

/* Keeps a target, unless another selection kept one of more items meanwhile. Returns the one that
 * is to be freed. */
static fi_information *exchange(fd_served_model *model, size_t items, fi_information *target) {
    FD_LOCKED(&model->target_lock);
    if (items <= model->target_items)
        return target;
    fi_information *old = model->target;
    model->target = target;
    model->target_items = items;
    return old;
}

static int keep(fd_served_model *model, size_t items, const fi_information *target) {
    fi_information *copy;
    int r = fi_information_copy(target, &copy);
    if (r < 0)
        return r;
    fi_information_free(exchange(model, items, copy));
    return 0;
}

/* ---- growing ---- */

/* Lists the items of all prompts with an item from `known` on, in their order: malloc'd. */
static int list_touched(const uint32_t *prompts, size_t n, size_t known, uint32_t **ret,
                        size_t *ret_count) {
    uint32_t last = 0;
    for (size_t i = known; i < n; i++)
        last = prompts[i] > last ? prompts[i] : last;
    FD_FREE bool *touched = calloc((size_t)last + 1, sizeof(*touched));
    uint32_t *members = calloc(n + 1, sizeof(*members));
    if (!touched || !members) {
        free(members);
        return -ENOMEM;
    }
    for (size_t i = known; i < n; i++)
        touched[prompts[i]] = true;
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (prompts[i] <= last && touched[prompts[i]])
            members[count++] = (uint32_t)i;
    *ret = members;
    *ret_count = count;
    return 0;
}

/* Adds the share of the prompts in the pool, and removes their share before, which was that of the
 * first `before` members. */
static int replace_share(fi_pool *pool, size_t before, fi_information *target) {
    FD_CLEANUP(fi_information_freep) fi_information *old = NULL;
    int r = fi_information_add_pool(target, pool, true);
    if (r < 0 || before == 0)
        return r;
    pool->n_members = before;
    r = fi_information_new(pool->n_features, &old);
    if (r == 0)
        r = fi_information_add_pool(old, pool, true);
    if (r == 0)
        fi_information_subtract(target, old);
    return r;
}

static int grow(fd_engine *engine, const fd_snapshot *snapshot, size_t known,
                fi_information *target) {
    FD_FREE uint32_t *prompts = NULL;
    FD_FREE uint32_t *members = NULL;
    size_t count = 0, before = 0;
    int r = fd_item_prompts(engine, snapshot, &prompts);
    if (r == 0)
        r = list_touched(prompts, snapshot->items, known, &members, &count);
    if (r < 0)
        return r;
    while (before < count && members[before] < known)
        before++;
    fi_pool pool = {
        .n_items = snapshot->items,
        .n_features = snapshot->features->width,
        .features = snapshot->features->data,
        .rewards = snapshot->rewards->data,
        .groups = prompts,
        .scope = FI_SCOPE_WITHIN,
        .n_members = count,
        .members = members,
    };
    return replace_share(&pool, before, target);
}

static bool is_zero(const fi_information *target) {
    size_t h = fi_information_size(target);
    const double *matrix = fi_information_matrix(target);
    double trace = 0.0;
    for (size_t j = 0; j < h; j++)
        trace += matrix[j * h + j];
    return !(trace > 0.0);
}

int fd_i_opt_target_find(fd_engine *engine, const fd_snapshot *snapshot, fi_information **ret) {
    fd_served_model *model = fd_served_model_trained(snapshot->served);
    FD_CLEANUP(fi_information_freep) fi_information *target = NULL;
    size_t known;
    int r = copy_kept(model, snapshot->features->width, &known, &target);
    if (r == 0 && known < snapshot->items) {
        r = grow(engine, snapshot, known, target);
        if (r == 0)
            r = keep(model, snapshot->items, target);
    }
    if (r < 0)
        return r;
    *ret = is_zero(target) ? NULL : FD_STEAL(target);
    return 0;
}
