/*
 * Computes the target of i-opt, and keeps it with the model as it was trained: it depends on the
 * features alone, so refits share it. New items only change the share of their own prompts.
 */
#include "i_opt_target.h"

#include <errno.h>
#include <string.h>

#include "array.h"
#include "engine_state.h"
#include "item_lookup.h"
#include "thread.h"

FD_DEFINE_CLEANUP(fi_information, fi_information_free)

/* A selection computes the shares of this many items itself, which takes some milliseconds. */
enum { ITEMS_WAITED_FOR = 4096 };

/* The prompts of about this many items are listed at once, while labels wait, and summed; then the
 * engine may close. */
enum { ITEMS_AT_ONCE = 2048 };

static int copy_kept(fd_served_model *model, size_t width, size_t *ret_items,
                     fi_information **ret) {
    FD_LOCKED(&model->target_lock);
    *ret_items = model->target_items;
    return model->target ? fi_information_copy(model->target, ret) : fi_information_new(width, ret);
}

/* Keeps a target, unless another thread kept one of more items meanwhile. Returns the one that is
 * to be freed. */
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

/* ---- prompts ---- */

static int compare_numbers(const void *a, const void *b) {
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    return (first > second) - (first < second);
}

/* Lists the prompts with an item from `known` on, each once: malloc'd. */
static int list_touched(fd_engine *engine, const fd_snapshot *snapshot, size_t known,
                        uint32_t **ret, size_t *ret_count) {
    size_t n = snapshot->items - known, count = 0;
    FD_FREE uint32_t *rows = calloc(n + 1, sizeof(*rows));
    FD_FREE uint32_t *prompts = calloc(n + 1, sizeof(*prompts));
    if (!rows || !prompts)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        rows[i] = (uint32_t)(known + i);
    fd_item_prompts_of(engine, snapshot, rows, n, prompts);
    qsort(prompts, n, sizeof(*prompts), compare_numbers);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || prompts[i] != prompts[count - 1])
            prompts[count++] = prompts[i];
    *ret = FD_STEAL(prompts);
    *ret_count = count;
    return 0;
}

/* The items of some prompts. */
struct slice {
    size_t count;
    size_t rows_capacity, prompts_capacity;
    uint32_t *rows;    /* [count] */
    uint32_t *prompts; /* [count] */
};

static void slice_clear(struct slice *slice) {
    free(slice->rows);
    free(slice->prompts);
}

/* Lists the items of the next prompts; *next becomes the first that is left. */
static int fill_slice(fd_engine *engine, size_t items, const uint32_t *prompts, size_t n,
                      size_t *next, struct slice *slice) {
    slice->count = 0;
    FD_READ_LOCKED(&engine->state_lock);
    for (; *next < n && slice->count < ITEMS_AT_ONCE; ++*next) {
        const fd_prompt *prompt = engine->items.prompts[prompts[*next]];
        size_t most = slice->count + prompt->count;
        int r = fd_array_reserve(&slice->rows, &slice->rows_capacity, most, sizeof(*slice->rows));
        if (r == 0)
            r = fd_array_reserve(&slice->prompts, &slice->prompts_capacity, most,
                                 sizeof(*slice->prompts));
        if (r < 0)
            return r;
        for (size_t i = 0; i < prompt->count && prompt->items[i] < items; i++) {
            slice->rows[slice->count] = prompt->items[i];
            slice->prompts[slice->count++] = prompt->index;
        }
    }
    return 0;
}

/* ---- sums ---- */

/* The sum over the slice's items below row `end`: copies, so that libfisher does not walk over all
 * items. */
static int sum_slice(const fd_snapshot *snapshot, const struct slice *slice, size_t end,
                     fi_information *sum) {
    size_t width = snapshot->features->width, m = 0;
    FD_FREE float *features = reallocarray(NULL, slice->count + 1, width * sizeof(*features));
    FD_FREE float *rewards = calloc(slice->count + 1, sizeof(*rewards)); /* no part of the sum */
    FD_FREE uint32_t *groups = calloc(slice->count + 1, sizeof(*groups));
    FD_FREE uint32_t *members = calloc(slice->count + 1, sizeof(*members));
    if (!features || !rewards || !groups || !members)
        return -ENOMEM;
    for (size_t i = 0; i < slice->count; i++) {
        if (slice->rows[i] >= end)
            continue;
        memcpy(features + m * width, fd_growing_matrix_row(snapshot->features, slice->rows[i]),
               width * sizeof(*features));
        groups[m] = slice->prompts[i];
        members[m] = (uint32_t)m;
        m++;
    }
    fi_pool pool = {
        .n_items = m,
        .n_features = width,
        .features = features,
        .rewards = rewards,
        .groups = groups,
        .scope = FI_SCOPE_WITHIN,
        .n_members = m,
        .members = members,
    };
    return m == 0 ? 0 : fi_information_add_pool(sum, &pool, true);
}

/* Adds the share of the slice's prompts, and removes what it was by the first `known` items. */
static int replace_share(const fd_snapshot *snapshot, const struct slice *slice, size_t known,
                         fi_information *target) {
    FD_CLEANUP(fi_information_freep) fi_information *old = NULL;
    int r = sum_slice(snapshot, slice, snapshot->items, target);
    if (r == 0 && known > 0)
        r = fi_information_new(snapshot->features->width, &old);
    if (r == 0 && known > 0)
        r = sum_slice(snapshot, slice, known, old);
    if (r == 0 && known > 0)
        fi_information_subtract(target, old);
    return r;
}

static int grow(fd_engine *engine, const fd_snapshot *snapshot, size_t known,
                fi_information *target) {
    FD_CLEANUP(slice_clear) struct slice slice = {0};
    FD_FREE uint32_t *prompts = NULL;
    size_t count = 0, next = 0;
    int r = list_touched(engine, snapshot, known, &prompts, &count);
    while (r == 0 && next < count) {
        r = fill_slice(engine, snapshot->items, prompts, count, &next, &slice);
        if (r == 0)
            r = replace_share(snapshot, &slice, known, target);
        if (r == 0 && next < count && atomic_load(&engine->closing))
            return -ECANCELED;
    }
    return r;
}

static int bring_up_to_date(fd_engine *engine, const fd_snapshot *snapshot, size_t known,
                            fi_information *target) {
    int r = grow(engine, snapshot, known, target);
    return r < 0 ? r : keep(fd_served_model_trained(snapshot->served), snapshot->items, target);
}

/* ---- what others ask for ---- */

static bool is_zero(const fi_information *target) {
    size_t h = fi_information_size(target);
    const double *matrix = fi_information_matrix(target);
    double trace = 0.0;
    for (size_t j = 0; j < h; j++)
        trace += matrix[j * h + j];
    return !(trace > 0.0);
}

int fd_i_opt_target_find(fd_engine *engine, const fd_snapshot *snapshot, fi_information **ret,
                         bool *ret_complete) {
    FD_CLEANUP(fi_information_freep) fi_information *target = NULL;
    size_t known;
    int r = copy_kept(fd_served_model_trained(snapshot->served), snapshot->features->width, &known,
                      &target);
    bool waits = snapshot->items <= ITEMS_WAITED_FOR;
    if (r == 0 && known < snapshot->items && waits)
        r = bring_up_to_date(engine, snapshot, known, target);
    if (r < 0)
        return r;
    *ret_complete = known >= snapshot->items || waits;
    *ret = is_zero(target) ? NULL : FD_STEAL(target);
    return 0;
}

int fd_i_opt_target_prepare(fd_engine *engine, const fd_snapshot *snapshot) {
    FD_CLEANUP(fi_information_freep) fi_information *target = NULL;
    size_t known;
    int r = copy_kept(fd_served_model_trained(snapshot->served), snapshot->features->width, &known,
                      &target);
    if (r == 0 && known < snapshot->items)
        r = bring_up_to_date(engine, snapshot, known, target);
    return r;
}

bool fd_i_opt_target_is_ready(const fd_snapshot *snapshot) {
    fd_served_model *model = fd_served_model_trained(snapshot->served);
    FD_LOCKED(&model->target_lock);
    return model->target_items >= snapshot->items;
}
