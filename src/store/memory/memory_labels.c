/* Labels in memory: adding them, revising them, and reading their history. */
#include "memory_labels.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "memory_row.h"

struct fd_memory_label {
    fd_label_row row;               /* all that it points at lies behind it */
    struct fd_memory_label *first;  /* revision 0, which is in the hash table */
    struct fd_memory_label *newest; /* of revision 0; used by the writer only */
    struct fd_memory_label *before; /* the revision before; NULL for revision 0 */
    UT_hash_handle hh;
};

/* ---- rows ---- */

static fd_label_row pack_label(fd_memory_packing *packing, const fd_label_row *from) {
    fd_label_row row = *from;
    row.id = fd_memory_pack_text(packing, from->id);
    row.annotator = fd_memory_pack_text(packing, from->annotator);
    row.assignment = fd_memory_pack_text(packing, from->assignment);
    row.comment = fd_memory_pack_text(packing, from->comment);
    return row;
}

static struct fd_memory_label *label_new(const fd_label_row *row) {
    fd_memory_packing packing = {0};
    (void)pack_label(&packing, row);
    struct fd_memory_label *label = calloc(1, sizeof(*label) + packing.size);
    if (!label)
        return NULL;
    packing.at = (char *)(label + 1);
    label->row = pack_label(&packing, row);
    return label;
}

static bool same_label(const fd_label_row *a, const fd_label_row *b) {
    return a->item_a == b->item_a && a->item_b == b->item_b && a->preference == b->preference &&
           fd_memory_same_text(a->annotator, b->annotator) &&
           fd_memory_same_text(a->assignment, b->assignment) && a->duration_ms == b->duration_ms &&
           fd_memory_same_text(a->comment, b->comment);
}

void fd_memory_labels_clear(fd_memory_labels *labels) {
    HASH_CLEAR(hh, labels->by_id); /* as a whole: dropping row by row would search for each */
    fd_memory_table_clear(&labels->table);
}

void fd_memory_labels_drop(fd_memory_labels *labels, size_t keep) {
    while (labels->table.count > keep) {
        struct fd_memory_label *label = labels->table.rows[--labels->table.count];
        if (label->before)
            label->first->newest = label->before;
        else {
            assert(labels->by_id);
            HASH_DEL(labels->by_id, label);
        }
        free(label);
    }
}

void fd_memory_labels_commit(fd_memory_labels *labels) {
    labels->table.committed = labels->table.count;
    labels->committed_ids = HASH_COUNT(labels->by_id);
}

/* ---- adding ---- */

/* A row of the history, not yet in it; NULL: out of memory. */
static struct fd_memory_label *next_label(fd_memory_labels *labels, const fd_label_row *row) {
    if (fd_memory_table_reserve(&labels->table) < 0)
        return NULL;
    struct fd_memory_label *label = label_new(row);
    if (label)
        label->row.sequence = (int64_t)labels->table.count + 1;
    return label;
}

static int label_insert(fd_memory_labels *labels, const fd_label_row *row) {
    struct fd_memory_label *label = next_label(labels, row);
    if (!label)
        return -ENOMEM;
    label->row.original = label->row.sequence;
    label->row.revision = 0;
    label->first = label->newest = label;
    HASH_ADD_KEYPTR(hh, labels->by_id, label->row.id, strlen(label->row.id), label);
    if (!label->hh.tbl) {
        free(label);
        return -ENOMEM;
    }
    labels->table.rows[labels->table.count++] = label;
    return 0;
}

static int label_add(fd_memory_labels *labels, size_t n_items, const fd_label_row *row,
                     int64_t *ret_sequence, fd_added *added) {
    if (row->item_a == row->item_b)
        return -EINVAL;
    struct fd_memory_label *label;
    HASH_FIND_STR(labels->by_id, row->id, label);
    if (label) {
        added->is_foreign = !fd_memory_same_text(label->row.annotator, row->annotator);
        if (!same_label(&label->row, row))
            return -EEXIST;
        added->unchanged++;
        *ret_sequence = 0;
        return 0;
    }
    if (row->item_a >= n_items || row->item_b >= n_items)
        return -EINVAL;
    int r = label_insert(labels, row);
    if (r < 0)
        return r;
    added->created++;
    *ret_sequence = (int64_t)labels->table.count;
    return 0;
}

int fd_memory_labels_add(fd_memory_labels *labels, size_t n_items, const fd_label_row *rows,
                         size_t n, int64_t *sequences, fd_added *ret) {
    size_t before = labels->table.count;
    *ret = (fd_added){0};
    for (size_t i = 0; i < n; i++) {
        int r = label_add(labels, n_items, &rows[i], &sequences[i], ret);
        if (r < 0) {
            fd_memory_labels_drop(labels, before);
            *ret = (fd_added){.conflict = i, .is_foreign = ret->is_foreign};
            return r;
        }
    }
    return 0;
}

/* ---- rows of another history ---- */

/* A row behind the newest revision of its label. */
static int revision_insert(fd_memory_labels *labels, struct fd_memory_label *first,
                           const fd_label_row *row) {
    struct fd_memory_label *label = next_label(labels, row);
    if (!label)
        return -ENOMEM;
    label->row.original = first->row.sequence;
    label->first = first;
    label->before = first->newest;
    first->newest = label;
    labels->table.rows[labels->table.count++] = label;
    return 0;
}

static int label_row_add(fd_memory_labels *labels, size_t n_items, const fd_label_row *row) {
    struct fd_memory_label *first;
    HASH_FIND_STR(labels->by_id, row->id, first);
    uint32_t revision = first ? first->newest->row.revision + 1 : 0;
    if (row->sequence != (int64_t)labels->table.count + 1 || row->revision != revision ||
        row->item_a == row->item_b || row->item_a >= n_items || row->item_b >= n_items)
        return -EINVAL;
    return first ? revision_insert(labels, first, row) : label_insert(labels, row);
}

int fd_memory_label_rows_add(fd_memory_labels *labels, size_t n_items, const fd_label_row *rows,
                             size_t n) {
    size_t before = labels->table.count;
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = label_row_add(labels, n_items, &rows[i]);
    if (r < 0)
        fd_memory_labels_drop(labels, before);
    return r;
}

/* ---- revising ---- */

int fd_memory_label_revise(fd_memory_labels *labels, const fd_label_change *change,
                           fd_label_changed *ret) {
    struct fd_memory_label *first;
    HASH_FIND_STR(labels->by_id, change->id, first);
    if (!first || (change->annotator && strcmp(change->annotator, first->row.annotator) != 0))
        return -ENOENT;
    fd_label_row row = first->newest->row;
    *ret = (fd_label_changed){
        .original = first->row.sequence, .revision = row.revision, .before = row.preference};
    row.preference = change->preference;
    if (change->duration_ms >= 0)
        row.duration_ms = change->duration_ms;
    if (change->comment)
        row.comment = change->comment;
    if (same_label(&row, &first->newest->row))
        return 0;
    row.created_ms = change->created_ms;
    row.revision++;
    int r = revision_insert(labels, first, &row);
    if (r < 0)
        return r;
    ret->revision = row.revision;
    ret->changed = true;
    return 0;
}

/* ---- reading ---- */

int fd_memory_labels_read(const fd_memory_labels *labels, int64_t after, size_t limit,
                          fd_label_visit *visit, void *context) {
    size_t first = after > 0 ? (size_t)after : 0;
    int r = 0;
    for (size_t i = 0; i < limit && r == 0; i++) {
        const struct fd_memory_label *label = fd_memory_table_at(&labels->table, first + i);
        if (!label)
            return 0;
        r = visit(context, &label->row);
    }
    return r;
}

/* Searches the history, since the table of ids is the writer's. */
int fd_memory_label_newest(const fd_memory_labels *labels, const char *id, int64_t *ret_sequence) {
    const struct fd_memory_label *label;
    *ret_sequence = 0;
    for (size_t i = 0; (label = fd_memory_table_at(&labels->table, i)) != NULL; i++)
        if (strcmp(label->row.id, id) == 0)
            *ret_sequence = label->row.sequence;
    return *ret_sequence > 0 ? 0 : -ENOENT;
}
