/* Copies the parts of a project that have few rows, each in a transaction of its own. */
#include "copy_few.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "array.h"
#include "copy_read.h"

/* ---- the key ---- */

static int write_key(const fd_copy *copy, const void *key) {
    return copy->to->operations->assignment_key_write(copy->to, key);
}

int fd_copy_key(fd_copy *copy) {
    unsigned char key[FD_ASSIGNMENT_KEY_SIZE];
    int r = copy->from->operations->assignment_key(copy->from, key);
    if (r == 0)
        r = fd_copy_write(copy, write_key, key);
    sodium_memzero(key, sizeof(key));
    return r;
}

/* ---- the project and the embedder ---- */

static int write_version(const fd_copy *copy, const void *row) {
    return copy->to->operations->project_add(copy->to, row);
}

static int count_version(void *context, const fd_project_row *row) {
    *(uint64_t *)context = row->version;
    return 0;
}

struct versions {
    fd_copy *copy;
    uint64_t have;
};

static int copy_version(void *context, const fd_project_row *row) {
    const struct versions *versions = context;
    return row->version > versions->have ? fd_copy_write(versions->copy, write_version, row) : 0;
}

int fd_copy_project(fd_copy *copy) {
    struct versions versions = {copy, 0};
    int r = copy->to->operations->project_read(copy->to, count_version, &versions.have);
    return r < 0
               ? r
               : copy->from->operations->project_versions_read(copy->from, copy_version, &versions);
}

static int write_embedder(const fd_copy *copy, const void *row) {
    return copy->to->operations->embedder_write(copy->to, row);
}

static int copy_embedder(void *context, const fd_embedder_row *row) {
    return fd_copy_write(context, write_embedder, row);
}

int fd_copy_embedder(fd_copy *copy) {
    return copy->from->operations->embedder_read(copy->from, copy_embedder, copy);
}

/* ---- models ---- */

/* The one that serves is stored first: a store activates what it has. */
static int write_model(const fd_copy *copy, const void *context) {
    const fd_store_operations *to = copy->to->operations;
    fd_model_row row = *(const fd_model_row *)context;
    bool is_active = row.state == FD_MODEL_ACTIVE;
    if (is_active)
        row.state = FD_MODEL_STORED;
    int r = to->model_add(copy->to, &row);
    return r == 0 && is_active ? to->model_activate(copy->to, row.version) : r;
}

static int copy_model(void *context, const fd_model_row *row) {
    return fd_copy_write(context, write_model, row);
}

static bool has(const uint64_t *versions, size_t n, uint64_t version) {
    for (size_t i = 0; i < n; i++)
        if (versions[i] == version)
            return true;
    return false;
}

int fd_copy_models(fd_copy *copy) {
    FD_FREE uint64_t *versions = NULL;
    FD_FREE uint64_t *theirs = NULL;
    size_t n, n_theirs;
    int r = fd_copy_model_versions(copy->from, &versions, &n);
    if (r == 0)
        r = fd_copy_model_versions(copy->to, &theirs, &n_theirs);
    if (r < 0)
        return r;
    fd_copy_begin_part(copy, "models", n_theirs);
    for (size_t i = 0; i < n && r == 0; i++) {
        if (!has(theirs, n_theirs, versions[i]))
            r = copy->from->operations->models_read(copy->from, versions[i], 1, true, copy_model,
                                                    copy);
        if (r == 0)
            fd_copy_show(copy, i + 1, n);
    }
    return r;
}

/* ---- embedding jobs ---- */

/* A job with its items; owns what they point at. */
struct job {
    fd_embedding_job_row row;
    size_t n, capacity;
    fd_embedding_job_item *items;   /* [n] */
    fd_embedding_job_item *vectors; /* [n_vectors] of those that have one; borrowed */
    size_t n_vectors;
};

static void job_clear(struct job *job) {
    for (size_t i = 0; i < job->n; i++) {
        free((char *)job->items[i].content);
        free((float *)job->items[i].vector);
    }
    free(job->items);
    free(job->vectors);
    free((char *)job->row.id);
    free((char *)job->row.author);
    free((char *)job->row.key);
    free((char *)job->row.error);
}

static int take_job(void *context, const fd_embedding_job_row *row) {
    fd_embedding_job_row *kept = context;
    *kept = *row;
    kept->id = strdup(row->id);
    kept->author = strdup(row->author);
    kept->key = row->key ? strdup(row->key) : NULL;
    kept->error = row->error ? strdup(row->error) : NULL;
    bool is_whole =
        kept->id && kept->author && !kept->key == !row->key && !kept->error == !row->error;
    return is_whole ? 0 : -ENOMEM;
}

static int take_job_item(void *context, const fd_embedding_job_item *item) {
    struct job *job = context;
    size_t size = item->dimension * sizeof(*item->vector);
    int r = fd_array_reserve(&job->items, &job->capacity, job->n + 1, sizeof(*job->items));
    if (r < 0)
        return r;
    fd_embedding_job_item *kept = &job->items[job->n++];
    float *vector = item->vector ? malloc(size) : NULL;
    *kept = *item;
    kept->content = strdup(item->content);
    kept->vector = vector ? memcpy(vector, item->vector, size) : NULL;
    return kept->content && !vector == !item->vector ? 0 : -ENOMEM;
}

static int read_job(fd_store *from, int64_t sequence, struct job *ret) {
    const fd_store_operations *operations = from->operations;
    int r = operations->embedding_jobs_read(from, sequence + 1, 1, take_job, &ret->row);
    if (r == 0)
        r = operations->embedding_job_items_read(from, sequence, 0, take_job_item, ret);
    if (r < 0)
        return r;
    ret->vectors = calloc(ret->n + 1, sizeof(*ret->vectors));
    if (!ret->vectors)
        return -ENOMEM;
    for (size_t i = 0; i < ret->n; i++)
        if (ret->items[i].vector)
            ret->vectors[ret->n_vectors++] = ret->items[i];
    return 0;
}

static int add_job(const fd_copy *copy, const void *context) {
    const struct job *job = context;
    return copy->to->operations->embedding_job_add(copy->to, &job->row, job->items, job->n,
                                                   UINT64_MAX, UINT64_MAX);
}

/* A run before may have written some of the vectors: without one done, they are dropped. */
static int write_vectors(const fd_copy *copy, const void *context) {
    const struct job *job = context;
    fd_embedding_job_row none = job->row;
    none.done = 0;
    int r = copy->to->operations->embedding_job_write(copy->to, &none, NULL, 0);
    return r < 0 ? r
                 : copy->to->operations->embedding_job_write(copy->to, &job->row, job->vectors,
                                                             job->n_vectors);
}

struct places {
    int64_t *from, *to;
    size_t n, n_to;
};

/* Job number `i`, which the target has already if it has as many. */
static int copy_job(fd_copy *copy, const struct places *places, size_t i) {
    FD_CLEANUP(job_clear) struct job job = {0};
    FD_FREE int64_t *theirs = NULL;
    size_t n_theirs;
    int r = read_job(copy->from, places->from[i], &job);
    if (r == 0 && i >= places->n_to)
        r = fd_copy_write(copy, add_job, &job);
    if (r < 0 || job.row.state >= FD_EMBEDDING_JOB_DONE)
        return r;
    r = fd_copy_job_sequences(copy->to, &theirs, &n_theirs);
    if (r < 0 || i >= n_theirs)
        return r < 0 ? r : -EBADMSG;
    job.row.sequence = theirs[i];
    return fd_copy_write(copy, write_vectors, &job);
}

int fd_copy_jobs(fd_copy *copy) {
    struct places places = {0};
    int r = fd_copy_job_sequences(copy->from, &places.from, &places.n);
    if (r == 0)
        r = fd_copy_job_sequences(copy->to, &places.to, &places.n_to);
    if (r == 0)
        fd_copy_begin_part(copy, "embedding jobs", places.n_to);
    for (size_t i = 0; i < places.n && r == 0; i++) {
        r = copy_job(copy, &places, i);
        if (r == 0)
            fd_copy_show(copy, i + 1, places.n);
    }
    free(places.from);
    free(places.to);
    return r;
}
