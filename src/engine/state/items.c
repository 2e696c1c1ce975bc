/* Adds and reads items. */
#include "items.h"

#include <errno.h>
#include <string.h>

#include "embedding_jobs.h"
#include "engine_state.h"
#include "item_room.h"
#include "item_rules.h"
#include "item_text_features.h"
#include "score_changes.h"
#include "thread.h"
#include "writer.h"

struct add_items_job {
    fd_job job;
    const fd_item_row *rows;
    size_t n;
    fd_fault *fault;
    fd_added added;
    uint32_t *indices;       /* [n] */
    fd_item_entry **entries; /* [n_new], each NULL once the table owns it */
    const char **prompt_ids; /* [n_new], borrowed from the rows */
    size_t n_new;
    fd_score_changes scores;
    const fd_embedding_job_row *ends; /* the embedding job that ends with it; NULL: none */
};

static int check_dimension(const fd_engine *engine, const fd_pending *pending,
                           const struct add_items_job *add) {
    size_t dimension = pending->items > 0 ? engine->dimension : add->rows[0].dimension;
    for (size_t i = 0; i < add->n; i++)
        if (add->rows[i].dimension != dimension)
            return fd_fault_set_at(add->fault, -EINVAL, "items", i, "embedding",
                                   "has %zu numbers; the items of this daemon have %zu",
                                   add->rows[i].dimension, dimension);
    return 0;
}

/* New rows have the indices from pending->items upwards, in the order of the list. */
static int make_entries(const fd_pending *pending, struct add_items_job *add) {
    size_t next = pending->items;
    for (size_t i = 0; i < add->n; i++) {
        if (add->indices[i] != next)
            continue;
        int r = fd_item_entry_new(&add->rows[i], &add->entries[add->n_new]);
        if (r < 0)
            return r;
        add->prompt_ids[add->n_new++] = add->rows[i].prompt_id;
        next++;
    }
    return 0;
}

static void copy_numbers(fd_engine *engine, const fd_pending *pending,
                         const struct add_items_job *add) {
    size_t next = pending->items;
    for (size_t i = 0; i < add->n; i++) {
        if (add->indices[i] != next)
            continue;
        fd_item_numbers_set(engine, next, &add->rows[i],
                            add->entries[next - pending->items]->prompt);
        next++;
    }
}

static void discard_entries(struct add_items_job *add) {
    for (size_t i = 0; i < add->n_new; i++) {
        if (add->entries[i])
            fd_item_entry_free(add->entries[i]);
        add->entries[i] = NULL;
    }
    add->n_new = 0;
}

/* The index of a change is a place in the list until the items have theirs. */
static int name_scores(fd_engine *engine, const fd_pending *pending, struct add_items_job *add) {
    fd_score_changes_begin(&add->scores, pending);
    for (size_t i = 0; i < add->n; i++)
        for (size_t s = 0; s < add->rows[i].n_scores; s++) {
            const fd_item_score *score = &add->rows[i].scores[s];
            int r = fd_score_changes_add(&add->scores, engine, (uint32_t)i, score);
            if (r == -ENOSPC)
                return fd_fault_set_at(add->fault, -EINVAL, "items", i, "scores",
                                       FD_SCORE_NAMES_FULL, score->name);
            if (r < 0)
                return r;
        }
    return 0;
}

static int store_scores(fd_engine *engine, fd_pending *pending, struct add_items_job *add) {
    size_t changed;
    fd_score_changes_place(&add->scores, add->indices, add->n, (uint32_t)pending->items);
    return fd_score_changes_store(&add->scores, engine, pending, &changed);
}

static int store_rows(fd_engine *engine, struct add_items_job *add, fd_pending *pending) {
    if (pending->items + add->n >= UINT32_MAX)
        return -ENOSPC;
    int r = check_dimension(engine, pending, add);
    if (r == 0)
        r = name_scores(engine, pending, add);
    if (r < 0)
        return r;
    r = engine->store->operations->items_add(engine->store, add->rows, add->n, add->indices,
                                             &add->added);
    if (r == -EEXIST)
        return fd_fault_set_at(add->fault, r, "items", add->added.conflict, "id",
                               "item \"%s\" exists already with other content; items cannot be "
                               "changed",
                               add->rows[add->added.conflict].id);
    if (r == 0)
        r = store_scores(engine, pending, add);
    if (r < 0 || add->added.created == 0)
        return r;
    r = make_entries(pending, add);
    if (r == 0)
        r = fd_item_room_make(engine, pending, add->rows[0].dimension, add->entries,
                              add->prompt_ids, add->n_new);
    if (r < 0)
        return r;
    copy_numbers(engine, pending, add);
    pending->items += add->n_new;
    return 0;
}

static int store_items(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct add_items_job *add = (struct add_items_job *)job;
    discard_entries(add); /* those of a transaction that was undone */
    int r = add->ends ? fd_embedding_job_store_unfinished(engine, add->ends) : 0;
    if (r == 0)
        r = store_rows(engine, add, pending);
    return r == 0 && add->ends ? fd_embedding_job_store_end(engine, add->ends, &add->added) : r;
}

static void apply_items(fd_engine *engine, fd_job *job) {
    struct add_items_job *add = (struct add_items_job *)job;
    for (size_t i = 0; i < add->n_new; i++)
        fd_item_table_add(&engine->items, FD_STEAL(add->entries[i]));
    fd_score_changes_apply(&add->scores, engine);
}

int fd_engine_items_add_of_job(fd_engine *engine, const fd_item_row *items, size_t n,
                               const fd_embedding_job_row *job, fd_added *ret, fd_fault *fault) {
    *ret = (fd_added){0};
    if (n == 0)
        return 0;

    FD_FREE fd_item_row *rows = calloc(n, sizeof(*rows));
    FD_FREE uint32_t *indices = calloc(n, sizeof(*indices));
    FD_FREE fd_item_entry **entries = calloc(n, sizeof(*entries));
    FD_FREE const char **prompt_ids = calloc(n, sizeof(*prompt_ids));
    if (!rows || !indices || !entries || !prompt_ids)
        return -ENOMEM;
    size_t n_scores = 0;
    for (size_t i = 0; i < n; i++) {
        char why[FD_RULE_SIZE];
        const char *member;
        if (fd_item_rule(&items[i], &member, why) < 0)
            return fd_fault_set_at(fault, -EINVAL, "items", i, member, "%s", why);
        rows[i] = items[i];
        rows[i].created_ms = fd_engine_now_ms(engine);
        n_scores += rows[i].n_scores;
    }

    FD_FREE float *counted = NULL;
    int r = engine->options.text_features ? fd_text_features_count(rows, n, &counted) : 0;
    if (r < 0)
        return r;

    struct add_items_job add = {
        .job = {.store = store_items, .apply = apply_items},
        .rows = rows,
        .n = n,
        .fault = fault,
        .indices = indices,
        .entries = entries,
        .prompt_ids = prompt_ids,
        .ends = job,
    };
    r = fd_score_changes_new(&add.scores, n_scores);
    if (r == 0)
        r = fd_writer_run(engine, &add.job);
    discard_entries(&add); /* those that the table did not take */
    fd_score_changes_clear(&add.scores);
    *ret = add.added; /* which of them is the conflict */
    if (r == 0 && job)
        fd_embedding_jobs_gauge(engine);
    return r;
}

int fd_engine_items_add(fd_engine *engine, const fd_item_row *items, size_t n, fd_added *ret,
                        fd_fault *fault) {
    return fd_engine_items_add_of_job(engine, items, n, NULL, ret, fault);
}

int fd_engine_items_read(fd_engine *engine, uint32_t first, size_t limit, bool embeddings,
                         fd_item_visit *visit, void *context) {
    return engine->store->operations->items_read(engine->store, first, limit, embeddings, visit,
                                                 context);
}

/* The first indices of a prompt's items that are not below `first`. */
static size_t find_of_prompt(fd_engine *engine, const char *prompt_id, uint32_t first, size_t limit,
                             uint32_t *indices) {
    FD_READ_LOCKED(&engine->state_lock);
    const fd_prompt *prompt = fd_item_table_find_prompt(&engine->items, prompt_id);
    size_t low = 0, high = prompt ? prompt->count : 0, n = 0;
    size_t end = high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (prompt->items[middle] < first)
            low = middle + 1;
        else
            high = middle;
    }
    while (n < limit && low < end)
        indices[n++] = prompt->items[low++];
    return n;
}

int fd_engine_prompt_items_read(fd_engine *engine, const char *prompt_id, uint32_t first,
                                size_t limit, bool embeddings, fd_item_visit *visit,
                                void *context) {
    FD_FREE uint32_t *indices = calloc(limit ? limit : 1, sizeof(*indices));
    if (!indices)
        return -ENOMEM;
    size_t n = find_of_prompt(engine, prompt_id, first, limit, indices);
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = fd_engine_items_read(engine, indices[i], 1, embeddings, visit, context);
    return r;
}

static int find_index(fd_engine *engine, const char *id, uint32_t *ret) {
    FD_READ_LOCKED(&engine->state_lock);
    const fd_item_entry *entry = fd_item_table_find(&engine->items, id);
    if (!entry)
        return -ENOENT;
    *ret = entry->index;
    return 0;
}

bool fd_engine_item_exists(fd_engine *engine, const char *id) {
    uint32_t unused;
    return find_index(engine, id, &unused) == 0;
}

int fd_engine_item_read(fd_engine *engine, const char *id, bool embedding, fd_item_visit *visit,
                        void *context) {
    uint32_t index;
    int r = find_index(engine, id, &index);
    return r < 0 ? r : fd_engine_items_read(engine, index, 1, embedding, visit, context);
}
