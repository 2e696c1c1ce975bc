/* The parts of a project in the order in which they are copied, and the comparison at the end. */
#include "copy_run.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "copy_few.h"
#include "copy_mark.h"
#include "copy_read.h"
#include "copy_rows.h"

/* Rows name items, and labels name assignments: these come first. */
static const struct part {
    const char *name;
    fd_copy_reading *read;
    int (*copy_few)(fd_copy *copy);
    fd_copy_rows *copy_rows; /* in the place of copy_few */
} parts[] = {
    {"key of assignments", fd_copy_read_key, fd_copy_key, NULL},
    {"versions of the project", fd_copy_read_project, fd_copy_project, NULL},
    {"embedder", fd_copy_read_embedder, fd_copy_embedder, NULL},
    {"items", fd_copy_read_items, NULL, fd_copy_items},
    {"scores", fd_copy_read_scores, NULL, fd_copy_scores},
    {"assignments", fd_copy_read_assignments, NULL, fd_copy_assignments},
    {"labels", fd_copy_read_labels, NULL, fd_copy_labels},
    {"models", fd_copy_read_models, fd_copy_models, NULL},
    {"embedding jobs", fd_copy_read_jobs, fd_copy_jobs, NULL},
};

/* ---- the target ---- */

/* The key of assignments stays the same as long as a store exists, and is a secret. */
static int name_source(const fd_copy *copy, char name[static FD_COPY_SOURCE_SIZE]) {
    unsigned char key[FD_ASSIGNMENT_KEY_SIZE], hash[(FD_COPY_SOURCE_SIZE - 1) / 2];
    int r = copy->from->operations->assignment_key(copy->from, key);
    if (r < 0)
        return r;
    (void)crypto_generichash(hash, sizeof(hash), key, sizeof(key), NULL, 0);
    (void)sodium_bin2hex(name, FD_COPY_SOURCE_SIZE, hash, sizeof(hash));
    sodium_memzero(key, sizeof(key));
    return 0;
}

static int note_project(void *context, const fd_project_row *row) {
    (void)row;
    *(bool *)context = true;
    return 0;
}

static int note_embedder(void *context, const fd_embedder_row *row) {
    (void)row;
    *(bool *)context = true;
    return 0;
}

static int note_job(void *context, const fd_embedding_job_row *row) {
    (void)row;
    *(bool *)context = true;
    return 0;
}

static int is_used(fd_store *store, bool *ret) {
    const fd_store_operations *operations = store->operations;
    fd_counts counts;
    int r = operations->counts(store, &counts);
    if (r < 0)
        return r;
    *ret = counts.items + counts.label_rows + counts.models > 0;
    r = operations->project_read(store, note_project, ret);
    if (r == 0)
        r = operations->embedder_read(store, note_embedder, ret);
    return r == 0 ? operations->embedding_jobs_read(store, INT64_MAX, 1, note_job, ret) : r;
}

int fd_copy_check_target(const fd_copy *copy, fd_store *to) {
    char source[FD_COPY_SOURCE_SIZE];
    fd_copy_mark mark;
    bool used = false;
    int r = name_source(copy, source);
    if (r == 0)
        r = fd_copy_mark_read(to, &mark);
    if (r == 0)
        r = is_used(to, &used);
    if (r < 0)
        return r;
    if (mark.state == FD_COPY_UNFINISHED && strcmp(mark.source, source) != 0)
        return fd_fault_set(copy->fault, -EINVAL, "",
                            "%s holds an unfinished copy of another project, not of %s; nothing "
                            "was changed",
                            copy->to_name, copy->from_name);
    if (mark.state != FD_COPY_UNFINISHED && used)
        return fd_fault_set(copy->fault, -EINVAL, "",
                            "%s is not empty; a project is copied into an empty database alone, "
                            "and nothing was changed",
                            copy->to_name);
    return 0;
}

static int mark_target(const fd_copy *copy, fd_copy_state state) {
    fd_copy_mark mark;
    int r = fd_copy_mark_read(copy->to, &mark);
    if (r < 0 || mark.state == state)
        return r;
    mark.state = state;
    r = name_source(copy, mark.source);
    return r == 0 ? fd_copy_mark_write(copy->to, &mark) : r;
}

/* ---- copying ---- */

/* How many rows the target has of a part, and the source, where that is known. */
static int count_rows(const fd_copy *copy, const struct part *part, uint64_t *ret_have,
                      uint64_t *ret_total) {
    FD_CLEANUP(fd_digest_clear) fd_digest digest = {0};
    fd_counts from, to;
    int r = copy->from->operations->counts(copy->from, &from);
    if (r == 0)
        r = copy->to->operations->counts(copy->to, &to);
    if (r < 0)
        return r;
    if (part->copy_rows == fd_copy_items || part->copy_rows == fd_copy_labels) {
        *ret_have = part->copy_rows == fd_copy_items ? to.items : to.label_rows;
        *ret_total = part->copy_rows == fd_copy_items ? from.items : from.label_rows;
        return 0;
    }
    r = part->read(copy->to, copy->goes_on, &digest);
    *ret_have = digest.rows;
    *ret_total = UINT64_MAX;
    return r;
}

static int copy_part(fd_copy *copy, const struct part *part) {
    uint64_t have, total;
    if (part->copy_few)
        return part->copy_few(copy);
    int r = count_rows(copy, part, &have, &total);
    if (r < 0)
        return r;
    fd_copy_begin_part(copy, part->name, have);
    return part->copy_rows(copy, have, total);
}

int fd_copy_all(fd_copy *copy) {
    int r = mark_target(copy, FD_COPY_UNFINISHED);
    for (size_t i = 0; i < FD_LENGTH(parts) && r == 0; i++) {
        copy->part = parts[i].name;
        r = copy_part(copy, &parts[i]);
    }
    return r;
}

/* ---- comparing ---- */

static int compare_part(const fd_copy *copy, const struct part *part, uint64_t *ret_rows) {
    FD_CLEANUP(fd_digest_clear) fd_digest from = {0};
    FD_CLEANUP(fd_digest_clear) fd_digest to = {0};
    uint64_t row;
    int r = part->read(copy->from, copy->goes_on, &from);
    if (r == 0)
        r = part->read(copy->to, copy->goes_on, &to);
    if (r < 0)
        return r;
    *ret_rows = to.rows;
    if (from.rows != to.rows)
        return fd_fault_set(copy->fault, -EBADMSG, "", "%s has %llu %s, but %s has %llu",
                            copy->to_name, (unsigned long long)to.rows, part->name, copy->from_name,
                            (unsigned long long)from.rows);
    if (!fd_digest_is_same(&from, &to, &row))
        return fd_fault_set(copy->fault, -EBADMSG, "",
                            "the %s of %s and %s differ, between row %llu and %llu", part->name,
                            copy->from_name, copy->to_name, (unsigned long long)row + 1,
                            (unsigned long long)row + FD_DIGEST_BLOCK);
    return 0;
}

int fd_copy_compare(fd_copy *copy, fd_copied *ret) {
    uint64_t rows[FD_LENGTH(parts)] = {0};
    int r = 0;
    for (size_t i = 0; i < FD_LENGTH(parts) && r == 0; i++) {
        fd_copy_begin_part(copy, parts[i].name, 0);
        (void)fprintf(stderr, "comparing: %s\n", parts[i].name);
        r = compare_part(copy, &parts[i], &rows[i]);
        if (parts[i].copy_rows == fd_copy_scores)
            ret->scores = rows[i];
        else if (parts[i].copy_rows == fd_copy_assignments)
            ret->assignments = rows[i];
        else if (parts[i].copy_few == fd_copy_jobs)
            ret->jobs = rows[i];
    }
    return r == 0 ? copy->to->operations->counts(copy->to, &ret->counts) : r;
}

int fd_copy_finish(const fd_copy *copy) {
    return mark_target(copy, FD_COPY_COMPLETE);
}
