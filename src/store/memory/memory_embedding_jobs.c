/* Embedding jobs in memory: adding, writing, pruning and reading them and their items. */
#include "memory_embedding_jobs.h"

#include <errno.h>
#include <string.h>

#include "array.h"
#include "memory_row.h"
#include "thread.h"

/* Shared by the states of a job: the items, and vectors in the order in which they were made. */
struct items {
    size_t references;
    size_t n;
    struct items *before;        /* vectors that were made before, with a reference */
    fd_embedding_job_item *list; /* [n]; all that it points at lies behind it */
};

struct fd_memory_job {
    size_t references;
    fd_embedding_job_row row; /* its texts lie behind it */
    struct items *items;      /* NULL: it has ended */
    struct items *vectors;    /* NULL: none */
};

/* ---- references ---- */

static struct items *items_reference(struct items *items) {
    if (items)
        items->references++;
    return items;
}

static void items_release(struct items *items) {
    while (items && --items->references == 0) {
        struct items *before = items->before;
        free(items);
        items = before;
    }
}

static void job_release(fd_memory_job *job) {
    if (--job->references > 0)
        return;
    items_release(job->items);
    items_release(job->vectors);
    free(job);
}

static void list_clear(fd_memory_job_list *list) {
    for (size_t i = 0; i < list->n; i++)
        job_release(list->jobs[i]);
    free(list->jobs);
    *list = (fd_memory_job_list){0};
}

void fd_memory_embedding_jobs_clear(fd_memory_embedding_jobs *jobs) {
    list_clear(&jobs->committed);
    list_clear(&jobs->changed);
}

void fd_memory_embedding_jobs_commit(fd_memory_embedding_jobs *jobs) {
    if (!jobs->is_changed)
        return;
    list_clear(&jobs->committed);
    jobs->committed = jobs->changed;
    jobs->changed = (fd_memory_job_list){0};
    jobs->is_changed = false;
}

void fd_memory_embedding_jobs_rollback(fd_memory_embedding_jobs *jobs) {
    list_clear(&jobs->changed);
    jobs->is_changed = false;
}

/* ---- copies ---- */

static void pack_item(fd_memory_packing *packing, const fd_embedding_job_item *from,
                      fd_embedding_job_item *ret) {
    *ret = *from;
    ret->vector = fd_memory_pack(packing, from->vector, from->dimension * sizeof(*from->vector));
}

static int items_new(const fd_embedding_job_item *from, size_t n, struct items *before,
                     struct items **ret) {
    fd_embedding_job_item copy;
    fd_memory_packing packing = {0};
    for (size_t i = 0; i < n; i++)
        pack_item(&packing, &from[i], &copy);
    for (size_t i = 0; i < n; i++)
        (void)fd_memory_pack_text(&packing, from[i].content);
    struct items *items = calloc(1, sizeof(*items) + n * sizeof(*items->list) + packing.size);
    if (!items)
        return -ENOMEM;
    items->list = (fd_embedding_job_item *)(items + 1);
    packing.at = (char *)(items->list + n);
    for (size_t i = 0; i < n; i++)
        pack_item(&packing, &from[i], &items->list[i]);
    for (size_t i = 0; i < n; i++)
        items->list[i].content = fd_memory_pack_text(&packing, from[i].content);
    items->references = 1;
    items->n = n;
    items->before = items_reference(before);
    *ret = items;
    return 0;
}

static fd_embedding_job_row pack_row(fd_memory_packing *packing, const fd_embedding_job_row *from) {
    fd_embedding_job_row row = *from;
    row.id = fd_memory_pack_text(packing, from->id);
    row.author = fd_memory_pack_text(packing, from->author);
    row.key = fd_memory_pack_text(packing, from->key);
    row.error = fd_memory_pack_text(packing, from->error);
    return row;
}

static int job_new(const fd_embedding_job_row *row, fd_memory_job **ret) {
    fd_memory_packing packing = {0};
    (void)pack_row(&packing, row);
    fd_memory_job *job = calloc(1, sizeof(*job) + packing.size);
    if (!job)
        return -ENOMEM;
    packing.at = (char *)(job + 1);
    job->row = pack_row(&packing, row);
    job->references = 1;
    *ret = job;
    return 0;
}

/* ---- writing ---- */

static bool has_ended(const fd_embedding_job_row *row) {
    return row->state >= FD_EMBEDDING_JOB_DONE;
}

/* The list that the writer may change, with room for one more. */
static int change(fd_memory_embedding_jobs *jobs) {
    fd_memory_job_list *changed = &jobs->changed;
    const fd_memory_job_list *from = jobs->is_changed ? changed : &jobs->committed;
    int r =
        fd_array_reserve(&changed->jobs, &changed->capacity, from->n + 1, sizeof(fd_memory_job *));
    if (r < 0 || jobs->is_changed)
        return r;
    for (size_t i = 0; i < from->n; i++) {
        changed->jobs[i] = from->jobs[i];
        changed->jobs[i]->references++;
    }
    changed->n = from->n;
    jobs->is_changed = true;
    return 0;
}

static int check_limits(const fd_memory_job_list *list, const fd_embedding_job_row *row,
                        uint64_t most_jobs, uint64_t most_bytes) {
    uint64_t unfinished = 1, bytes = row->bytes;
    for (size_t i = 0; i < list->n; i++) {
        const fd_embedding_job_row *other = &list->jobs[i]->row;
        if (row->key && other->key && strcmp(row->key, other->key) == 0 &&
            strcmp(row->author, other->author) == 0)
            return -EEXIST;
        unfinished += !has_ended(other);
        bytes += has_ended(other) ? 0 : other->bytes;
    }
    return has_ended(row) || (unfinished <= most_jobs && bytes <= most_bytes) ? 0 : -EINVAL;
}

int fd_memory_embedding_job_add(fd_memory_embedding_jobs *jobs, const fd_embedding_job_row *row,
                                const fd_embedding_job_item *items, size_t n, uint64_t most_jobs,
                                uint64_t most_bytes) {
    fd_memory_job *job;
    int r = change(jobs);
    if (r == 0)
        r = check_limits(&jobs->changed, row, most_jobs, most_bytes);
    if (r == 0)
        r = job_new(row, &job);
    if (r < 0)
        return r;
    job->row.sequence = jobs->last + 1;
    r = n > 0 ? items_new(items, n, NULL, &job->items) : 0;
    if (r < 0) {
        job_release(job);
        return r;
    }
    jobs->last++;
    jobs->changed.jobs[jobs->changed.n++] = job;
    return 0;
}

static fd_memory_job **find(const fd_memory_job_list *list, int64_t sequence) {
    for (size_t i = 0; i < list->n; i++)
        if (list->jobs[i]->row.sequence == sequence)
            return &list->jobs[i];
    return NULL;
}

static fd_embedding_job_row changed_row(const fd_embedding_job_row *before,
                                        const fd_embedding_job_row *row) {
    fd_embedding_job_row changed = *before;
    changed.state = row->state;
    changed.done = row->done;
    changed.created = row->created;
    changed.unchanged = row->unchanged;
    changed.error = row->error;
    changed.embedder_ms = row->embedder_ms;
    changed.started_ms = row->started_ms;
    changed.finished_ms = row->finished_ms;
    return changed;
}

int fd_memory_embedding_job_write(fd_memory_embedding_jobs *jobs, const fd_embedding_job_row *row,
                                  const fd_embedding_job_item *items, size_t n) {
    fd_memory_job *job;
    int r = change(jobs);
    if (r < 0)
        return r;
    fd_memory_job **place = find(&jobs->changed, row->sequence);
    if (!place || has_ended(&(*place)->row))
        return -ECANCELED;
    const fd_embedding_job_row changed = changed_row(&(*place)->row, row);
    r = job_new(&changed, &job);
    if (r < 0)
        return r;
    struct items *vectors = row->done > 0 && !has_ended(row) ? (*place)->vectors : NULL;
    r = n > 0 ? items_new(items, n, vectors, &job->vectors) : 0;
    if (r < 0) {
        job_release(job);
        return r;
    }
    if (n == 0)
        job->vectors = items_reference(vectors);
    job->items = has_ended(row) ? NULL : items_reference((*place)->items);
    job_release(*place);
    *place = job;
    return 0;
}

int fd_memory_embedding_jobs_prune(fd_memory_embedding_jobs *jobs, int64_t before_ms, size_t keep) {
    int r = change(jobs);
    fd_memory_job_list *list = &jobs->changed;
    size_t ended = 0, kept = 0;
    if (r < 0)
        return r;
    for (size_t i = 0; i < list->n; i++)
        ended += has_ended(&list->jobs[i]->row);
    for (size_t i = 0; i < list->n; i++) {
        const fd_embedding_job_row *row = &list->jobs[i]->row;
        bool drops = has_ended(row) && (ended > keep || row->finished_ms < before_ms);
        ended -= has_ended(row);
        if (drops)
            job_release(list->jobs[i]);
        else
            list->jobs[kept++] = list->jobs[i];
    }
    list->n = kept;
    return 0;
}

/* ---- reading ---- */

int fd_memory_embedding_jobs_read(const fd_memory_embedding_jobs *jobs, int64_t before,
                                  size_t limit, fd_embedding_job_visit *visit, void *context) {
    FD_READ_LOCKED(jobs->lock);
    int r = 0;
    size_t read = 0;
    for (size_t i = jobs->committed.n; i-- > 0 && read < limit && r == 0;) {
        const fd_embedding_job_row *row = &jobs->committed.jobs[i]->row;
        if (row->sequence >= before)
            continue;
        read++;
        r = visit(context, row);
    }
    return r;
}

int fd_memory_embedding_job_items_read(const fd_memory_embedding_jobs *jobs, int64_t sequence,
                                       uint32_t first, fd_embedding_job_item_visit *visit,
                                       void *context) {
    FD_READ_LOCKED(jobs->lock);
    fd_memory_job **place = find(&jobs->committed, sequence);
    if (!place || !(*place)->items)
        return 0;
    const struct items *items = (*place)->items;
    FD_FREE fd_embedding_job_item *list = calloc(items->n, sizeof(*list));
    if (!list)
        return -ENOMEM;
    memcpy(list, items->list, items->n * sizeof(*list));
    for (const struct items *made = (*place)->vectors; made; made = made->before)
        for (size_t i = 0; i < made->n; i++) {
            list[made->list[i].place].vector = made->list[i].vector;
            list[made->list[i].place].dimension = made->list[i].dimension;
        }
    int r = 0;
    for (size_t i = first; i < items->n && r == 0; i++)
        r = visit(context, &list[i]);
    return r;
}
