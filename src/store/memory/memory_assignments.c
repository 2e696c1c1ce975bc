/* Assignments in memory: writing them, and reading the open ones. */
#include "memory_assignments.h"

#include <errno.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "array.h"
#include "memory_row.h"
#include "random_bytes.h"
#include "thread.h"

struct fd_memory_assignment {
    fd_assignment_row row; /* all that it points at lies behind it */
    bool is_committed;
    bool is_changed;    /* by the transaction: it is in the list of changes */
    int64_t expires_ms; /* after the transaction, as the next one */
    int64_t ended_ms;
    UT_hash_handle hh;
};

void fd_memory_assignments_init(fd_memory_assignments *assignments, pthread_rwlock_t *lock) {
    assignments->lock = lock;
    fd_random_bytes(assignments->key, sizeof(assignments->key));
}

static void remove_assignment(fd_memory_assignments *assignments,
                              struct fd_memory_assignment *assignment) {
    HASH_DEL(assignments->by_id, assignment);
    free(assignment);
}

void fd_memory_assignments_clear(fd_memory_assignments *assignments) {
    struct fd_memory_assignment *assignment, *next;
    HASH_ITER(hh, assignments->by_id, assignment, next) {
        remove_assignment(assignments, assignment);
    }
    free(assignments->changed);
}

/* ---- transactions ---- */

void fd_memory_assignments_commit(fd_memory_assignments *assignments) {
    for (size_t i = 0; i < assignments->n_changes; i++) {
        struct fd_memory_assignment *assignment = assignments->changed[i];
        assignment->is_changed = false;
        assignment->is_committed = true;
        assignment->row.expires_ms = assignment->expires_ms;
        if (assignment->ended_ms >= 0)
            remove_assignment(assignments, assignment);
    }
    assignments->n_changes = 0;
    if (assignments->has_next_key)
        memcpy(assignments->key, assignments->next_key, FD_ASSIGNMENT_KEY_SIZE);
    assignments->has_next_key = false;
}

void fd_memory_assignments_rollback(fd_memory_assignments *assignments) {
    for (size_t i = 0; i < assignments->n_changes; i++) {
        struct fd_memory_assignment *assignment = assignments->changed[i];
        assignment->is_changed = false;
        if (!assignment->is_committed)
            remove_assignment(assignments, assignment);
    }
    assignments->n_changes = 0;
    assignments->has_next_key = false;
}

/* ---- the key ---- */

/* Kept by the transaction, and put in the place of the other one at its commit. */
void fd_memory_assignment_key_write(fd_memory_assignments *assignments,
                                    const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) {
    memcpy(assignments->next_key, key, FD_ASSIGNMENT_KEY_SIZE);
    assignments->has_next_key = true;
}

void fd_memory_assignment_key(fd_memory_assignments *assignments,
                              unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]) {
    FD_READ_LOCKED(assignments->lock);
    memcpy(key, assignments->key, FD_ASSIGNMENT_KEY_SIZE);
}

/* ---- writing ---- */

static fd_assignment_row pack(fd_memory_packing *packing, const fd_assignment_row *from) {
    fd_assignment_row row = *from;
    row.id = fd_memory_pack_text(packing, from->id);
    row.annotator = fd_memory_pack_text(packing, from->annotator);
    row.strategy = fd_memory_pack_text(packing, from->strategy);
    return row;
}

static int add(fd_memory_assignments *assignments, const fd_assignment_row *row,
               struct fd_memory_assignment **ret) {
    fd_memory_packing packing = {0};
    (void)pack(&packing, row);
    struct fd_memory_assignment *assignment = calloc(1, sizeof(*assignment) + packing.size);
    if (!assignment)
        return -ENOMEM;
    packing.at = (char *)(assignment + 1);
    assignment->row = pack(&packing, row);
    HASH_ADD_KEYPTR(hh, assignments->by_id, assignment->row.id, strlen(assignment->row.id),
                    assignment);
    if (!assignment->hh.tbl) {
        free(assignment);
        return -ENOMEM;
    }
    *ret = assignment;
    return 0;
}

static int write_row(fd_memory_assignments *assignments, const fd_assignment_row *row) {
    struct fd_memory_assignment *assignment;
    int r = fd_array_reserve(&assignments->changed, &assignments->capacity,
                             assignments->n_changes + 1, sizeof(struct fd_memory_assignment *));
    if (r < 0)
        return r;
    HASH_FIND_STR(assignments->by_id, row->id, assignment);
    if (!assignment)
        r = add(assignments, row, &assignment);
    if (r < 0)
        return r;
    if (!assignment->is_changed)
        assignments->changed[assignments->n_changes++] = assignment;
    assignment->is_changed = true;
    assignment->expires_ms = row->expires_ms;
    assignment->ended_ms = row->ended_ms;
    return 0;
}

int fd_memory_assignments_write(fd_memory_assignments *assignments, size_t n_items,
                                const fd_assignment_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (rows[i].item_a >= n_items || rows[i].item_b >= n_items)
            return -EINVAL;
    int r = 0;
    FD_WRITE_LOCKED(assignments->lock);
    for (size_t i = 0; i < n && r == 0; i++)
        r = write_row(assignments, &rows[i]);
    return r;
}

/* ---- reading ---- */

int fd_memory_assignments_read_open(fd_memory_assignments *assignments,
                                    fd_assignment_row_visit *visit, void *context) {
    int r = 0;
    FD_READ_LOCKED(assignments->lock);
    for (const struct fd_memory_assignment *assignment = assignments->by_id; assignment && r == 0;
         assignment = assignment->hh.next)
        if (assignment->is_committed)
            r = visit(context, &assignment->row);
    return r;
}
